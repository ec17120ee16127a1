"""Gain and offset per column from a few known vectors, in closed form: the smallest recalibration."""

from __future__ import annotations

import numpy as np

from crosscal.core.errors import RangeError, ShapeError, wanted

FEWEST_VECTORS = 2

# Below this relative spread a column's currents differ by little more than float32 rounding.
_LEAST_SPREAD = 1e-6


def refit_columns(
    calibrated_a: np.ndarray, ideal_a: np.ndarray, *, ridge: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit `ideal ≈ gain · calibrated + offset` for each column, drawn towards a gain of 1.

    The offset is free; the gain minimises `Σ (ideal − gain · calibrated − offset)² + λ (gain − 1)²`, with
    `λ = ridge · K · (variance of the calibrated currents, mean over columns)`: a column that the vectors
    hardly move keeps its gain, where least squares would fit noise.

    Args:
        calibrated_a: what the present calibration makes of the measured currents [A], (K, M).
        ideal_a: what they should be [A], (K, M).
        ridge: strength of the pull, relative; 0 is least squares.

    Returns:
        gain (M,) and offset [A] (M,).

    Raises:
        ShapeError: fewer than two vectors.
        RangeError: a negative ridge, or vectors that leave the current of a column where it is.
    """
    if len(calibrated_a) < FEWEST_VECTORS:
        raise ShapeError(
            wanted(
                got=f"{len(calibrated_a)} known vectors",
                allowed=f"{FEWEST_VECTORS} or more, as a gain and an offset are fitted",
                remedy="measure more vectors",
            )
        )
    if not (np.isfinite(ridge) and ridge >= 0.0):
        raise RangeError(f"got a ridge of {ridge}; allowed: 0 and more")
    _require_spread(ideal_a, "ideal")
    _require_spread(calibrated_a, "calibrated")
    calibrated_mean_a, ideal_mean_a = calibrated_a.mean(axis=0), ideal_a.mean(axis=0)
    spread, ideal_spread = calibrated_a - calibrated_mean_a, ideal_a - ideal_mean_a
    energy = (spread**2).sum(axis=0)
    pull = ridge * energy.mean()
    gain = ((spread * ideal_spread).sum(axis=0) + pull) / (energy + pull)
    return gain, ideal_mean_a - gain * calibrated_mean_a


def _require_spread(current_a: np.ndarray, what: str) -> None:
    still = np.ptp(current_a, axis=0) <= _LEAST_SPREAD * np.abs(current_a).max(axis=0)
    if still.any():
        columns = ", ".join(str(j + 1) for j in np.flatnonzero(still)[:8])
        raise RangeError(
            wanted(
                got=f"vectors whose {what} currents are all alike in columns {columns} (counted from 1)",
                allowed="vectors that differ, so that gain and offset can be told apart",
                remedy="use vectors of different directions, such as random ones",
            )
        )
