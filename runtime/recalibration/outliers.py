"""Single readings that no change of a column explains: found against the spread of the others, and left out.

The reading model's heavy tail: a reading within `MOST_DEVIATIONS` of its column's typical residual is normal,
and one beyond says nothing. A change of cells, gains or offsets moves the residuals of all vectors alike, or
spreads them all; it leaves no single one apart.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Float

MOST_DEVIATIONS = 8.0
"""Robust standard deviations of an outlier, at least. Insensitive between 6 and 20 for readings
times 3 on a board that has drifted (tests/runtime/recalibration/test_outliers.py)."""

_FEWEST_VECTORS = 5
"""Below, a median of residuals tells nothing about the spread of the others."""

NORMAL_DEVIATION = 1.4826
"""Standard deviation of a normal distribution relative to its median absolute deviation."""


def find_outliers(
    residual: Float[np.ndarray, "vectors columns"], present: np.ndarray, least_deviation: float
) -> np.ndarray:
    """Find readings far from the median residual of their column, (K, M).

    Args:
        residual: reading less prediction, (K, M); anything where missing.
        present: whether there is a reading, (K, M).
        least_deviation: least standard deviation that a column is taken to have.
    """
    if len(residual) < _FEWEST_VECTORS:
        return np.zeros_like(present)
    known = np.where(present, residual, np.nan)
    heard = present.any(axis=0)
    distance = np.full(residual.shape, np.nan)
    distance[:, heard] = np.abs(known[:, heard] - np.nanmedian(known[:, heard], axis=0))
    deviation = np.full(residual.shape[1], np.nan)
    deviation[heard] = NORMAL_DEVIATION * np.nanmedian(distance[:, heard], axis=0)
    # A column of few readings borrows the spread of all.
    pooled = float(np.nanmedian(deviation))
    return distance > MOST_DEVIATIONS * np.fmax(deviation, max(pooled, least_deviation))
