"""`crosscal export-c`: a header and a library from the shipped calibrator, or one clear error."""

from __future__ import annotations

import ctypes
import shutil
from pathlib import Path

import numpy as np
import pytest
from calibrator_models import affine_model
from click.testing import CliRunner, Result

import crosscal
from crosscal.command_line import crosscal as command_line
from crosscal.core.errors import CrosscalError, InputError, RangeError, ShapeError
from crosscal.runtime.file_format.calibrator_file import seal_calibrator

SHIPPED = Path(crosscal.__file__).parent / "shipped" / "demo.onnx"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("g.npy", np.random.default_rng(1).uniform(20e-6, 95e-6, (12, 16)))


def run(*arguments: str | Path, calibrator: Path = SHIPPED, matrix: str = "g.npy") -> Result:
    given = ["export-c", str(calibrator), "--matrix", matrix, *map(str, arguments)]
    return CliRunner().invoke(command_line, given)


def message(result: Result, *, of: type[CrosscalError]) -> str:
    assert result.exit_code == 1
    assert isinstance(result.exception, of), result.output
    return str(result.exception)


def test_writes_a_header_under_the_name_that_was_asked_for() -> None:
    assert run("-o", "b7.h", "--name", "b7", "--self-test").exit_code == 0
    text = Path("b7.h").read_text()
    for said in ("b7_calibrate(", "b7_self_test(", "b7_calibrate_with_deviation(", "demo.onnx", "12 rows"):
        assert said in text


def test_the_same_export_gives_the_same_bytes() -> None:
    for name in ("one.h", "two.h"):
        assert run("-o", name).exit_code == 0
    assert Path("one.h").read_bytes() == Path("two.h").read_bytes()


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler (cc) on this machine")
def test_a_library_answers_as_the_calibrator_does() -> None:
    assert run("-o", "b7.h", "--name", "b7", "--library").exit_code == 0
    (library,) = (path for path in Path().iterdir() if path.suffix in (".so", ".dylib", ".dll"))
    matrix_s = np.load("g.npy")
    current_a = (np.random.default_rng(2).uniform(0.15, 0.45, (3, 12)) @ matrix_s).astype(np.float32)
    programmed = crosscal.load_calibrator(SHIPPED).program(matrix_s, allow_extrapolation=True)
    expected_a = programmed(current_a.astype(np.float64))
    answer_a, status = np.zeros_like(current_a), np.full(3, 9, dtype=np.uint8)
    at = [ctypes.c_void_p(array.ctypes.data) for array in (current_a, answer_a, status)]
    good = ctypes.CDLL(str(library.resolve())).b7_calibrate_batch(3, *at)
    assert good == (status == 0).sum()
    known = status == 0
    assert np.abs(answer_a - expected_a)[known].max(initial=0) <= 1e-5 * np.abs(expected_a).max()
    assert (answer_a[~known] == 0).all()


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler (cc) on this machine")
def test_a_library_knows_the_cells_that_were_read_back() -> None:
    matrix_s = np.load("g.npy")
    read_back_s = matrix_s * (1.0 + 0.03 * np.random.default_rng(3).standard_normal(matrix_s.shape))
    np.save("cells.npy", read_back_s)
    assert run("-o", "b7.h", "--name", "b7", "--library", "--read-back", "cells.npy").exit_code == 0
    (library,) = (path for path in Path().iterdir() if path.suffix in (".so", ".dylib", ".dll"))
    calibrator = crosscal.load_calibrator(SHIPPED)
    alone, informed = calibrator.program(matrix_s), calibrator.program(matrix_s, read_back_s=read_back_s)
    tensors = informed.correction.tensors
    z = np.random.default_rng(4).uniform(-1.5, 1.5, (5, 12))
    current_a = (tensors.predicted(z) / tensors.current_scale + tensors.current_shift).astype(np.float32)
    expected_a = informed(current_a.astype(np.float64))
    answer_a, status = np.zeros_like(current_a), np.full(5, 9, dtype=np.uint8)
    at = [ctypes.c_void_p(array.ctypes.data) for array in (current_a, answer_a, status)]
    assert ctypes.CDLL(str(library.resolve())).b7_calibrate_batch(5, *at) == 5
    largest_a = np.abs(expected_a).max()
    assert np.abs(answer_a - expected_a).max() <= 1e-5 * largest_a
    blind_a = alone(current_a.astype(np.float64), allow_extrapolation=True)
    assert np.abs(answer_a - blind_a).max() > 1e-3 * largest_a


def test_a_compiler_that_is_not_there_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert "no C compiler" in message(run("-o", "b7.h", "--library"), of=InputError)


def test_a_matrix_out_of_range_or_of_another_size_is_refused_before_anything_is_written() -> None:
    np.save("high.npy", np.full((12, 16), 1e-3))
    assert "outside the range trained on" in message(run(matrix="high.npy"), of=RangeError)
    np.save("small.npy", np.full((3, 4), 5e-5))
    message(run(matrix="small.npy"), of=ShapeError)
    assert not Path("calibrator.h").exists()


def test_a_calibrator_that_does_not_fold_is_refused() -> None:
    model = affine_model(12, 16, np.random.default_rng(1))
    whole = model.metadata(np.random.default_rng(2), fold=None, kind="own")
    Path("own.onnx").write_bytes(seal_calibrator(model.content, whole))
    said = message(run(calibrator=Path("own.onnx")), of=InputError)
    assert "'own'" in said
    assert "concatsquash" in said


def test_fixed_point_is_refused_for_kinds_that_look_for_inputs() -> None:
    assert "leave --fixed-point out" in message(run("--fixed-point"), of=InputError)


@pytest.mark.parametrize("name", ["7b", "b-7", "while", "b__7"])
def test_a_name_that_is_no_c_identifier_is_refused(name: str) -> None:
    assert "C identifier" in message(run("--name", name), of=InputError)


def test_a_file_that_exists_is_replaced_with_force_alone() -> None:
    Path("calibrator.h").write_text("mine")
    refused = run()
    assert "--force" in message(refused, of=InputError)
    assert Path("calibrator.h").read_text() == "mine"
    assert run("--force").exit_code == 0
    assert "calibrator_calibrate" in Path("calibrator.h").read_text()
