"""`crosscal recalibrate` on a board behind VISA: better on fresh vectors, and remembered by the file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import numpy as np
import onnx
import onnxruntime
import pytest
from command_process import crosscal_process

import crosscal
from crosscal.commands.recalibrate import command
from crosscal.core.errors import CrosscalError
from crosscal.core.run_file import read_run
from crosscal.drivers import Board
from crosscal.pytest_plugin import BenchForTest
from crosscal.runtime import Calibrator, RecalibrationLevel
from crosscal.training import CollectionPlan, Measurements, TrainingPlan, collect, export_calibrator, train

ROWS, COLUMNS = 4, 6
SIZE = {"array": {"rows": ROWS, "columns": COLUMNS}}
BOARD = pytest.mark.crosscal_bench("lab-12x16", **SIZE, programming={"residual_error": 0.03})
"""The board that the calibrators know, but for cells that relax after they were verified."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two calibrators of one board, which are as deep as calibrators get and as shallow."""
    folder = tmp_path_factory.mktemp("recalibration")
    bench = folder / "bench.toml"
    bench.write_text(f'profile = "lab-12x16"\narray = {{ rows = {ROWS}, columns = {COLUMNS} }}\n')
    known = BenchForTest(bench)
    with known.open_board() as board:
        collect(board, folder / "run.h5", CollectionPlan(matrices=16, vectors=40, seed=1))
    known.close()
    data = Measurements.from_run(read_run(folder / "run.h5"))
    for name in ("affine", "whitebox"):
        export_calibrator(train(TrainingPlan(calibrator=name, seed=1), data), folder / f"{name}.onnx")
    np.save(folder / "target.npy", np.random.default_rng(3).uniform(20e-6, 95e-6, (ROWS, COLUMNS)))
    return folder


@pytest.fixture
def target_s(folder: Path) -> np.ndarray:
    return np.load(folder / "target.npy")


