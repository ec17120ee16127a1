"""Ridge regression from all columns of a matrix to all ideal currents: the best use of known
vectors without any knowledge of a circuit.

It needs known vectors after every programming, as the affine fit does, and a matrix product at every read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.training.measurements import Measurements

LEAST_VECTORS = 3  # one is left out; an offset and a weight take two
_STRENGTHS = np.logspace(-14.0, 2.0, 65)
"""Tried in turn, in parts of the largest squared singular value."""

_LEAST_FREE = 1e-7
"""Part of a vector that its own estimate must leave open for the left-out error to be told from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeFit:
    """`estimate = current @ weight + offset`.

    Attributes:
        weight: without unit, (M, M). offset_a: [A], (M,).
    """

    weight: Float[np.ndarray, "columns columns"]
    offset_a: Float[np.ndarray, " columns"]

    def __call__(self, current_a: Currents) -> Currents:
        """Apply to measured currents [A], (B, M)."""
        return current_a @ self.weight + self.offset_a


def fit_ridge(current_a: Currents, ideal_a: Currents) -> RidgeFit:
    """Fit with the strength that foretells each vector best from all others.

    Columns are standardised first; the strength is chosen once for all columns, by the exact leave-one-out
    error, that a linear fit tells without being repeated.

    Args:
        current_a: measured currents of the known vectors [A], (K, M), K 3 or more.
        ideal_a: their ideal currents [A], (K, M).

    Reference:
        A. E. Hoerl and R. W. Kennard, Technometrics 12 (1970) 55. D. M. Allen, Technometrics 16 (1974) 125:
        the leave-one-out error.
    """
    mean_a, ideal_mean_a = current_a.mean(axis=0), ideal_a.mean(axis=0)
    spread_a = current_a.std(axis=0)
    spread_a[spread_a == 0.0] = 1.0  # a column that never changes says nothing; its deviations are zeros
    left, singular, right = np.linalg.svd((current_a - mean_a) / spread_a, full_matrices=False)
    wanted_a = ideal_a - ideal_mean_a
    along_a = left.T @ wanted_a
    largest = float(singular[0] ** 2) or 1.0
    errors = [_left_out_error(left, singular, wanted_a, along_a, largest * part) for part in _STRENGTHS]
    strength = largest * float(_STRENGTHS[int(np.argmin(errors))])
    shrunk = (singular / (singular**2 + strength))[:, None] * along_a
    weight = (right.T @ shrunk) / spread_a[:, None]
    return RidgeFit(weight=weight, offset_a=ideal_mean_a - mean_a @ weight)


def ridge_per_matrix(data: Measurements, known: int) -> Float[np.ndarray, "matrices vectors columns"]:
    """Fit on each matrix's first `known` vectors, and apply, (K, V, M).

    Unusable vectors teach nothing; a matrix with fewer than three usable ones stays as it was measured.
    """
    ideal_a = data.ideal_a
    estimate_a = data.current_a.copy()
    for k in range(data.matrices):
        chosen = np.flatnonzero(data.usable[k, :known])
        if len(chosen) >= LEAST_VECTORS:
            estimate_a[k] = fit_ridge(data.current_a[k, chosen], ideal_a[k, chosen])(data.current_a[k])
    return estimate_a


def _left_out_error(
    left: np.ndarray, singular: np.ndarray, wanted_a: np.ndarray, along_a: np.ndarray, strength: float
) -> float:
    """Compute the mean squared error of each vector's estimate when that vector is not learned from."""
    kept = singular**2 / (singular**2 + strength)
    residual_a = wanted_a - left @ (kept[:, None] * along_a)
    influence = 1.0 / len(left) + (left**2) @ kept
    free = 1.0 - influence
    if free.min() < _LEAST_FREE:
        # Each vector decides its own estimate: rounding, not data, would decide about this strength.
        return np.inf
    return float(np.mean((residual_a / free[:, None]) ** 2))
