"""Recalibration until an accuracy is predicted: honest prediction, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from exact_surrogate import FULL_SCALE_A, ExactPort, exact_calibrator, scored

from crosscal.core.errors import InputError, RangeError
from crosscal.runtime import Ending, InputWindow, RecalibrationPlan, predicted_error_a, recalibrate_on_board
from crosscal.runtime.feedforward.affine import AffineCorrection

ROWS, COLUMNS, NOISE = 12, 14, 1e-3
PLAN = RecalibrationPlan(vectors=96, verification=20, voltage_range_v=(0.1, 0.5), until=1e-3)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(61)


@pytest.fixture
def target_s(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS))


@pytest.fixture
def port(target_s: np.ndarray, rng: np.random.Generator) -> ExactPort:
    real_s = target_s * (1 + 0.05 * rng.standard_normal(target_s.shape))
    return ExactPort(real_s=real_s, noise_a=NOISE * FULL_SCALE_A, rng=rng)


def affine_calibrator(target_s):
    trim = AffineCorrection(gain=np.ones(COLUMNS), offset_a=np.zeros(COLUMNS))
    return replace(exact_calibrator(target_s, NOISE), kind="affine", correction=trim)


def test_it_ends_once_the_accuracy_is_reached_and_reads_then_have_it(rng, target_s, port):
    calibrator = exact_calibrator(target_s, NOISE)
    coarse = recalibrate_on_board(port, calibrator, replace(PLAN, until=5e-3), rng=rng)
    fine = recalibrate_on_board(port, calibrator, replace(PLAN, until=1.2e-3), rng=rng)
    for done, asked in ((coarse, 5e-3), (fine, 1.2e-3)):
        assert done.ending is Ending.ACCURATE
        assert done.accurate
        found_a, _ = scored(done.calibrator, port.real_s, NOISE, rng)
        assert done.predicted <= asked
        # One matrix: its cells happen to be off by more or less than the posterior's spread of 168 cells.
        assert 0.75 < done.predicted * done.largest_ideal_a / found_a < 1.33
    assert coarse.vectors < fine.vectors < 96


def test_noise_that_no_vectors_lower_is_told(rng, target_s, port):
    done = recalibrate_on_board(port, exact_calibrator(target_s, NOISE), replace(PLAN, until=1e-4), rng=rng)
    assert done.ending is Ending.NOISE
    assert not done.accurate
    assert done.predicted > 1e-4
    assert done.vectors < 96
    assert done.verified


def test_vectors_that_end_first_are_all_measured(rng, target_s, port):
    plan = replace(PLAN, vectors=11, until=1e-4)
    done = recalibrate_on_board(port, exact_calibrator(target_s, NOISE), plan, rng=rng)
    assert (done.ending, done.vectors, done.accurate) == (Ending.VECTORS, 11, False)
    assert done.after.rms_a < done.before.rms_a


def test_time_that_ends_first_ends_it_after_the_batch(rng, target_s, port):
    ticks = count()
    done = recalibrate_on_board(
        port,
        exact_calibrator(target_s, NOISE),
        replace(PLAN, until=None, time_s=2.0),
        rng=rng,
        clock=lambda: float(next(ticks)),
    )
    assert (done.ending, done.vectors) == (Ending.TIME, 16)
    # No accuracy was asked for: there is none to miss.
    assert done.accurate
    assert done.predicted is None


def test_time_ends_the_one_batch_of_a_kind_that_knows_no_cells(rng, target_s, port):
    ticks = count()
    done = recalibrate_on_board(
        port,
        affine_calibrator(target_s),
        replace(PLAN, until=None, time_s=3.0),
        rng=rng,
        clock=lambda: float(next(ticks)),
    )
    # The clock is looked at after every 16 of the 96 vectors.
    assert (done.ending, done.vectors) == (Ending.TIME, 48)
    assert done.verified


def test_prediction_of_a_matrix_as_programmed_is_that_of_its_noise(rng, target_s):
    window = InputWindow(low_v=0.1, high_v=0.5)
    calibrator = exact_calibrator(target_s, NOISE)
    found_a, _ = scored(calibrator, target_s, NOISE, rng)
    assert predicted_error_a(calibrator, window, rng=rng) == pytest.approx(found_a, rel=0.1)


def test_a_kind_that_knows_no_cells_is_refused_before_anything_is_measured(rng, target_s, port):
    no_cells = affine_calibrator(target_s)
    with pytest.raises(InputError, match="structured, whitebox"):
        recalibrate_on_board(port, no_cells, PLAN, rng=rng)
    assert not port.driven_v


@pytest.mark.parametrize("changes", [{"until": 0.0}, {"until": np.nan}, {"time_s": -1.0}])
def test_impossible_ends_are_refused(changes):
    with pytest.raises(RangeError, match="above 0"):
        replace(PLAN, **changes)
