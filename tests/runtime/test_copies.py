"""Copies of calibrators: pickled, deep-copied, and sent to another process, they answer as the original."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibrator_models import Model, affine_model, concatsquash_model
from exact_surrogate import exact_calibrator

from crosscal.runtime import (
    Calibrator,
    ProgrammedCalibrator,
    ReadingWindow,
    TiledCalibrator,
    write_calibrator,
)

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "deepcopy": copy.deepcopy,
}


def written(model: Model, path: Path, **changes: Any) -> Calibrator:
    write_calibrator(path, model.content, model.metadata(np.random.default_rng(2), **changes))
    return Calibrator.load(path)


@pytest.fixture(params=["affine", "concatsquash", "whole graph"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Model, Calibrator]:
    make = concatsquash_model if request.param == "concatsquash" else affine_model
    model = make(4, 5, np.random.default_rng(1))
    window = ReadingWindow(
        drive_v=(0.0, 0.9), gain=np.ones(5), offset_a=np.zeros(5), deviation_a=1e-4
    )  # wide enough for currents that belong to no matrix
    changes: dict[str, Any] = {"reading_window": window, "voltage_range_v": (0.0, 0.5)}
    if request.param == "whole graph":
        changes |= {"kind": "unheard of", "fold": None}
    return model, written(model, tmp_path / "c.onnx", **changes)


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_calibrator_programs_and_reads_as_the_original(case: tuple[Model, Calibrator], how: str):
    model, calibrator = case
    rng = np.random.default_rng(3)
    matrix_s, current_a = model.matrix(rng), model.currents(rng, 6)
    again = COPIES[how](calibrator)
    programmed = calibrator.program(matrix_s)
    np.testing.assert_array_equal(again.program(matrix_s)(current_a), programmed(current_a))
    assert repr(again) == repr(calibrator)
    one = COPIES[how](programmed)
    np.testing.assert_array_equal(one(current_a), programmed(current_a))
    assert not one.conductance_s.flags.writeable
    np.testing.assert_array_equal(one.explains(-current_a), programmed.explains(-current_a))


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_calibrator_that_was_recalibrated_knows_what_it_learned(how: str):
    rng = np.random.default_rng(4)
    target_s = rng.uniform(20e-6, 90e-6, (6, 8))
    voltage_v = rng.uniform(0.1, 0.5, (20, 6))
    learned = exact_calibrator(target_s, 1e-3).recalibrated(voltage_v, 1.02 * voltage_v @ target_s)
    again = COPIES[how](learned)
    current_a = 1.02 * voltage_v @ target_s
    np.testing.assert_array_equal(again(current_a), learned(current_a))
    assert again.level is learned.level
    further = again.recalibrated(voltage_v, current_a)
    np.testing.assert_allclose(further(current_a), learned.recalibrated(voltage_v, current_a)(current_a))


def test_tiles_are_copied_with_their_calibrators(case: tuple[Model, Calibrator]):
    model, calibrator = case
    rng = np.random.default_rng(5)
    tiles = TiledCalibrator(tile=calibrator).program(np.vstack([model.matrix(rng), model.matrix(rng)]))
    parts_a = np.stack([model.currents(rng, 3), model.currents(rng, 3)], axis=1)
    np.testing.assert_array_equal(copy.deepcopy(tiles)(parts_a), tiles(parts_a))


def _read(programmed: ProgrammedCalibrator, current_a: np.ndarray) -> np.ndarray:
    return programmed(current_a)


def test_a_process_that_was_spawned_calibrates(case: tuple[Model, Calibrator]):
    model, calibrator = case
    rng = np.random.default_rng(6)
    programmed, current_a = calibrator.program(model.matrix(rng)), model.currents(rng, 2)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found_a = pool.apply(_read, (programmed, current_a))
    np.testing.assert_array_equal(found_a, programmed(current_a))
