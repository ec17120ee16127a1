"""Compiled gain and offset per column. Validation is the caller's."""

from __future__ import annotations

import numpy as np
from numba import types

from crosscal.core.kernel_cache import njit
from crosscal.runtime.reading_kernel import READABLE, WRITABLE, first_unreadable
from crosscal.runtime.reading_window_kernel import TEST, first_unexplained

_COEFFICIENTS = types.Array(types.float64, 1, "C", readonly=True)
_SIGNATURES = [
    types.int64(readable, WRITABLE[dtype], _COEFFICIENTS, _COEFFICIENTS, types.float64, TEST)
    for dtype, readable in READABLE.items()
]


@njit(_SIGNATURES, nogil=True)
def scale_and_shift(
    current_a: np.ndarray,
    calibrated_a: np.ndarray,
    gain: np.ndarray,
    offset_a: np.ndarray,
    limit_a: float,
    test: np.ndarray,
) -> int:
    """Apply `gain · current + offset` to vectors that lie one after another.

    Args:
        current_a, calibrated_a: [A], (B · M,).
        gain, offset_a: per column, (M,).
        limit_a: largest magnitude that counts as a reading [A].
        test: see `reading_window_kernel`.

    Returns:
        -1; the index of the first current that is no reading; or -2 less the index of the first vector that
        no inputs explain. If it is not -1, nothing was written.
    """
    unreadable = first_unreadable(current_a, limit_a)
    if unreadable >= 0:
        return unreadable
    columns = gain.size
    unexplained = first_unexplained(current_a, columns, test)
    if unexplained >= 0:
        return -2 - unexplained
    for start in range(0, current_a.size, columns):
        for column in range(columns):
            calibrated_a[start + column] = gain[column] * current_a[start + column] + offset_a[column]
    return -1
