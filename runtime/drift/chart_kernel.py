"""Compiled CUSUM charts: a plain one for the common part, vectors of sums for each column and for all."""

from __future__ import annotations

import numpy as np

from crosscal.core.kernel_cache import njit

BEYOND = 4.0
"""White noise is longer once in a million readings: this bounds single wild ones."""


@njit(nogil=True)
def advance_plain(sums: np.ndarray, z: float, k: float) -> float:
    """Add a reading to the upper and the lower sum, (2,), and give the larger."""
    sums[0] = max(0.0, sums[0] + z - k)
    sums[1] = max(0.0, sums[1] - z - k)
    return max(sums[0], sums[1])


@njit(nogil=True)
def advance_vector(sums: np.ndarray, z: np.ndarray, k: float) -> float:
    """Add a reading to sums of any shape, shrink them by k, and give their length.

    A reading far longer than white noise is added no longer than `BEYOND` more than that.
    """
    flat, added = sums.reshape(-1), z.reshape(-1)
    length = 0.0
    for i in range(added.size):
        length += added[i] * added[i]
    length = np.sqrt(length)
    most = np.sqrt(float(flat.size)) + BEYOND
    part = most / length if length > most else 1.0
    square = 0.0
    for i in range(flat.size):
        flat[i] += part * added[i]
        square += flat[i] * flat[i]
    length = np.sqrt(square)
    kept = 0.0 if length <= k else 1.0 - k / length
    for i in range(flat.size):
        flat[i] *= kept
    return kept * length


@njit(nogil=True)
def advance_charts(
    common: np.ndarray,
    columns: np.ndarray,
    whole: np.ndarray,
    z: np.ndarray,
    z_common: float,
    taken_off: np.ndarray,
    values: np.ndarray,
) -> None:
    """Add a reading to all charts.

    Args:
        common: (2,). columns, whole: (M, S). z: whitened residuals, (M, S). z_common: that of what all share.
        taken_off: k of the three kinds of chart, (3,).
        values: of the charts: of the common part, of all together, and of each column, (2 + M,).
    """
    values[0] = advance_plain(common, z_common, taken_off[0])
    values[1] = advance_vector(whole, z, taken_off[2])
    for m in range(columns.shape[0]):
        values[2 + m] = advance_vector(columns[m], z[m], taken_off[1])


@njit(nogil=True)
def run_to_alarm(
    shift: np.ndarray,
    shift_common: float,
    pattern: np.ndarray,
    taken_off: np.ndarray,
    thresholds: np.ndarray,
    warm_up: int,
    most_z: float,
    longest: int,
    rng: np.random.Generator,
) -> int:
    """Count readings of white noise with a shift until a chart alarms.

    Args:
        shift: of the whitened residuals, (M, S). shift_common: of the common part.
        pattern: unit vector by which what all share is read from the residuals, (M, S).
        taken_off, thresholds: of the three kinds of chart, (3,).
        warm_up: readings without the shift first; they raise no alarm.
        most_z: magnitude to which residuals are held.
        longest: readings after which the count ends.
        rng: draws the noise.
    """
    columns, vectors = shift.shape
    common, own, whole = np.zeros(2), np.zeros((columns, vectors)), np.zeros((columns, vectors))
    z, values = np.empty((columns, vectors)), np.empty(2 + columns)
    for reading in range(-warm_up, longest):
        z_common = shift_common if reading >= 0 else 0.0
        for m in range(columns):
            for s in range(vectors):
                white = rng.standard_normal()
                z_common += pattern[m, s] * white
                if reading >= 0:
                    white += shift[m, s]
                z[m, s] = min(max(white, -most_z), most_z)
        advance_charts(common, own, whole, z, min(max(z_common, -most_z), most_z), taken_off, values)
        if reading < 0:
            continue
        if values[0] > thresholds[0] or values[1] > thresholds[2] or values[2:].max() > thresholds[1]:
            return reading + 1
    return longest
