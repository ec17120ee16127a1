"""Quantiles of calibrated currents from their stated deviations; tails are heavier than a normal law's."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.core.validation import real_array

FREEDOM = 12
"""Degrees of freedom of Student's t, scaled to unit variance. Tails differ: errors of `structured` at 8×8 are
like 8 (two explanations of a reading), those at 24×40 are nearly normal; intervals of 50, 90 and 99 % cover
47 to 54, 89 to 93 and 99 % there."""


def standard_quantiles(levels: Any) -> np.ndarray:
    """Return quantiles of errors in stated deviations, of the shape of `levels`.

    Raises:
        InputError: no real numbers.
        RangeError: levels not between 0 and 1, exclusive of both.
    """
    levels = real_array(levels, "levels").astype(np.float64)
    if not ((levels > 0.0) & (levels < 1.0)).all():
        raise RangeError(
            wanted(
                got=f"levels {np.array2string(levels, threshold=5)}",
                allowed="numbers between 0 and 1, exclusive of both",
                remedy="give levels such as [0.05, 0.5, 0.95]",
            )
        )
    distribution, angles = _table()
    t = np.sqrt(FREEDOM) * np.tan(np.interp(levels, distribution, angles))
    return t * np.sqrt((FREEDOM - 2) / FREEDOM)


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    angles = np.linspace(-np.pi / 2, np.pi / 2, 20_001)
    return _distribution(angles), angles


def _distribution(angle: np.ndarray) -> np.ndarray:
    """Return Student's distribution at tan(angle)·√FREEDOM, for even degrees of freedom (a finite sum)."""
    square, term, total = np.cos(angle) ** 2, np.ones_like(angle), np.ones_like(angle)
    for k in range(1, FREEDOM // 2):
        term = term * square * (2 * k - 1) / (2 * k)
        total += term
    return 0.5 + 0.5 * np.sin(angle) * total
