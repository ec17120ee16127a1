"""Judgement of a calibration by its errors on known vectors."""

from __future__ import annotations

import numpy as np

from crosscal.runtime.recalibration.verification import Verification

MOST_RATIO = 2.0
"""Error relative to the expected one from which a calibration is in doubt. Expected errors of unseen matrices
are right within a factor of 1.3 on the boards of the suite."""
WRONG_RATIO = 10.0
"""The same from which nothing is calibrated any more."""
UNREPAIRED_RATIO = 4.0
"""Error of a column, relative to the expected and to the median one, from which it is named as not repaired:
columns of phase-change cells differ by up to 3 in noise."""
UNKNOWN_ERROR = 0.02
"""Expected error relative to the largest current, of a kind that states none and was never recalibrated."""


def error_ratio(verification: Verification) -> float:
    """Error relative to the one that is expected."""
    expected_a = verification.expected_a
    if expected_a is None:
        expected_a = UNKNOWN_ERROR * float(np.abs(verification.ideal_a).max())
    return verification.rms_a / max(expected_a, np.finfo(float).tiny)


def in_doubt(verification: Verification) -> bool:
    """Whether errors are so far beyond the expected ones that a recalibration is asked for."""
    return error_ratio(verification) > MOST_RATIO


def wrong(verification: Verification) -> bool:
    """Whether they are so far beyond that nothing is to be calibrated any more."""
    return error_ratio(verification) >= WRONG_RATIO


def relative_error(verification: Verification) -> float:
    """Mean square error relative to the variance of ideal currents."""
    spread_a2 = verification.ideal_a.var(axis=0).mean()
    return float(np.nanmean(verification.error_a**2) / max(spread_a2, np.finfo(float).tiny))


def unrepaired(verification: Verification) -> np.ndarray | None:
    """Errors [A], (M,), of columns that stay off after a recalibration, 0 elsewhere; None if none does."""
    if verification.expected_a is None:
        return None
    by_column_a = np.sqrt(np.nanmean(verification.error_a**2, axis=0))
    usual_a = max(verification.expected_a, float(np.nanmedian(by_column_a)))
    beyond = by_column_a > UNREPAIRED_RATIO * usual_a
    return np.where(beyond, by_column_a, 0.0) if beyond.any() else None
