"""`crosscal calibrate` on boards that nobody knows: one command from nothing to a tested calibrator."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_process import LONGEST_S
from lab_boards import BentBoard

import crosscal
from crosscal.commands.jobs.calibration import Told, calibrate_in_rounds
from crosscal.core.run_file import read_run
from crosscal.training import BoardDescription, CollectionPlan

TESTS = Path(__file__).parent


def calibrate(tmp_path: Path, board: str, *options: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "crosscal",
            "calibrate",
            f"python:lab_boards:{board}",
            "-o",
            "b7.onnx",
            *options,
        ],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )


def written(tmp_path: Path) -> list[np.ndarray]:
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    return [np.array(json.loads(line)) for line in lines]


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("calibrated")
    done = calibrate(folder, "already_programmed?log=log", "--matrices", "10", "--voltage", "-0.2V:0.2V")
    assert done.returncode == 0, done.stderr
    (folder / "out.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return folder


def test_calibrated_currents_are_far_better_than_a_plain_fit_on_fresh_matrices(calibrated: Path) -> None:
    sys.path.insert(0, str(TESTS))
    from lab_boards import BentBoard

    calibrator = crosscal.load_calibrator(calibrated / "b7.onnx")
    rng = np.random.default_rng(9)
    errors = {"raw": 0.0, "calibrated": 0.0, "affine": 0.0}
    with BentBoard(seed=5) as board:
        for _ in range(3):
            target_s = rng.uniform(2e-6, 20e-6, (10, 12))
            voltage_v = rng.uniform(-0.2, 0.2, (100, 10))
            board.program(target_s)
            current_a, ideal_a = board.measure(voltage_v), voltage_v @ target_s
            line = [np.polyfit(current_a[:50, m], ideal_a[:50, m], 1) for m in range(12)]
            affine_a = np.stack([np.polyval(fit, current_a[:, m]) for m, fit in enumerate(line)], axis=1)
            errors["raw"] += np.mean((current_a - ideal_a)[50:] ** 2)
            errors["affine"] += np.mean((affine_a - ideal_a)[50:] ** 2)
            errors["calibrated"] += np.mean((calibrator.program(target_s)(current_a) - ideal_a)[50:] ** 2)
    # Affine knows 50 vectors of each matrix and cannot unbend the law; noise alone is far below.
    assert errors["calibrated"] < 0.1 * errors["affine"] < errors["raw"]


def test_the_matrix_that_was_found_is_the_last_one_written(calibrated: Path) -> None:
    log = written(calibrated)
    np.testing.assert_array_equal(log[-1], np.linspace(3e-6, 18e-6, 120).reshape(10, 12))
    used = read_run(calibrated / "b7" / "run.h5").target_s
    assert len(log) == len(used) + 2
    assert len(used) <= 10


def test_the_paragraph_says_what_was_found_and_the_report_has_pictures(calibrated: Path) -> None:
    text = (calibrated / "b7" / "summary.txt").read_text(encoding="utf-8")
    for words in ("Law:", "Channels:", "matrices were programmed in all", "NMSE", "stated deviation"):
        assert words in text, text
    assert json.loads((calibrated / "b7" / "report.json").read_text(encoding="utf-8"))["rows"] == 10
    assert (calibrated / "b7" / "error_against_matrices.png").stat().st_size > 5_000


def test_the_calibrator_knows_the_ranges_that_it_was_trained_on(calibrated: Path) -> None:
    calibrator = crosscal.load_calibrator(calibrated / "b7.onnx")
    assert calibrator.conductance_range_s == pytest.approx((2e-6, 20e-6))
    programmed = calibrator.program(np.full((10, 12), 1e-5))
    assert programmed.voltage_range_v == pytest.approx((-0.2, 0.2))


def test_where_readings_ignore_the_matrix_nothing_is_trained_or_written(tmp_path: Path) -> None:
    done = calibrate(tmp_path, "Deaf", "--matrices", "5", "--vectors", "40")
    assert done.returncode == 3, done.stderr
    assert not (tmp_path / "b7.onnx").exists()
    assert "do not look like the matrix" in done.stderr
    again = calibrate(tmp_path, "Deaf", "--matrices", "5", "--vectors", "40", "--accept-worse")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "b7.onnx").exists()


def test_where_no_model_fits_the_misfit_is_shown_by_column_and_nothing_is_written(tmp_path: Path) -> None:
    done = calibrate(tmp_path, "Restless", "--matrices", "5", "--vectors", "220")
    assert done.returncode == 3, done.stderr + done.stdout
    assert not (tmp_path / "b7.onnx").exists()
    assert "column 12: error" in done.stderr
    assert "--accept-worse" in done.stderr


def test_after_ctrl_c_the_same_command_goes_on_with_what_was_measured(tmp_path: Path) -> None:
    options = ("--matrices", "12", "--vectors", "60")
    cut = calibrate(tmp_path, "Interrupted?log=log", *options)
    assert cut.returncode == 130, cut.stderr
    assert not (tmp_path / "b7.onnx").exists()
    kept = len(read_run(tmp_path / "b7" / "run.h5").target_s)
    assert kept >= 5
    before = len(written(tmp_path))
    done = calibrate(tmp_path, "Interrupted?log=log", *options)
    assert done.returncode == 0, done.stderr
    used = len(read_run(tmp_path / "b7" / "run.h5").target_s)
    assert len(written(tmp_path)) - before <= used - kept + 1


def test_no_round_begins_once_the_time_is_used_up(tmp_path: Path) -> None:
    board = BentBoard()
    plan = CollectionPlan(matrices=12, vectors=40, seed=1).resolved(BoardDescription.of(board))
    ticks_s = itertools.count(0.0, 100.0)
    told = Told(**dict.fromkeys(("measured", "trained", "began", "tested", "restored"), lambda _: None))
    calibration = calibrate_in_rounds(
        board,
        tmp_path,
        plan,
        calibrator="affine",
        time_s=150.0,
        accept_worse=True,
        told=told,
        clock=lambda: next(ticks_s),
    )
    assert [trial.matrices for trial in calibration.rounds] == [3, 5]
    assert calibration.ended == "the time of 2.5 minutes is used up"


def test_an_output_that_exists_is_refused_before_anything_is_programmed(tmp_path: Path) -> None:
    (tmp_path / "b7.onnx").write_text("mine", encoding="utf-8")
    done = calibrate(tmp_path, "BentBoard?log=log")
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert not (tmp_path / "log").exists()
