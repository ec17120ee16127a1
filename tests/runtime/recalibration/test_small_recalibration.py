"""Gain and offset per column from a few known vectors, for calibrators that know nothing of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from calibrator_models import Model, affine_model, concatsquash_model

from crosscal.core.errors import CrosscalError, InputError, RangeError, ShapeError
from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.runtime.file_format.calibrator_file import seal_calibrator
from crosscal.runtime.recalibration.column_refit import refit_columns
from crosscal.runtime.recalibration.posterior import RecalibrationLevel

ROWS, COLUMNS = 7, 5
MODELS = [make(ROWS, COLUMNS, np.random.default_rng(1)) for make in (affine_model, concatsquash_model)]


def programmed(model: Model, **changes: Any) -> ProgrammedCalibrator:
    metadata = model.metadata(np.random.default_rng(2), **changes)
    calibrator = Calibrator.from_bytes(seal_calibrator(model.content, metadata), origin="test")
    return calibrator.program(model.matrix(np.random.default_rng(3)), allow_extrapolation=True)


class DriftedBoard:
    """Measures what an affine calibrator turns into ideal currents but for gains, offsets and noise."""

    def __init__(self, calibrator: ProgrammedCalibrator, rng: np.random.Generator, *, drift: float) -> None:
        self.conductance_s, self._rng = calibrator.conductance_s, rng
        self._offset_a = calibrator(np.zeros(COLUMNS))
        self._gain = calibrator(np.ones(COLUMNS)) - self._offset_a
        self._drift = 1.0 + drift * rng.standard_normal(COLUMNS)
        self._shift_a = 1e-4 * drift * rng.standard_normal(COLUMNS)

    def measured(self, voltage_v: np.ndarray, noise_a: float = 1e-7) -> np.ndarray:
        wanted_a = self._drift * (voltage_v @ self.conductance_s) + self._shift_a
        wanted_a += noise_a * self._rng.standard_normal(wanted_a.shape)
        return (wanted_a - self._offset_a) / self._gain

    def error_a(self, calibrator: ProgrammedCalibrator) -> float:
        """Root mean square over fresh vectors."""
        voltage_v = self._rng.uniform(0.1, 0.5, (200, ROWS))
        return float(
            np.sqrt(np.mean((calibrator(self.measured(voltage_v)) - voltage_v @ self.conductance_s) ** 2))
        )


@pytest.mark.parametrize("vectors", [2, 5, 20])
def test_undoes_gains_and_offsets_that_drifted(vectors: int):
    rng = np.random.default_rng(vectors)
    calibrator = programmed(MODELS[0])
    board = DriftedBoard(calibrator, rng, drift=0.05)
    known_v = rng.uniform(0.1, 0.5, (vectors, ROWS))
    repaired = calibrator.recalibrated(known_v, board.measured(known_v))
    assert repaired.level is RecalibrationLevel.COLUMNS
    assert board.error_a(repaired) < 0.1 * board.error_a(calibrator)


def test_comes_to_least_squares_when_readings_are_many_and_noise_is_small():
    rng = np.random.default_rng(6)
    calibrated_a = rng.uniform(2e-5, 1e-4, (300, 3))
    ideal_a = calibrated_a * [1.02, 0.99, 1.05] + [1e-6, -2e-6, 0.0] + 1e-7 * rng.standard_normal((300, 3))
    voltage_v, present = rng.uniform(0.1, 0.5, (300, ROWS)), np.ones((300, 3), dtype=bool)
    mean = refit_columns(voltage_v, calibrated_a, ideal_a, present, posterior=None).posterior.mean
    for j in range(3):
        gain, offset_a = np.polyfit(calibrated_a[:, j], ideal_a[:, j], 1)
        # The prior's pull is some 1e-3 of the statistical error, which is 1e-8 A here.
        np.testing.assert_allclose(mean[j], [offset_a, gain - 1.0], rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("full_scale_a", [1e-3, 1e-9])
@pytest.mark.parametrize(("columns", "vectors"), [(1, 100), (7, 8), (64, 3)])
@pytest.mark.parametrize("gain", [1.0, 1.01])
def test_readings_without_any_noise_are_learned_from(
    columns: int, vectors: int, gain: float, full_scale_a: float
):
    rng = np.random.default_rng(7)
    ideal_a = full_scale_a * rng.uniform(0.1, 1.0, (vectors, columns))
    voltage_v, present, posterior = rng.uniform(0.1, 0.5, (vectors, ROWS)), np.ones(ideal_a.shape, bool), None
    for _ in range(3):
        posterior = refit_columns(voltage_v, ideal_a / gain, ideal_a, present, posterior=posterior).posterior
    offset_a, gain_error = (0.0, 0.0) if posterior is None else posterior.mean.T
    repaired_a = (1.0 + gain_error) * ideal_a / gain + offset_a
    # What is wrong at first is 1e-2; how little of it three vectors leave, the prior's pull decides.
    np.testing.assert_allclose(repaired_a, ideal_a, atol=1e-4 * full_scale_a)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("vectors", [4, 8])
def test_few_noisy_vectors_of_a_board_that_has_not_drifted_do_no_harm(vectors: int, seed: int):
    rng = np.random.default_rng([vectors, seed])
    calibrator = programmed(MODELS[0])
    board = DriftedBoard(calibrator, rng, drift=0.0)
    known_v = rng.uniform(0.1, 0.5, (vectors, ROWS))
    repaired = calibrator.recalibrated(known_v, board.measured(known_v))
    # Least squares would be off by sqrt(2 / K) of the noise on top of it: 1.22 times at 4 vectors.
    assert board.error_a(repaired) < 1.15 * board.error_a(calibrator)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
@pytest.mark.parametrize("folded", [True, False])
def test_refits_the_output_of_every_kind_and_leaves_the_old_calibration(model: Model, folded: bool):
    rng = np.random.default_rng(5)
    calibrator = programmed(model) if folded else programmed(model, fold=None)
    current_a = model.currents(rng, 12)
    before = calibrator(current_a)
    voltage_v = rng.uniform(0.1, 0.5, (12, ROWS))
    ideal_a = voltage_v @ calibrator.conductance_s
    repaired = calibrator.recalibrated(voltage_v, current_a)
    offset_a, gain = repaired.posterior.mean.T
    np.testing.assert_allclose(repaired(current_a), (1 + gain) * before + offset_a, rtol=1e-5)
    np.testing.assert_array_equal(calibrator(current_a), before)
    assert np.mean((repaired(current_a) - ideal_a) ** 2) < np.mean((before - ideal_a) ** 2)


def test_each_refit_builds_on_the_last():
    rng = np.random.default_rng(8)
    calibrator = programmed(MODELS[0])
    board = DriftedBoard(calibrator, rng, drift=0.05)
    traces = []
    for _ in range(3):
        known_v = rng.uniform(0.1, 0.5, (4, ROWS))
        calibrator = calibrator.recalibrated(known_v, board.measured(known_v, noise_a=1e-6))
        traces.append(np.trace(calibrator.posterior.covariance.sum(axis=0)))
    assert traces[2] < 0.6 * traces[0]


def test_a_missing_reading_costs_its_column_alone_where_columns_are_independent():
    rng = np.random.default_rng(9)
    calibrator = programmed(MODELS[0])
    board = DriftedBoard(calibrator, rng, drift=0.05)
    known_v = rng.uniform(0.1, 0.5, (6, ROWS))
    current_a, usable = board.measured(known_v), np.ones((6, COLUMNS), dtype=bool)
    current_a[2, 1], current_a[4, 0] = np.nan, 1e9
    usable[:, 3] = False
    repaired = calibrator.recalibrated(known_v, current_a, usable=usable)
    assert repaired.report.readings_missing == 8
    assert repaired.report.silent_columns == (3,)
    np.testing.assert_array_equal(repaired.posterior.mean[3], 0.0)
    assert (np.abs(repaired.posterior.mean[[0, 1, 2, 4], 1]) > 1e-3).all()


def test_a_missing_reading_costs_its_vector_where_columns_are_read_together():
    rng = np.random.default_rng(9)
    calibrator, current_a = programmed(MODELS[1]), MODELS[1].currents(rng, 6)
    voltage_v = rng.uniform(0.1, 0.5, (6, ROWS))
    left_out = calibrator.recalibrated(np.delete(voltage_v, 2, axis=0), np.delete(current_a, 2, axis=0))
    current_a[2, 1] = np.nan
    repaired = calibrator.recalibrated(voltage_v, current_a)
    assert repaired.report.readings_missing == COLUMNS
    np.testing.assert_allclose(repaired.posterior.mean, left_out.posterior.mean, rtol=0.02, atol=1e-7)


def known(rng: np.random.Generator, vectors: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(0.1, 0.5, (vectors, ROWS)), MODELS[1].currents(rng, vectors)


@pytest.mark.parametrize(
    ("spoil", "error", "complaint"),
    [
        (lambda v, i: (v[:1], i[:1]), ShapeError, "got 1 known vectors; allowed: 2 or more"),
        (lambda v, i: (v[:0], i[:0]), ShapeError, "K of 1 or more"),
        (lambda v, i: (v[:3], i), ShapeError, r"known inputs \(3, 7\), currents \(6, 5\)"),
        (lambda v, i: (v.T, i), ShapeError, r"known inputs \(7, 6\)"),
        (lambda v, i: (v, i[:, :3]), ShapeError, r"currents \(6, 3\)"),
        (lambda v, i: (v[0], i[0]), ShapeError, "one row per known vector"),
        (lambda v, i: (np.repeat(v[:1], 6, axis=0), i), RangeError, "6 known vectors with readings"),
        (
            lambda v, i: (v, np.where(np.arange(6)[:, None] == 2, i, np.nan)),
            RangeError,
            "1 known vectors with readings",
        ),
        (lambda v, i: (np.where(v == v[2, 2], np.nan, v), i), RangeError, r"inputs that are NaN.*\[3, 3\]"),
        (lambda v, i: (v, np.full_like(i, np.nan)), InputError, "6 vectors without one usable reading"),
        (
            lambda v, i: (v, np.where(np.arange(COLUMNS) == 1, np.nan, i)),
            InputError,
            "6 vectors, each with a reading missing",
        ),
        (lambda v, i: (v + 0j, i), InputError, "complex"),
    ],
)
def test_vectors_from_which_nothing_can_be_learned_are_one_error(
    spoil: Any, error: type[CrosscalError], complaint: str
):
    calibrator = programmed(MODELS[1])
    with pytest.raises(error, match=complaint):
        calibrator.recalibrated(*spoil(*known(np.random.default_rng(1), 6)))


def test_usable_that_is_no_truth_value_is_refused():
    voltage_v, current_a = known(np.random.default_rng(1), 6)
    with pytest.raises(InputError, match="True and False"):
        programmed(MODELS[1]).recalibrated(voltage_v, current_a, usable=np.ones((6, COLUMNS)))
