"""Compiled likelihood of residuals under white and slow noise about a line in time."""

from __future__ import annotations

import numpy as np

from crosscal.core.kernel_cache import njit

_WIDE = 1e6
"""Variance of a line's unknowns relative to white noise: readings alone say where it lies."""

_LEFT_OUT = 4
"""First readings of a run: they place the line and the components of slow noise."""


@njit(nogil=True)
def sums_of_likelihood(
    readings: np.ndarray, relative: np.ndarray, kept: np.ndarray, at: np.ndarray, ratio: float
) -> tuple[float, float, int]:
    """Sum up squares of innovations, logarithms of their variances, and their number.

    Args:
        readings: residuals of one run, white noise scaled to 1, (T, E); NaN where missing.
        relative: variance of each residual by a relative error of all cells of 1, scaled likewise, (E,).
        kept: share of each component of slow noise left since the reading before, (T, D).
        at: time of each reading, from 0 to 1, (T,).
        ratio: variance of a component, for cells.
    """
    components = kept.shape[1]
    unknowns = 2 + components
    mean, spread = np.empty(unknowns), np.empty((unknowns, unknowns))
    design, carried = np.ones(unknowns), np.empty(unknowns)
    squares, logs, count = 0.0, 0.0, 0
    for e in range(readings.shape[1]):
        variance = ratio * relative[e]
        mean[:], spread[:] = 0.0, 0.0
        spread[0, 0] = spread[1, 1] = _WIDE
        for d in range(components):
            spread[2 + d, 2 + d] = variance
        for t in range(readings.shape[0]):
            if t > 0:
                for i in range(components):
                    factor = kept[t, i]
                    mean[2 + i] *= factor
                    for j in range(unknowns):
                        spread[2 + i, j] *= factor
                        spread[j, 2 + i] *= factor
                    spread[2 + i, 2 + i] += variance * (1.0 - factor * factor)
            if not np.isfinite(readings[t, e]):
                continue
            design[1] = at[t]
            surprise, expected = readings[t, e], 1.0
            for i in range(unknowns):
                carried[i] = 0.0
                for j in range(unknowns):
                    carried[i] += spread[i, j] * design[j]
                surprise -= design[i] * mean[i]
                expected += design[i] * carried[i]
            for i in range(unknowns):
                mean[i] += carried[i] * surprise / expected
                for j in range(unknowns):
                    spread[i, j] -= carried[i] * carried[j] / expected
            if t >= _LEFT_OUT:
                squares += surprise * surprise / expected
                logs += np.log(expected)
                count += 1
    return squares, logs, count
