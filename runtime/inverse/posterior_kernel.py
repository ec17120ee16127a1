"""The Gaussian posterior of the inputs about the likeliest: arrays in, arrays out.

In float64: the smallest eigenvalue of the precision decides, and the largest may be 1e8 times that.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.runtime.inverse.elimination_kernel import LANES, factorise
from crosscal.runtime.inverse.surrogate_kernel import FAST, accumulate


@njit(fastmath=FAST, error_model="numpy", forceinline=False)
def add_rows(weights, x, total):
    """See `accumulate`; compiled once for all places that call it."""
    accumulate(weights, x, total)


@njit(fastmath=FAST, error_model="numpy", forceinline=False)
def gaussian(slope, deviation, rates, conductance, covariance, variance):
    """Fill the covariance of the inputs (N, N), and the variance of the answers (M,) that it causes.

    With `A` the slopes relative to the noise's deviation and by the prior's, the covariance is
    `Λ^-½ (A Aᵀ + 1)^-1 Λ^-½`; its square root, a triangle, comes from substitution in the factor.

    Args:
        slope: A, (N, M), float32 or float64. deviation: Λ^-½, (N,); 0 in padding.
        rates: volts for a change of each input, (N,). conductance: (N, M) [S].
    """
    rows, columns = slope.shape
    room = np.zeros((rows + 4, columns + rows))
    factor, inverse_pivot = room[:rows], np.empty(rows)
    for n in range(rows):
        row, given = factor[n], slope[n]
        for m in range(columns):
            row[m] = given[m]
    factorise(factor, columns, room[rows:], inverse_pivot)
    seen, root = np.zeros((rows, columns)), np.zeros((rows, rows))
    lower, total = np.zeros(rows), np.zeros(max(rows, columns))
    for i in range(rows):
        # Whole lanes: beyond the rows that are done `lower` is 0.
        before, own = lower[: i + -i % LANES], total[: i + LANES - i % LANES]
        for k in range(i):
            lower[k] = -factor[i, columns + k]
        own[:] = 0.0
        own[i] = deviation[i]
        add_rows(root, before, own)
        row = root[i]
        for k in range(i + 1):
            row[k] = own[k]
        answers, cells, rate, row = total[:columns], conductance[i], deviation[i] * rates[i], seen[i]
        for m in range(columns):
            answers[m] = rate * cells[m]
        add_rows(seen, before, answers)
        for m in range(columns):
            row[m] = answers[m]
    variance[:] = 0.0
    for i in range(rows):
        share, row, by_input = inverse_pivot[i], seen[i], root[i]
        scale = np.sqrt(share)
        for m in range(columns):
            variance[m] += share * row[m] * row[m]
        for k in range(i + 1):
            by_input[k] *= scale
    for n in range(rows):
        first = n - n % LANES
        for i in range(first, rows):
            lower[i] = root[i, n]
        # Up to the diagonal: the rest mirrors it.
        own = total[: first + LANES]
        own[:] = 0.0
        add_rows(root[first:], lower[first:], own)
        row = covariance[n]
        for k in range(n + 1):
            row[k] = own[k]
            covariance[k, n] = own[k]
