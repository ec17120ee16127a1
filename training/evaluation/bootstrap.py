"""Bootstrap over matrices: interval of a ratio of two means."""

from __future__ import annotations

import numpy as np

RESAMPLED = 2000
"""Draws of the matrices: percentiles of 2.5 and 97.5 are then good to a twentieth of the interval."""

LEVEL = 0.95  # of the intervals that tables show


def ratio_interval(above: np.ndarray, below: np.ndarray) -> tuple[float, float]:
    """Return the interval of `mean(above) / mean(below)`, matrices drawn with replacement.

    Args:
        above, below: one number per matrix, (K,).

    Reference:
        B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13: percentiles.
    """
    rng = np.random.default_rng(0)  # the same numbers from the same results
    chosen = rng.integers(len(above), size=(RESAMPLED, len(above)))
    ratios = above[chosen].mean(axis=1) / below[chosen].mean(axis=1)
    low, high = np.percentile(ratios, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return float(low), float(high)
