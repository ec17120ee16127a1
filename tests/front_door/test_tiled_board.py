"""A tiled board calibrated tile by tile, through the instrument, with the calibrator of one tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import crosscal
from crosscal.core.errors import RangeError, ShapeError
from crosscal.drivers import Board
from crosscal.runtime import ColumnPosterior, ProgrammedTiles, TiledCalibrator

ROWS, COLUMNS = 24, 48  # two by three tiles of the shipped calibrator's 12×16


def drawn(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 0.5, (count, ROWS))


MATRIX_S = np.random.default_rng(0).uniform(17e-6, 99e-6, (ROWS, COLUMNS))


@pytest.fixture(scope="module")
def calibrator() -> TiledCalibrator:
    return TiledCalibrator(tile=crosscal.load_calibrator(str(files("crosscal") / "shipped" / "demo.onnx")))


@pytest.fixture(scope="module")
def tiles(calibrator: TiledCalibrator) -> ProgrammedTiles:
    return calibrator.program(MATRIX_S)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    file: Path = tmp_path_factory.mktemp("tiled") / "tiled.toml"
    size = f"[array]\nrows = {ROWS}\ncolumns = {COLUMNS}\n"
    file.write_text(f'profile = "lab-12x16"\n{size}[tiles]\nrows = 2\ncolumns = 3\n')
    with crosscal.open_board("GPIB0::9::INSTR", backend=f"{file}@crosscal") as opened:
        opened.program(MATRIX_S)
        yield opened


def partial_a(board: Board, tiles: ProgrammedTiles, voltage_v: np.ndarray) -> np.ndarray:
    return board.measure(tiles.driven(voltage_v)).reshape(len(voltage_v), -1, COLUMNS)


def nmse(current_a: np.ndarray, voltage_v: np.ndarray) -> float:
    ideal_a = voltage_v @ MATRIX_S
    return float(np.mean((current_a - ideal_a) ** 2) / np.mean((ideal_a - ideal_a.mean(axis=0)) ** 2))


def test_a_row_of_tiles_is_driven_at_a_time(tiles: ProgrammedTiles) -> None:
    voltage_v = drawn(1, 3)
    driven_v = tiles.driven(voltage_v).reshape(3, 2, ROWS)
    assert np.array_equal(driven_v.sum(axis=1), voltage_v)
    assert not driven_v[:, 0, 12:].any()
    assert not driven_v[:, 1, :12].any()


def test_partial_currents_are_calibrated_each_by_its_tile_and_added(tiles: ProgrammedTiles) -> None:
    parts_a = np.random.default_rng(2).uniform(1e-4, 2e-4, (3, 2, COLUMNS))
    answer_a = tiles(parts_a, allow_extrapolation=True)
    by_hand_a = sum(tiles.tiles[p][2](parts_a[:, p, 32:].copy(), allow_extrapolation=True) for p in range(2))
    np.testing.assert_allclose(answer_a[:, 32:], by_hand_a, rtol=1e-12)
    np.testing.assert_allclose(
        tiles(parts_a[0], allow_extrapolation=True), answer_a[0], rtol=1e-5
    )  # other sums of float32 networks
    assert tiles.grid == (2, 3)
    assert tiles.shape == (ROWS, COLUMNS)


def test_what_is_left_corrects_gain_and_offset_of_the_sums(tiles: ProgrammedTiles) -> None:
    parts_a = np.random.default_rng(3).uniform(1e-4, 2e-4, (4, 2, COLUMNS))
    mean = np.column_stack([np.full(COLUMNS, 3e-6), np.linspace(-0.1, 0.1, COLUMNS)])
    posterior = ColumnPosterior(mean=mean, covariance=np.tile(np.eye(2) * 1e-12, (COLUMNS, 1, 1)), noise=1e-7)
    corrected_a = replace(tiles, left=posterior)(parts_a, allow_extrapolation=True)
    plain_a = tiles(parts_a, allow_extrapolation=True)
    np.testing.assert_allclose(corrected_a, plain_a * (1 + mean[:, 1]) + 3e-6, rtol=1e-12)


def test_one_calibrator_serves_all_tiles_and_recalibration_adds_to_it(
    board: Board, tiles: ProgrammedTiles
) -> None:
    voltage_v, known_v = drawn(4, 60), drawn(5, 20)
    measured_a = partial_a(board, tiles, voltage_v)
    with pytest.raises(RangeError, match="no inputs explain"):
        tiles(measured_a)  # these amplifiers have offsets of their own
    raw = nmse(board.measure(voltage_v), voltage_v)
    calibrated = nmse(tiles(measured_a, allow_extrapolation=True), voltage_v)
    recalibrated = tiles.recalibrated(known_v, partial_a(board, tiles, known_v))
    assert calibrated < raw / 20  # 40 times when this was written
    assert nmse(recalibrated(measured_a), voltage_v) < calibrated / 2
    again = nmse(tiles(measured_a, allow_extrapolation=True), voltage_v)
    assert again == calibrated  # the old one stays as it was
    assert recalibrated.report is not None


def test_a_missing_reading_leaves_the_rest_of_a_recalibration_alone(
    board: Board, tiles: ProgrammedTiles
) -> None:
    known_v = drawn(6, 20)
    measured_a = partial_a(board, tiles, known_v)
    measured_a[3, 1, 7] = np.nan
    voltage_v = drawn(7, 40)
    whole_a = partial_a(board, tiles, voltage_v)
    recalibrated = tiles.recalibrated(known_v, measured_a)
    as_trained_a = tiles(whole_a, allow_extrapolation=True)
    assert nmse(recalibrated(whole_a), voltage_v) < nmse(as_trained_a, voltage_v) / 2


def test_arrays_that_do_not_fit_are_refused(calibrator: TiledCalibrator, tiles: ProgrammedTiles) -> None:
    with pytest.raises(ShapeError, match="whole tiles of 12×16"):
        calibrator.program(MATRIX_S[:, :40])
    with pytest.raises(RangeError, match="outside the range trained on"):
        calibrator.program(MATRIX_S * 2)
    with pytest.raises(ShapeError, match=r"vectors of shape \(2, 12\)"):
        tiles.driven(np.zeros((2, 12)))
    with pytest.raises(ShapeError, match=r"partial currents of shape \(48,\)"):
        tiles(np.zeros(COLUMNS))
    with pytest.raises(ShapeError, match="one row per known vector"):
        tiles.recalibrated(drawn(1, 3), np.zeros((5, 2, COLUMNS)))
