"""Recalibration through the calibrator that a user holds."""

from __future__ import annotations

import numpy as np
import pytest
from exact_surrogate import exact_calibrator, measured

from crosscal.core.errors import ShapeError
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.posterior import RecalibrationLevel
from crosscal.runtime.recalibration.vectors import informative_vectors

ROWS, COLUMNS, NOISE = 9, 6, 1e-3


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(30)


@pytest.fixture
def calibrator(rng) -> ProgrammedCalibrator:
    """Of ohmic cells without wires, whose surrogate is exact."""
    return exact_calibrator(rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS)), NOISE)


def root_mean_square(calibrator, real_s, rng) -> float:
    voltage_v = rng.uniform(0.1, 0.5, (300, ROWS))
    error_a = calibrator(measured(real_s, voltage_v, NOISE, rng)) - voltage_v @ calibrator.conductance_s
    return float(np.sqrt(np.mean(error_a**2)))


def test_a_user_recalibrates_the_cells_and_leaves_the_old_calibrator_as_it_was(calibrator, rng):
    real_s = calibrator.conductance_s * (1 + 0.05 * rng.standard_normal((ROWS, COLUMNS)))
    voltage_v = informative_vectors(30, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    before = calibrator(measured(real_s, voltage_v, NOISE, np.random.default_rng(1)))
    better = calibrator.recalibrated(voltage_v, measured(real_s, voltage_v, NOISE, rng))
    assert better.report.level is RecalibrationLevel.CELLS
    assert root_mean_square(better, real_s, rng) < 0.7 * root_mean_square(calibrator, real_s, rng)
    np.testing.assert_array_equal(
        calibrator(measured(real_s, voltage_v, NOISE, np.random.default_rng(1))), before
    )


@pytest.mark.parametrize(("rows", "columns"), [(1, 7), (7, 1), (9, 6)])
@pytest.mark.parametrize("vectors", [8, 70])
def test_readings_without_any_noise_are_learned_from(rows, columns, vectors, rng):
    calibrator = exact_calibrator(rng.uniform(16.6e-6, 100e-6, (rows, columns)), NOISE)
    real_s = calibrator.conductance_s * (1 + 0.05 * rng.standard_normal((rows, columns)))
    fresh_v = rng.uniform(0.1, 0.5, (50, rows))

    def rms_a(calibrator: ProgrammedCalibrator) -> float:
        return float(
            np.sqrt(np.mean((calibrator(fresh_v @ real_s) - fresh_v @ calibrator.conductance_s) ** 2))
        )

    better = calibrator
    for _ in range(3):
        voltage_v = rng.uniform(0.1, 0.5, (vectors, rows))
        better = better.recalibrated(voltage_v, voltage_v @ real_s)
    assert rms_a(better) < 0.3 * rms_a(calibrator)
    assert np.isfinite(better.with_uncertainty(fresh_v @ real_s)[1]).all()


def test_each_recalibration_builds_on_the_last(calibrator, rng):
    real_s = calibrator.conductance_s * (1 + 0.05 * rng.standard_normal((ROWS, COLUMNS)))
    spreads = []
    for _ in range(3):
        voltage_v = informative_vectors(8, ROWS, low_v=0.1, high_v=0.5, rng=rng)
        calibrator = calibrator.recalibrated(voltage_v, measured(real_s, voltage_v, NOISE, rng))
        spreads.append(np.trace(calibrator.posterior.covariance.sum(axis=0)))
    assert spreads[2] < 0.5 * spreads[0]


def test_readings_that_are_no_readings_are_left_out(calibrator, rng):
    voltage_v = informative_vectors(12, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    current_a = measured(calibrator.conductance_s, voltage_v, NOISE, rng)
    current_a[2, 1], current_a[5, 3] = np.nan, 10.0
    assert calibrator.recalibrated(voltage_v, current_a).report.readings_missing == 2


def test_a_single_vector_without_its_batch_axis_is_refused(calibrator, rng):
    voltage_v = rng.uniform(0.1, 0.5, ROWS)
    with pytest.raises(ShapeError, match="one row per known vector"):
        calibrator.recalibrated(voltage_v, voltage_v @ calibrator.conductance_s)
