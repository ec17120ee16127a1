"""Readings that no inputs of the trained window explain are refused; all others keep what was promised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import crosscal
from crosscal.core.errors import RangeError
from crosscal.core.run_file import read_run
from crosscal.drivers import Board
from crosscal.pytest_plugin import BenchForTest
from crosscal.runtime import ProgrammedCalibrator
from crosscal.training import CollectionPlan, Measurements, TrainingPlan, collect, export_calibrator, train

ROWS, COLUMNS = 6, 8
LOW_V, HIGH_V = 0.0, 0.5
KINDS = ("structured", "affine")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> BenchForTest:
    file = tmp_path_factory.mktemp("window") / "bench.toml"
    file.write_text(f'profile = "lab-12x16"\narray = {{ rows = {ROWS}, columns = {COLUMNS} }}\n')
    return BenchForTest(file)


@pytest.fixture(scope="module")
def files(bench: BenchForTest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("calibrators")
    plan = CollectionPlan(matrices=40, vectors=60, seed=1, voltage_range_v=(LOW_V, HIGH_V))
    with bench.open_board() as board:
        collect(board, folder / "run.h5", plan)
    data = Measurements.from_run(read_run(folder / "run.h5"))
    for kind in KINDS:
        export_calibrator(train(TrainingPlan(calibrator=kind, seed=1), data), folder / f"{kind}.onnx")
    return {kind: folder / f"{kind}.onnx" for kind in KINDS}


@pytest.fixture(scope="module")
def target_s() -> np.ndarray:
    return np.random.default_rng(5).uniform(20e-6, 95e-6, (ROWS, COLUMNS))


@pytest.fixture
def board(bench: BenchForTest, target_s: np.ndarray):
    with bench.open_board() as opened:
        opened.program(target_s)
        yield opened


@pytest.fixture(params=KINDS)
def programmed(request: pytest.FixtureRequest, files: dict[str, Path], target_s: np.ndarray):
    return crosscal.load_calibrator(files[request.param]).program(target_s)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def sparse_vectors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    half = np.array([rng.permutation(ROWS) < ROWS // 2 for _ in range(40)])
    return {
        "one row at 0.3 V, the others at 0 V": 0.3 * np.eye(ROWS),
        "half the rows at 0 V": np.where(half, rng.uniform(LOW_V, HIGH_V, half.shape), 0.0),
        "half the rows at 0.3 V, the others at 0 V": np.where(half, 0.3, 0.0),
    }


def test_of_a_thousand_ordinary_reads_one_at_most_is_refused(board: Board, programmed: ProgrammedCalibrator):
    voltage_v = np.random.default_rng(6).uniform(LOW_V, HIGH_V, (1000, ROWS))
    assert (~programmed.explains(board.measure(voltage_v))).sum() <= 1


def test_sparse_vectors_inside_the_window_are_calibrated_to_half_the_raw_error(
    board: Board, files: dict[str, Path], target_s: np.ndarray
):
    programmed = crosscal.load_calibrator(files["structured"]).program(target_s)
    for name, voltage_v in sparse_vectors(np.random.default_rng(7)).items():
        current_a = board.measure(voltage_v)
        calibrated_a, deviation_a = programmed.with_uncertainty(current_a)
        ideal_a = voltage_v @ target_s
        assert rms(calibrated_a - ideal_a) <= 0.5 * rms(current_a - ideal_a), name
        assert np.isfinite(deviation_a).all()
        assert (deviation_a > 0.0).all()


@pytest.mark.crosscal_bench("lab-12x16")
def test_affine_refuses_sparse_vectors_on_which_it_is_worse_than_nothing(
    crosscal_bench: BenchForTest, tmp_path: Path
):
    plan = CollectionPlan(matrices=20, vectors=60, seed=1, voltage_range_v=(LOW_V, HIGH_V))
    rng = np.random.default_rng(11)
    with crosscal_bench.open_board() as board:
        collect(board, tmp_path / "run.h5", plan)
        data = Measurements.from_run(read_run(tmp_path / "run.h5"))
        export_calibrator(train(TrainingPlan(calibrator="affine", seed=1), data), tmp_path / "affine.onnx")
        target_s = board.target_s
        programmed = crosscal.load_calibrator(tmp_path / "affine.onnx").program(target_s)
        rows = board.shape[0]
        sparse_v = 0.3 * np.eye(rows)
        sparse_a = board.measure(sparse_v)
        ordinary_a = board.measure(rng.uniform(LOW_V, HIGH_V, (1000, rows)))
    ideal_a = sparse_v @ target_s
    wrong_a = rms(programmed(sparse_a, allow_extrapolation=True) - ideal_a)
    assert wrong_a > 2.0 * rms(sparse_a - ideal_a)
    assert not programmed.explains(sparse_a).any()
    with pytest.raises(RangeError, match="of a level that affine was not trained on"):
        programmed(sparse_a)
    assert (~programmed.explains(ordinary_a)).sum() <= 1


def test_readings_of_inputs_outside_the_window_are_refused_and_name_it(
    board: Board, programmed: ProgrammedCalibrator
):
    rng = np.random.default_rng(8)
    inside_a = board.measure(rng.uniform(0.1, HIGH_V, (50, ROWS)))
    outside_a = {
        "±0.4 V": board.measure(rng.choice([-0.4, 0.4], (50, ROWS))),
        "0.55 V on all rows": board.measure(np.full((3, ROWS), 0.55)),
        "reversed sign": -inside_a,
    }
    for name, current_a in outside_a.items():
        # All rows at +0.4 V, or nearly all, is inside the window.
        likely = 0.8 if name == "±0.4 V" else 1.0
        assert np.mean(~programmed.explains(current_a)) >= likely, name
        with pytest.raises(RangeError, match=r"no inputs explain.*inputs of 0 V to 0\.5 V"):
            programmed(current_a)


def test_zero_currents_are_refused_where_0_v_is_outside_the_window(
    bench: BenchForTest, target_s: np.ndarray, tmp_path: Path
):
    plan = CollectionPlan(matrices=20, vectors=60, seed=2, voltage_range_v=(0.1, HIGH_V))
    with bench.open_board() as board:
        collect(board, tmp_path / "run.h5", plan)
    data = Measurements.from_run(read_run(tmp_path / "run.h5"))
    for kind in KINDS:
        export_calibrator(train(TrainingPlan(calibrator=kind, seed=1), data), tmp_path / f"{kind}.onnx")
        programmed = crosscal.load_calibrator(tmp_path / f"{kind}.onnx").program(target_s)
        assert "inputs of 0.1 V to 0.5 V" in repr(programmed)
        with pytest.raises(RangeError, match=r"inputs of 0\.1 V to 0\.5 V"):
            programmed(np.zeros(COLUMNS))


def test_a_refused_reading_leaves_the_output_as_it_was(board: Board, programmed: ProgrammedCalibrator):
    current_a = board.measure(np.random.default_rng(9).uniform(0.1, HIGH_V, (4, ROWS)))
    current_a[2] = -current_a[2]
    before_a, out_a = current_a.copy(), np.full_like(current_a, 7.0)
    for target in (out_a, current_a):
        with pytest.raises(RangeError, match="vector 3 "):
            programmed(current_a, target)
    np.testing.assert_array_equal(out_a, 7.0)
    np.testing.assert_array_equal(current_a, before_a)


def test_extrapolation_states_a_deviation_as_large_as_its_error(
    board: Board, files: dict[str, Path], target_s: np.ndarray
):
    calibrator = crosscal.load_calibrator(files["structured"])
    voltage_v = np.random.default_rng(10).uniform(-0.4, 0.4, (100, ROWS))
    current_a = board.measure(voltage_v)
    unexplained = ~calibrator.program(target_s).explains(current_a)
    assert unexplained.sum() > 50
    allowed = calibrator.program(target_s, allow_extrapolation=True)
    calibrated_a, deviation_a = allowed.with_uncertainty(current_a[unexplained])
    wrong = rms(calibrated_a - (voltage_v @ target_s)[unexplained]) / rms(deviation_a)
    assert 0.1 < wrong < 1.5


def test_missing_currents_are_not_taken_for_unexplained_readings(
    board: Board, programmed: ProgrammedCalibrator
):
    current_a = board.measure(np.random.default_rng(11).uniform(0.1, HIGH_V, (3, ROWS)))
    current_a[1, 4] = np.nan
    answer_a = programmed(current_a, allow_nan=True)
    assert np.isfinite(answer_a[[0, 2]]).all()
    assert np.isnan(answer_a[1, 4])
    current_a[2] = -current_a[2]
    with pytest.raises(RangeError, match="vector 3 "):
        programmed(current_a, allow_nan=True)
