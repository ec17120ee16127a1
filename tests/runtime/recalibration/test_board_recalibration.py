"""Recalibration of what a board holds: what is measured, left out, verified and refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exact_surrogate import FULL_SCALE_A, Complaint, ExactPort, exact_calibrator

from crosscal.core.errors import InputError, RangeError, ReadingError
from crosscal.runtime import RecalibrationLevel, RecalibrationPlan, recalibrate_on_board
from crosscal.runtime.recalibration.verification import Verification, verify

ROWS, COLUMNS, NOISE = 9, 6, 1e-3
PLAN = RecalibrationPlan(vectors=24, verification=20, voltage_range_v=(0.1, 0.5))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(40)


@pytest.fixture
def target_s(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS))


def port_of(target_s: np.ndarray, rng: np.random.Generator, error: float, **faults: Any) -> ExactPort:
    real_s = target_s * (1 + error * rng.standard_normal(target_s.shape))
    return ExactPort(real_s=real_s, noise_a=NOISE * FULL_SCALE_A, rng=rng, **faults)


def test_a_board_whose_cells_are_off_is_better_on_vectors_it_did_not_learn_from(rng, target_s):
    seen = []
    done = recalibrate_on_board(
        port := port_of(target_s, rng, 0.05),
        exact_calibrator(target_s, NOISE),
        PLAN,
        rng=rng,
        progress=lambda measured, total: seen.append((measured, total)),
    )
    assert done.report.level is RecalibrationLevel.CELLS
    assert done.verified
    assert done.after.rms_a < 0.7 * done.before.rms_a
    # What it expects of itself is what it does, within the scatter of 120 errors.
    assert 0.6 < done.after.rms_a / done.after.expected_a < 1.6
    assert seen[-1] == (44, 44)
    driven_v = np.concatenate(port.driven_v)
    assert 0.1 <= driven_v.min() <= driven_v.max() <= 0.5
    assert not any((driven_v[:24] == fresh).all(axis=1).any() for fresh in driven_v[24:])


def test_saturated_readings_are_counted_and_never_learned_from(rng, target_s):
    port = port_of(target_s, rng, 0.0, saturated=(0, 3, 30))
    done = recalibrate_on_board(port, exact_calibrator(target_s, NOISE), PLAN, rng=rng)
    assert done.report.level is RecalibrationLevel.NOTHING
    assert done.report.readings_missing == 2
    assert len(done.after.error_a) == 19
    assert done.verified


@pytest.mark.parametrize("code", [101, 103])
def test_readings_that_the_board_itself_doubts_are_refused(rng, target_s, code):
    port = port_of(target_s, rng, 0.05, complaints=(Complaint(code=code),))
    with pytest.raises(ReadingError, match=f"code={code}"):
        recalibrate_on_board(port, exact_calibrator(target_s, NOISE), PLAN, rng=rng)


def test_a_saturation_that_status_bits_show_is_no_reason_to_refuse(rng, target_s):
    port = port_of(target_s, rng, 0.05, saturated=(1,), complaints=(Complaint(code=102),))
    done = recalibrate_on_board(port, exact_calibrator(target_s, NOISE), PLAN, rng=rng)
    assert done.report.readings_missing == 1


def test_a_broken_amplifier_leaves_nothing_to_verify_where_columns_are_read_together(rng, target_s):
    port = port_of(target_s, rng, 0.05, broken=(2,))
    with pytest.raises(ReadingError, match="0 of 20 verification vectors"):
        recalibrate_on_board(port, exact_calibrator(target_s, NOISE), PLAN, rng=rng)


def verification(error_a: np.ndarray) -> Verification:
    return Verification(error_a=error_a, ideal_a=np.ones_like(error_a), expected_a=None)


def test_worse_is_told_from_no_worse_as_far_as_the_vectors_can_tell(rng):
    before_a = rng.standard_normal((30, 8))
    before = verification(before_a)
    assert before.no_worse_than(before)
    assert verification(0.9 * before_a).no_worse_than(before)
    assert not verification(1.1 * before_a).no_worse_than(before)
    assert verification(rng.standard_normal((30, 8))).no_worse_than(before)


def test_errors_are_told_by_column_and_around_missing_readings():
    error_a = np.array([[1.0, np.nan, 3.0], [1.0, np.nan, -4.0]])
    found = verification(error_a)
    assert found.worst_column == (2, pytest.approx(np.sqrt(12.5)))
    assert found.rms_a == pytest.approx(np.sqrt(27 / 4))
    assert found.percent_of_full_scale == pytest.approx(100 * np.sqrt(27 / 4))


def test_a_current_that_no_reading_can_be_is_no_verification(rng, target_s):
    voltage_v = rng.uniform(0.1, 0.5, (5, ROWS))
    current_a = voltage_v @ target_s
    current_a[1, 2] = 1.0
    assert len(verify(exact_calibrator(target_s, NOISE), voltage_v, current_a).error_a) == 4


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"vectors": 0}, InputError, "vectors = 0"),
        ({"verification": 1}, InputError, "verification = 1"),
        ({"voltage_range_v": (0.5, 0.1)}, RangeError, "lower first"),
        ({"voltage_range_v": (0.1, np.nan)}, RangeError, "finite"),
    ],
)
def test_impossible_plans_are_refused(changes, error, said):
    with pytest.raises(error, match=said):
        RecalibrationPlan(**{"vectors": 8, "verification": 8, "voltage_range_v": (0.1, 0.5)} | changes)
