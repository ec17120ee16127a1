"""The whole journey, once, through the command line: from a board's currents to calibrated currents."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
from command_process import LONGEST_S, crosscal_process

import crosscal
from crosscal.core.run_file import read_run
from crosscal.pytest_plugin import BenchForTest

BENCH = """
profile = "lab-16x12"
array.rows = 5
array.columns = 7
"""
LINK = "TCPIP0::localhost::inst0::INSTR"


def run(*arguments: str, cwd: Path) -> str:
    ended = crosscal_process(*arguments, cwd=cwd)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a board has been measured, and a calibrator trained on it."""
    folder = tmp_path_factory.mktemp("journey")
    (folder / "bench.toml").write_text(BENCH)
    measure = ("collect", LINK, "--backend", "bench.toml@crosscal", "--vectors", "60")
    run(*measure, "--matrices", "40", "--seed", "1", "-o", "run.h5", cwd=folder)
    run(*measure, "--matrices", "6", "--seed", "2", "-o", "holdout.h5", cwd=folder)
    run("train", "run.h5", "--calibrator", "affine", "--seed", "1", "-o", "b.onnx", cwd=folder)
    return folder


def test_a_held_out_run_scores_better_with_the_calibrator_than_without(folder: Path) -> None:
    shown = run("evaluate", "b.onnx", "holdout.h5", "--report", "out", "--truth", "bench.toml", cwd=folder)
    report = json.loads((folder / "out" / "report.json").read_text())
    scores = report["inputs"]["random"]
    assert scores["calibrator"]["nmse"] < 0.2 * scores["nothing"]["nmse"]
    assert scores["calibrator"]["reference_ratio"] > 1.0
    assert (report["rows"], report["columns"]) == (5, 7)
    assert "affine K=8" in shown
    # Of a linear board with a true data sheet, to whom it is told it is worth more than the mean column.
    assert scores["data-sheet estimate"]["nmse"] < scores["calibrator"]["nmse"]
    assert "data-sheet inverse" in shown
    assert "affine K=100" in report["skipped"]
    for picture in ("calibrated_against_ideal_random", "error_by_column", "error_over_array"):
        assert (folder / "out" / f"{picture}.png").read_bytes().startswith(b"\x89PNG")


def test_a_bench_script_reads_calibrated_currents_from_a_board_over_tcp(folder: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "crosscal", "bench", "bench.toml", "--tcp", "0"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        resource = server.stdout.readline().strip()
        rng = np.random.default_rng(5)
        conductance_s, voltage_v = rng.uniform(20e-6, 95e-6, (5, 7)), rng.uniform(0.1, 0.5, (20, 5))
        with crosscal.open_board(resource, backend="@py") as board:
            board.program(conductance_s)
            current_a = board.measure(voltage_v)
        calibrated_a = crosscal.load_calibrator(folder / "b.onnx").program(conductance_s)(current_a)
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=LONGEST_S) == 0
        server.stdout.close()
    ideal_a = voltage_v @ conductance_s
    assert np.mean((calibrated_a - ideal_a) ** 2) < 0.3 * np.mean((current_a - ideal_a) ** 2)


def test_a_collection_that_was_interrupted_resumes_to_what_an_uninterrupted_one_gives(folder: Path) -> None:
    command = [
        *(sys.executable, "-m", "crosscal", "collect", LINK, "--backend", "bench.toml@crosscal"),
        *("--matrices", "1000", "--vectors", "20", "--seed", "9", "-o", "cut.h5"),
    ]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    path = folder / "cut.h5"
    while process.poll() is None and not _any_finished(path):
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    kept = read_run(path)
    assert 0 < len(kept.target_s) < 1000
    assert run(*command[3:], "--resume", cwd=folder) == ""
    whole = read_run(path)
    assert len(whole.target_s) == 1000
    np.testing.assert_array_equal(whole.current_a[: len(kept.target_s)], kept.current_a)


def test_a_collection_that_is_terminated_leaves_the_outputs_at_0_v(
    crosscal_bench: BenchForTest, tmp_path: Path
) -> None:
    with crosscal_bench.serve_tcp() as server, crosscal_bench.open() as visa:
        command = [
            *(sys.executable, "-m", "crosscal", "collect", server.resources[0], "--backend", "@py"),
            *("--matrices", "3000", "--vectors", "20", "-o", "cut.h5"),
        ]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not _any_finished(tmp_path / "cut.h5"):
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)
        assert visa.query("OUTP?") == "1"
        process.terminate()
        _, said = process.communicate(timeout=LONGEST_S)
        assert process.returncode == 130, said
        assert visa.query("OUTP?") == "0"


def _any_finished(path: Path) -> bool:
    """Look into a run while it is written, which HDF5's own lock would forbid."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            return bool(file["finished"][:].any())
    except (OSError, KeyError):
        return False


def test_a_calibrator_of_another_board_is_refused(folder: Path) -> None:
    (folder / "other.toml").write_text('profile = "lab-16x12"\narray.rows = 4\narray.columns = 7\n')
    run(
        *("collect", LINK, "--backend", "other.toml@crosscal", "--matrices", "2", "--vectors", "20"),
        *("-o", "other.h5"),
        cwd=folder,
    )
    ended = subprocess.run(
        [sys.executable, "-m", "crosscal", "evaluate", "b.onnx", "other.h5"],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        cwd=folder,
        env=dict(os.environ),
    )
    assert ended.returncode == 1
    assert "4×7" in ended.stderr
    assert "5×7" in ended.stderr


def test_the_demo_runs_with_the_calibrator_that_comes_along(tmp_path: Path) -> None:
    shown = run("demo", "-o", "demo", cwd=tmp_path)
    scores = json.loads((tmp_path / "demo" / "report.json").read_text())["inputs"]
    assert set(scores) == {"random", "sine", "dc", "fir"}
    for kind, methods in scores.items():
        assert methods["calibrator"]["mse_ma2"] < methods["affine K=8"]["mse_ma2"], kind
        assert kind in shown
