"""Geometric mean over matrices, with its interval by Student's t on the logarithms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95  # of the intervals that tables show

FEWEST = 3
"""Matrices that an interval is given for: by two, the factor of t is 12.7 instead of 4.3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometricMean:
    """Typical value of errors, that are skewed and positive, over matrices.

    Attributes:
        value: the geometric mean, which is the median of log-normal errors; 0 if one of them is.
        low, high: its 95 % interval; None for fewer than three matrices, or an error of 0.
    """

    value: float
    low: float | None
    high: float | None


def geometric_mean(values: np.ndarray) -> GeometricMean:
    """Return the geometric mean of one positive number per matrix, (K,), and its interval.

    The interval supposes logarithms that are about normal. A bootstrap of the arithmetic mean held it 72 % of
    the time at 4 matrices and 86 % at 20, for a spread of the logarithms of 0.7.
    """
    if (values <= 0.0).any():
        return GeometricMean(value=0.0, low=None, high=None)
    logarithms, count = np.log(values), len(values)
    middle = logarithms.mean()
    if count < FEWEST:
        return GeometricMean(value=float(np.exp(middle)), low=None, high=None)
    half = stdtrit(count - 1, 0.5 * (1 + LEVEL)) * logarithms.std(ddof=1) / np.sqrt(count)
    return GeometricMean(
        value=float(np.exp(middle)), low=float(np.exp(middle - half)), high=float(np.exp(middle + half))
    )


def geometric_mean_text(value: float, low: float | None, high: float | None) -> str:
    """Phrase a geometric mean with its interval for a table; `–` where there is none."""
    return f"{value:.3g} (–)" if low is None or high is None else f"{value:.3g} ({low:.3g}–{high:.3g})"
