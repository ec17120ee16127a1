"""Brownian motion as a function of time: Lévy's dyadic midpoints, with normals that a hash gives.

Any time can be asked, in any order, and the answer never depends on the steps of time.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.kernel_cache import njit
from crosscal.simulated_bench.variability.renewal_kernels import mixed

LEVELS = 26
"""Halvings of the span; between two midpoints the path is straight, a deviation of 2^-13 of the span's."""

_BITS = 12  # 4096 normals are 32 KiB, the size of a first cache
_SHIFT = np.uint64(64 - _BITS)  # leaves the highest bits, the best mixed


def _normals() -> np.ndarray:
    """Return 4096 equally likely standard normal numbers: ten times as fast to draw as by a logarithm."""
    drawn = np.array([NormalDist().inv_cdf((k + 0.5) / 2**_BITS) for k in range(2**_BITS)])
    return drawn / drawn.std()


_NORMALS = _normals()


def walking_quantile(quantile: Matrix, part: Matrix) -> Matrix:
    """Return the standard normal number of walks at parts of their span: B(part)/√part.

    Args:
        quantile: standard normal numbers, where each walk ends; they also name the walk.
        part: of the walk's variance that has been passed, in [0, 1], of that shape; at 0 the number is 0.
    """
    at = np.ascontiguousarray(np.broadcast_to(part, np.shape(quantile)), dtype=np.float64).ravel()
    ends = np.ascontiguousarray(quantile, dtype=np.float64)
    return walks(ends.ravel().view(np.uint64), ends.ravel(), at).reshape(ends.shape)


@njit(nogil=True)
def walks(keys, ends, parts):
    """Return B(part)/√part of walks, each with a key and its value at 1, (S,) all."""
    value = np.zeros(len(parts))
    for s in range(len(parts)):
        if parts[s] > 0.0:
            value[s] = _motion(mixed(keys[s]), ends[s], min(parts[s], 1.0)) / math.sqrt(min(parts[s], 1.0))
    return value


@njit(nogil=True)
def _motion(key, end, part):
    """Return the motion from 0 at 0 to `end` at 1: halve the interval that holds `part`, level by level."""
    left, right, middle, width, node = 0.0, end, 0.0, 1.0, 1
    for _ in range(LEVELS):
        normal = _NORMALS[mixed(key ^ np.uint64(node)) >> _SHIFT]
        middle = 0.5 * (left + right) + 0.5 * math.sqrt(width) * normal
        part, width, node = 2.0 * part, 0.5 * width, 2 * node
        if part >= 1.0:
            part, left, node = part - 1.0, middle, node + 1
        else:
            right = middle
    return left + part * (right - left)