def recalibrate(resource: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return crosscal_process("recalibrate", resource, *map(str, arguments), "--backend", "@py", cwd=cwd)


def error_a(
    calibrator: Calibrator, target_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray
) -> float:
    answer_a = calibrator.program(target_s)(current_a, allow_extrapolation=True)
    return float(np.sqrt(np.mean((answer_a - voltage_v @ target_s) ** 2)))


def write_model_of_another_maker(path: Path) -> None:
    """Write a model that answers what it was asked."""
    shapes = {"conductance": (ROWS, COLUMNS), "current": ("batch", COLUMNS), "calibrated": ("batch", COLUMNS)}
    ports = {
        name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    answer = ports.pop("calibrated")
    node = onnx.helper.make_node("Identity", ["current"], ["calibrated"])
    graph = onnx.helper.make_graph([node], "foreign", [*ports.values()], [answer])
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def plain_onnxruntime(path: Path, target_s: np.ndarray, current_a: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {"conductance": target_s.astype(np.float32), "current": current_a.astype(np.float32)}
    return session.run(["calibrated"], inputs)[0]


@BOARD
def test_the_cells_of_a_board_that_aged_are_learned_and_remembered(
    crosscal_bench: BenchForTest, folder: Path, target_s: np.ndarray, tmp_path: Path
) -> None:
    with crosscal_bench.serve_tcp() as server:
        resource = server.resources[0]
        with crosscal.open_board(resource, backend="@py") as board:
            board.program(target_s)
            board.simulation.advance_time(3600.0)
            board.simulation.set_temperature(45.0)
        first = recalibrate(
            resource,
            folder / "whitebox.onnx",
            *("--until", "0.001%", "--max-vectors", "24", "--no-read-back", "-o", "first.onnx"),
            cwd=tmp_path,
        )
        second = recalibrate(resource, "first.onnx", "--until", "5%", "-o", "second.onnx", cwd=tmp_path)
        fresh_v = np.random.default_rng(9).uniform(0.1, 0.5, (100, ROWS))
        with crosscal.open_board(resource, backend="@py") as board:
            fresh_a = board.measure(fresh_v)
    # Noise of a read leaves more than was asked for, but it is better than before: written all the same.
    assert (first.returncode, second.returncode) == (3, 0), first.stderr + second.stderr
    said = " ".join(first.stderr.split())
    assert "asked for 0.001 %" in said
    assert "have the board average more readings" in said
    assert "after 8 known vectors reads are predicted to be off by" in " ".join(second.stderr.split())
    assert "cells have changed" in first.stderr
    assert "and a read-back of all cells" in second.stderr
    assert "cells read back lie" in second.stderr
    assert "before" in first.stdout
    assert "after" in first.stdout
    old, once, twice = (
        crosscal.load_calibrator(path)
        for path in (folder / "whitebox.onnx", tmp_path / "first.onnx", tmp_path / "second.onnx")
    )
    errors = [error_a(calibrator, target_s, fresh_v, fresh_a) for calibrator in (old, once, twice)]
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 1.1 * errors[1]
    assert once.program(target_s).level is RecalibrationLevel.CELLS
    assert twice.recalibration is not None
    assert [entry["vectors"] for entry in twice.recalibration.history] == [24, 8]
    # A target that was never recalibrated keeps what belongs to the channels alone.
    other_s = target_s[::-1].copy()
    assert once.program(other_s).level is RecalibrationLevel.COLUMNS
    np.testing.assert_array_equal(
        plain_onnxruntime(tmp_path / "first.onnx", target_s, fresh_a),
        plain_onnxruntime(folder / "whitebox.onnx", target_s, fresh_a),
    )


@BOARD
def test_a_calibrator_without_cells_learns_gain_and_offset_and_leaves_a_broken_amplifier_out(
    crosscal_bench: BenchForTest, folder: Path, target_s: np.ndarray, tmp_path: Path
) -> None:
    with crosscal_bench.serve_tcp() as server:
        resource = server.resources[0]
        with crosscal.open_board(resource, backend="@py") as board:
            board.simulation.fault_amplifier(2)
        ended = recalibrate(
            *(resource, folder / "affine.onnx", "--matrix", folder / "target.npy", "--program"),
            *("--vectors", "20", "-o", "new.onnx"),
            cwd=tmp_path,
        )
        fresh_v = np.random.default_rng(9).uniform(0.1, 0.5, (100, ROWS))
        with crosscal.open_board(resource, backend="@py") as board:
            np.testing.assert_allclose(board.target_s, target_s, rtol=1e-6)
            board.simulation.clear_faults()
            fresh_a = board.measure(fresh_v)
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stderr.split())
    assert "20 left out" in said
    assert "nothing is known of columns 2" in said
    old, new = (
        crosscal.load_calibrator(folder / "affine.onnx"),
        crosscal.load_calibrator(tmp_path / "new.onnx"),
    )
    heard = [0, 2, 3, 4, 5]
    ideal_a = (fresh_v @ target_s)[:, heard]
    # Column 2 was programmed blindly: no inputs explain what it carries.
    programmed = [calibrator.program(target_s) for calibrator in (old, new)]
    answers_a = [one(fresh_a, allow_extrapolation=True)[:, heard] for one in programmed]
    errors = [np.sqrt(np.mean((answer_a - ideal_a) ** 2)) for answer_a in answers_a]
    assert errors[1] < errors[0]
    # Its gains and offsets hold the calibrator's own error for this matrix: another matrix does without them.
    assert new.program(target_s[::-1].copy()).level is RecalibrationLevel.NOTHING


@BOARD
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("whitebox.onnx", "-o", "taken.onnx"), "--force"),
        (("whitebox.onnx", "-o", "no-such-folder/new.onnx"), "no-such-folder"),
        (("whitebox.onnx", "-o", "new.onnx", "--vectors", "0"), "not in the range"),
        (("whitebox.onnx", "-o", "new.onnx", "--program"), "--matrix"),
        (("missing.onnx", "-o", "new.onnx"), "missing.onnx"),
        (("whitebox.onnx", "-o", "new.onnx", "--matrix", "words.csv"), "words.csv"),
        (("whitebox.onnx", "-o", "new.onnx", "--matrix", "other.npy"), "differs from the target"),
        (("whitebox.onnx", "-o", "new.onnx", "--matrix", "turned.npy", "--program"), r"\(6, 4\)"),
        (("whitebox.onnx", "-o", "new.onnx", "--matrix", "strong.npy", "--program"), "range trained on"),
        (("whitebox.onnx", "-o", "new.onnx", "--matrix", "nan.npy", "--program"), "row 2, column 3"),
        (("whitebox.onnx", "-o", "new.onnx", "--voltage", "0.1V:0.9V"), "protection"),
        (("whitebox.onnx", "-o", "new.onnx", "--voltage", "0.5V:0.1V"), "LOW below HIGH"),
        (("affine.onnx", "-o", "new.onnx", "--vectors", "1"), "2 or more"),
        (("affine.onnx", "-o", "new.onnx", "--until", "1%"), "structured, whitebox"),
        (("whitebox.onnx", "-o", "new.onnx", "--until", "3"), "such as 0.1%"),
        (("whitebox.onnx", "-o", "new.onnx", "--until", "1%", "--vectors", "8"), "give --max-vectors"),
        (("whitebox.onnx", "-o", "new.onnx", "--max-vectors", "8"), "needs --until or --time"),
        (
            ("foreign.onnx", "-o", "new.onnx", "--voltage", "0.1V:0.5V"),
            "foreign.onnx, a model of another maker",
        ),
    ],
)
def test_what_cannot_be_recalibrated_is_one_error_and_writes_nothing(
    crosscal_bench: BenchForTest,
    folder: Path,
    target_s: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    for name in ("whitebox.onnx", "affine.onnx"):
        os.link(folder / name, tmp_path / name)
    write_model_of_another_maker(tmp_path / "foreign.onnx")
    (tmp_path / "taken.onnx").write_text("someone's")
    (tmp_path / "words.csv").write_text("no, numbers")
    spoiled_s = target_s.copy()
    spoiled_s[1, 2] = np.nan
    for name, matrix in {
        "other": target_s[::-1],
        "turned": target_s.T,
        "strong": 3.0 * target_s,
        "nan": spoiled_s,
    }.items():
        np.save(tmp_path / f"{name}.npy", matrix)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    reach = (crosscal_bench.resource, "--backend", crosscal_bench.backend)
    with crosscal_bench.open_board() as board:
        board.program(target_s)
    with pytest.raises((CrosscalError, click.ClickException), match=said):
        command.main([*reach, *arguments], standalone_mode=False)
    with crosscal_bench.open_board() as board:
        np.testing.assert_array_equal(board.target_s, target_s)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("crosscal_bench", [SIZE | {"board": {"serial": "OTHER"}}], indirect=True)
def test_a_file_that_knows_another_boards_amplifiers_is_refused(
    crosscal_bench: BenchForTest, folder: Path, target_s: np.ndarray, tmp_path: Path
) -> None:
    programmed = crosscal.load_calibrator(folder / "affine.onnx").program(target_s)
    path = tmp_path / "of-another.onnx"
    crosscal.runtime.write_recalibrated(
        path, folder / "affine.onnx", programmed, facts={"board": "maker,model,7,1"}
    )
    with crosscal_bench.serve_tcp() as server:
        ended = recalibrate(server.resources[0], path, "-o", "new.onnx", cwd=tmp_path)
    assert ended.returncode == 1
    assert "maker,model,7,1" in ended.stderr


@BOARD
def test_an_interrupted_recalibration_writes_nothing_and_leaves_the_outputs_at_0_v(
    crosscal_bench: BenchForTest, folder: Path, target_s: np.ndarray, tmp_path: Path
) -> None:
    with crosscal_bench.serve_tcp() as server, crosscal_bench.open() as visa:
        with Board.open(server.resources[0], backend="@py") as board:
            board.program(target_s)
        called = [
            *(sys.executable, "-m", "crosscal", "recalibrate", server.resources[0], "--backend", "@py"),
            *(str(folder / "whitebox.onnx"), "--vectors", "4096", "-o", "new.onnx"),
        ]
        process = subprocess.Popen(called, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and visa.query("OUTP?") == "0":
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert visa.query("OUTP?") == "0"
    assert not list(tmp_path.glob("*.onnx*"))
