"""Search for the first current that is no reading, before anything is computed from it."""

from __future__ import annotations

import numpy as np
from numba import types

from crosscal.core.kernel_cache import njit

_SCALARS = {"float32": types.float32, "float64": types.float64}

READABLE = {dtype: types.Array(scalar, 1, "C", readonly=True) for dtype, scalar in _SCALARS.items()}
"""Numba types that kernels take currents in: contiguous, vector after vector; a writable array passes too."""

WRITABLE = {dtype: types.Array(scalar, 1, "C") for dtype, scalar in _SCALARS.items()}
"""Numba types that kernels answer in."""


@njit([types.int64(readable, types.float64) for readable in READABLE.values()], nogil=True)
def first_unreadable(current_a: np.ndarray, limit_a: float) -> int:
    """Return the index of the first current that is NaN or larger than `limit_a`; -1 if there is none."""
    for index in range(current_a.size):
        # Negated, so that NaN, for which every comparison is false, is found too.
        if not abs(current_a[index]) <= limit_a:
            return index
    return -1
