"""Gain and offset per column from a few known vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from calibrator_models import Model, affine_model, concatsquash_model

from crosscal.core.errors import CrosscalError, RangeError, ShapeError
from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.runtime.calibrator_file import seal_calibrator
from crosscal.runtime.column_refit import refit_columns

ROWS, COLUMNS = 7, 5
MODELS = [make(ROWS, COLUMNS, np.random.default_rng(1)) for make in (affine_model, concatsquash_model)]


def programmed(model: Model, **changes: Any) -> ProgrammedCalibrator:
    metadata = model.metadata(np.random.default_rng(2), **changes)
    calibrator = Calibrator.from_bytes(seal_calibrator(model.content, metadata), origin="test")
    return calibrator.program(model.matrix(np.random.default_rng(3)), allow_extrapolation=True)


def inverted_affine(calibrator: ProgrammedCalibrator, calibrated_a: np.ndarray) -> np.ndarray:
    """Currents that an affine calibrator turns into `calibrated_a`."""
    offset_a = calibrator(np.zeros(COLUMNS))
    return (calibrated_a - offset_a) / (calibrator(np.ones(COLUMNS)) - offset_a)


@pytest.mark.parametrize("vectors", [2, 3, 20])
def test_undoes_any_gain_and_offset_of_the_columns_exactly_without_noise_or_ridge(vectors: int):
    rng = np.random.default_rng(vectors)
    calibrator = programmed(MODELS[0])
    gain, offset_a = rng.uniform(0.8, 1.2, COLUMNS), rng.normal(0.0, 1e-5, COLUMNS)

    def measured(voltage_v: np.ndarray) -> np.ndarray:
        return inverted_affine(calibrator, gain * (voltage_v @ calibrator.conductance_s) + offset_a)

    known_v, fresh_v = rng.uniform(0.1, 0.5, (vectors, ROWS)), rng.uniform(0.1, 0.5, (9, ROWS))
    repaired = calibrator.recalibrated(known_v, measured(known_v), ridge=0.0)
    ideal_a = fresh_v @ calibrator.conductance_s
    np.testing.assert_allclose(repaired(measured(fresh_v)), ideal_a, rtol=1e-9)
    assert np.abs(calibrator(measured(fresh_v)) / ideal_a - 1.0).max() > 0.05


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
@pytest.mark.parametrize("folded", [True, False])
def test_refits_the_output_of_every_kind_and_leaves_the_old_calibration(model: Model, folded: bool):
    rng = np.random.default_rng(5)
    calibrator = programmed(model) if folded else programmed(model, fold=None)
    current_a = model.currents(rng, 12)
    before = calibrator(current_a)
    voltage_v = rng.uniform(0.1, 0.5, (12, ROWS))
    ideal_a = voltage_v @ calibrator.conductance_s
    gain, offset_a = refit_columns(before, ideal_a, ridge=1e-3)
    repaired = calibrator.recalibrated(voltage_v, current_a)
    np.testing.assert_allclose(repaired(current_a), gain * before + offset_a, rtol=1e-5)
    np.testing.assert_array_equal(calibrator(current_a), before)
    # The mean error of each column is gone, whatever the gain is drawn towards.
    np.testing.assert_allclose(repaired(current_a).mean(axis=0), ideal_a.mean(axis=0), rtol=1e-5)


def test_is_least_squares_without_ridge():
    rng = np.random.default_rng(6)
    calibrated_a, ideal_a = rng.normal(1.0, 0.1, (9, 3)), rng.normal(1.0, 0.1, (9, 3))
    gain, offset_a = refit_columns(calibrated_a, ideal_a, ridge=0.0)
    for j in range(3):
        np.testing.assert_allclose([gain[j], offset_a[j]], np.polyfit(calibrated_a[:, j], ideal_a[:, j], 1))


def test_minimises_what_it_says_it_minimises():
    rng = np.random.default_rng(6)
    calibrated_a, ideal_a = rng.normal(1.0, 0.1, (4, 3)), rng.normal(1.0, 0.1, (4, 3))
    ridge = 0.3
    gain, offset_a = refit_columns(calibrated_a, ideal_a, ridge=ridge)
    pull = ridge * 4 * calibrated_a.var(axis=0).mean()

    def cost(gain: np.ndarray, offset_a: np.ndarray) -> np.ndarray:
        return ((ideal_a - gain * calibrated_a - offset_a) ** 2).sum(axis=0) + pull * (gain - 1.0) ** 2

    least = cost(gain, offset_a)
    for step in (1e-4, -1e-4):
        assert (cost(gain + step, offset_a) > least).all()
        assert (cost(gain, offset_a + step) > least).all()


def test_a_strong_ridge_keeps_gains_and_still_moves_offsets():
    rng = np.random.default_rng(6)
    calibrated_a = rng.normal(1.0, 0.1, (9, 3))
    gain, offset_a = refit_columns(calibrated_a, 2.0 * calibrated_a + 5.0, ridge=1e9)
    np.testing.assert_allclose(gain, 1.0, atol=1e-6)
    np.testing.assert_allclose(offset_a, calibrated_a.mean(axis=0) + 5.0, rtol=1e-6)


def known(rng: np.random.Generator, vectors: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(0.1, 0.5, (vectors, ROWS)), MODELS[1].currents(rng, vectors)


@pytest.mark.parametrize(
    ("spoil", "error", "complaint"),
    [
        (lambda v, i: (v[:1], i[:1]), ShapeError, "got 1 known vectors; allowed: 2 or more"),
        (lambda v, i: (v[:0], i[:0]), ShapeError, "got 0 known vectors"),
        (lambda v, i: (v[:3], i), ShapeError, "3 voltages for 6 currents"),
        (lambda v, i: (v.T, i), ShapeError, "got voltages of shape"),
        (lambda v, i: (v, i[:, :3]), ShapeError, "got currents of shape"),
        (lambda v, i: (v[0], i[0]), ShapeError, "got voltages of shape"),
        (
            lambda v, i: (np.repeat(v[:1], 6, axis=0), i),
            RangeError,
            "ideal currents are all alike in columns 1, 2",
        ),
        (lambda v, i: (v, np.repeat(i[:1], 6, axis=0)), RangeError, "calibrated currents are all alike"),
        (lambda v, i: (np.where(v == v[2, 2], np.nan, v), i), RangeError, "voltages with NaN"),
        (lambda v, i: (v, np.where(i == i[2, 2], np.inf, i)), RangeError, "currents with NaN or infinity"),
    ],
)
def test_vectors_from_which_nothing_can_be_learned_are_one_error(
    spoil: Any, error: type[CrosscalError], complaint: str
):
    calibrator = programmed(MODELS[1])
    with pytest.raises(error, match=complaint):
        calibrator.recalibrated(*spoil(*known(np.random.default_rng(1), 6)))


@pytest.mark.parametrize("ridge", [-1.0, float("nan"), float("inf")])
def test_an_impossible_ridge_is_refused(ridge: float):
    with pytest.raises(RangeError, match="ridge"):
        programmed(MODELS[1]).recalibrated(*known(np.random.default_rng(1), 6), ridge=ridge)
