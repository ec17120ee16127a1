"""Cells of 0 S, never formed: measured, trained on, exported, programmed, read and recalibrated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import crosscal
from crosscal.command_line import crosscal as command_line
from crosscal.commands.jobs.calibrator_on_board import program_target
from crosscal.core.errors import InputError, RangeError
from crosscal.core.run_file import read_run

RESOURCE = "TCPIP::localhost::INSTR"
SHIPPED = Path(crosscal.__file__).parent / "shipped" / "demo.onnx"
RANGES = ("--conductance", "10uS:100uS", "--draw", "off:0.7@0S")
BENCH = """\
[array]
rows = 6
columns = 9
conductance_min_s = 0
conductance_max_s = 100e-6
inputs_v = [0.1, 0.5]

[noise]
read_a = 1e-7

[front_end]
profile = "ideal"
gain_error = 0.005
"""


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(command_line, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.exception
    return done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formed")
    (folder / "bench.toml").write_text(BENCH)
    size = ("--backend", f"{folder / 'bench.toml'}@crosscal", *RANGES, "--vectors", "100")
    run("collect", RESOURCE, *size, "--matrices", "10", "-o", folder / "run.h5")
    return folder


@pytest.fixture(scope="module", params=["affine", "concatsquash", "structured", "whitebox"])
def calibrator(request: pytest.FixtureRequest, folder: Path) -> Path:
    """A file whose parity with plain onnxruntime was tested when it was written."""
    path = folder / f"{request.param}.onnx"
    epochs = ("--epochs", "1") if request.param == "concatsquash" else ()
    run("train", folder / "run.h5", "--calibrator", request.param, *epochs, "-o", path, "--accept-worse")
    return path


def matrix(rng: np.random.Generator) -> np.ndarray:
    """Half of the cells, a whole row and a whole column were never formed."""
    matrix_s = rng.uniform(10e-6, 100e-6, (6, 9))
    matrix_s[rng.random((6, 9)) < 0.5] = 0.0
    matrix_s[2], matrix_s[:, 4] = 0.0, 0.0
    return matrix_s


def test_most_of_the_cells_of_a_run_are_not_there(folder: Path) -> None:
    measured = read_run(folder / "run.h5")
    absent = measured.target_s == 0.0
    assert 0.6 < absent.mean() < 0.8
    assert (~absent).any(axis=1).mean() < 0.95  # whole columns too
    assert measured.target_s[~absent].min() >= 10e-6
    assert measured.true_conductance_s is not None
    np.testing.assert_array_equal(measured.true_conductance_s == 0.0, absent)
    assert (measured.cells_failed == 0).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_calibrator_reads_and_recalibrates_them(calibrator: Path, folder: Path) -> None:
    rng = np.random.default_rng(4)
    target_s, voltage_v = matrix(rng), rng.uniform(0.1, 0.5, (160, 6))
    with crosscal.open_board(RESOURCE, backend=f"{folder / 'bench.toml'}@crosscal") as board:
        board.program(target_s)
        current_a = board.measure(voltage_v)
    programmed = crosscal.load_calibrator(calibrator).program(target_s)
    recalibrated = programmed.recalibrated(voltage_v[:32], current_a[:32])
    ideal_a = voltage_v[32:] @ target_s
    before_a, first_a, later_a = (
        np.sqrt(np.mean((found_a - ideal_a) ** 2))
        for found_a in (current_a[32:], programmed(current_a[32:]), recalibrated(current_a[32:]))
    )
    assert later_a < before_a / 3
    if calibrator.stem in ("structured", "whitebox"):
        # Read noise is 1e-7 A: a column of six inputs that are known from nine readings is a little better.
        assert first_a < 1.2e-7
        found_a, deviation_a = recalibrated.with_uncertainty(current_a[32:])
        formed = target_s.any(axis=0)
        z = (found_a - ideal_a)[:, formed] / deviation_a[:, formed]
        assert 0.8 < np.sqrt(np.mean(z**2)) < 1.25


def test_a_board_that_must_form_its_cells_refuses_such_a_draw(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        command_line,
        [
            "collect",
            RESOURCE,
            "--backend",
            "lab-12x16@crosscal",
            "--draw",
            "off:0.5@0S",
            "-o",
            str(tmp_path / "run.h5"),
        ],
    )
    assert isinstance(done.exception, RangeError)
    assert "conductances from 0 to 0.0001 S" in str(done.exception)
    assert not (tmp_path / "run.h5").exists()


def test_a_matrix_of_zeros_is_nothing_to_recalibrate_on(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text(BENCH)
    calibrator = crosscal.load_calibrator(SHIPPED)
    with (
        crosscal.open_board(RESOURCE, backend=f"{tmp_path / 'bench.toml'}@crosscal") as board,
        pytest.raises(InputError, match="a target of zeros"),
    ):
        program_target(calibrator, board, None, program=False)
