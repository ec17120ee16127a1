"""Recalibration from readings of which one or two are wild: it learns as without them, and counts them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calibrator_models import affine_model
from exact_surrogate import exact_calibrator

from crosscal.runtime import Calibrator, RecalibrationLevel, write_calibrator
from crosscal.runtime.recalibration.outliers import find_outliers

ROWS, COLUMNS, VECTORS = 12, 16, 20
NOISE_A = 3e-8


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(19)


@pytest.mark.parametrize("factor", [3.0, -1.0, 0.0])
def test_one_of_320_readings_gone_wild_costs_nothing_and_is_counted(rng, factor: float):
    target_s = rng.uniform(20e-6, 90e-6, (ROWS, COLUMNS))
    real_s = target_s * (1 + 0.03 * rng.standard_normal(target_s.shape))
    known_v, fresh_v = (rng.uniform(0.1, 0.5, (count, ROWS)) for count in (VECTORS, 200))
    known_a = known_v @ real_s + NOISE_A * rng.standard_normal((VECTORS, COLUMNS))
    wild_a = known_a.copy()
    wild_a[7, 5] *= factor
    programmed = exact_calibrator(target_s, 1e-4)
    clean, robust = (programmed.recalibrated(known_v, current_a) for current_a in (known_a, wild_a))
    fresh_a, ideal_a = fresh_v @ real_s, fresh_v @ target_s
    before, without, with_it = (
        np.sqrt(np.mean((one(fresh_a, allow_extrapolation=True) - ideal_a) ** 2))
        for one in (programmed, clean, robust)
    )
    assert without < 0.8 * before
    assert with_it < 1.1 * without
    assert robust.level is RecalibrationLevel.CELLS
    assert (clean.report.outliers, robust.report.outliers) == (0, 1)
    assert robust.report.readings_missing == 1


def test_a_wild_reading_of_a_calibrator_without_cells_is_left_out_too(rng, tmp_path: Path):
    model = affine_model(ROWS, COLUMNS, np.random.default_rng(1))
    write_calibrator(tmp_path / "a.onnx", model.content, model.metadata(np.random.default_rng(2)))
    target_s = model.matrix(rng)
    programmed = Calibrator.load(tmp_path / "a.onnx").program(target_s)
    known_v = rng.uniform(0.1, 0.5, (VECTORS, ROWS))
    known_a = 0.9 * known_v @ target_s + 1e-7 * rng.standard_normal((VECTORS, COLUMNS))
    wild_a = known_a.copy()
    wild_a[3, 2] *= 3.0
    clean, robust = (programmed.recalibrated(known_v, current_a) for current_a in (known_a, wild_a))
    np.testing.assert_allclose(robust(known_a), clean(known_a), rtol=2e-3)
    assert (clean.report.outliers, robust.report.outliers) == (0, 1)


@pytest.mark.parametrize("change", ["cells", "gains", "offsets"])
def test_what_a_board_may_have_become_makes_no_outliers(rng, change: str):
    target_s = rng.uniform(20e-6, 90e-6, (ROWS, COLUMNS))
    real_s, offset_a = target_s, np.zeros(COLUMNS)
    if change == "cells":
        real_s = target_s * (1 + 0.1 * rng.standard_normal(target_s.shape))
    elif change == "gains":
        real_s = target_s * (1 + 0.1 * rng.standard_normal(COLUMNS))
    else:
        offset_a = 1e-5 * rng.standard_normal(COLUMNS)
    known_v = rng.uniform(0.1, 0.5, (64, ROWS))
    learned = exact_calibrator(target_s, 1e-4).recalibrated(known_v, known_v @ real_s + offset_a)
    assert learned.report.outliers == 0


def test_fewer_than_five_vectors_have_no_outliers_and_silent_columns_none_either(rng):
    residual = rng.standard_normal((4, 3))
    residual[0, 0] = 1e6
    assert not find_outliers(residual, np.ones((4, 3), dtype=bool), 1e-7).any()
    present = np.ones((6, 3), dtype=bool)
    present[:, 1] = False
    assert not find_outliers(rng.standard_normal((6, 3)), present, 1e-7)[:, 1].any()
