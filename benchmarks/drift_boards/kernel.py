"""Compiled sentinel readings of a board with 1/f noise, through filters and charts to an alarm."""

from __future__ import annotations

import numba
import numpy as np

from crosscal.runtime.drift.chart_kernel import advance_charts
from crosscal.runtime.drift.filter_kernel import whiten


@numba.njit(nogil=True)
def alarm_of_board(
    mean: np.ndarray,
    covariance: np.ndarray,
    bias_deviation: np.ndarray,
    white_deviation: np.ndarray,
    cell_deviation: np.ndarray,
    rates: np.ndarray,
    wander: np.ndarray,
    change: np.ndarray,
    change_at: int,
    ramp: int,
    gain: np.ndarray,
    weight: np.ndarray,
    kept: np.ndarray,
    slow: np.ndarray,
    noise: np.ndarray,
    taken_off: np.ndarray,
    thresholds: np.ndarray,
    most_z: float,
    longest: int,
    rng: np.random.Generator,
) -> int:
    """Count readings until a chart alarms.

    Args:
        mean, covariance: filters as they begin; changed. gain, weight, kept, slow, noise: of the filters.
        bias_deviation, white_deviation, cell_deviation: of each residual, (M, S): constant error, noise of a
            reading, and effect of a relative change of all its column's cells.
        rates: of the processes that make up the true 1/f noise, per reading, (J,).
        wander: their state in standard deviations, (J, M, S), where the last run left it; changed.
        change: of each residual, (M, S), begun at reading `change_at` and whole after `ramp` readings.
        taken_off, thresholds: of the charts. most_z, longest: see `run_to_alarm`.
    """
    columns, vectors = gain.shape
    count = columns * vectors
    common, own, whole = np.zeros(2), np.zeros((columns, vectors)), np.zeros((columns, vectors))
    values, z = np.empty(2 + columns), np.empty(1 + count)
    residual, present = np.empty(count), np.ones(count, dtype=np.bool_)
    keep, fresh = np.exp(-rates), np.sqrt(1.0 - np.exp(-2.0 * rates))
    start, bias = wander.copy(), np.empty((columns, vectors))
    for m in range(columns):
        for s in range(vectors):
            bias[m, s] = bias_deviation[m, s] * rng.standard_normal()
    for reading in range(longest):
        part = min(max(reading - change_at + 1.0, 0.0) / ramp, 1.0)
        for m in range(columns):
            for s in range(vectors):
                moved = 0.0
                for j in range(rates.size):
                    wander[j, m, s] = keep[j] * wander[j, m, s] + fresh[j] * rng.standard_normal()
                    moved += wander[j, m, s] - start[j, m, s]
                residual[m * vectors + s] = (
                    bias[m, s]
                    + cell_deviation[m, s] * moved
                    + white_deviation[m, s] * rng.standard_normal()
                    + part * change[m, s]
                )
        whiten(
            mean,
            covariance,
            residual,
            present,
            gain.reshape(-1),
            weight.reshape(-1),
            0.0,
            kept,
            slow,
            noise,
            most_z,
            z,
        )
        advance_charts(common, own, whole, z[1:].reshape((columns, vectors)), z[0], taken_off, values)
        if values[0] > thresholds[0] or values[1] > thresholds[2] or values[2:].max() > thresholds[1]:
            return reading + 1
    return longest
