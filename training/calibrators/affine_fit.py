"""Gain and offset per column, fitted to one matrix's own known vectors: the baseline that counts.

Boards are calibrated this way today (IBM HERMES and HPE's dot-product engine: about 100 patterns, 6 bits). It
needs known vectors after every programming; a trained calibrator does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.training.measurements import Measurements


@dataclass(frozen=True, slots=True, kw_only=True)
class AffineFit:
    """`estimate = gain · current + offset`, column by column.

    Attributes:
        gain: without unit, (M,). offset_a: [A], (M,).
    """

    gain: np.ndarray
    offset_a: np.ndarray

    def __call__(self, current_a: Currents) -> Currents:
        """Apply to measured currents [A], (B, M)."""
        return self.gain * current_a + self.offset_a


def fit_affine(current_a: Currents, ideal_a: Currents) -> AffineFit:
    """Fit by least squares.

    Args:
        current_a: measured currents of the known vectors [A], (K, M).
        ideal_a: their ideal currents [A], (K, M).

    Returns:
        The fit. A column whose measured current does not vary (one vector, an open line) keeps gain 1 and
        gets an offset alone.
    """
    mean_a, ideal_mean_a = current_a.mean(axis=0), ideal_a.mean(axis=0)
    deviation_a = current_a - mean_a
    variance_a2 = (deviation_a**2).sum(axis=0)
    covariance_a2 = (deviation_a * (ideal_a - ideal_mean_a)).sum(axis=0)
    varies = variance_a2 > (np.finfo(float).eps * np.abs(mean_a)) ** 2 * len(current_a)
    gain = np.where(varies, covariance_a2 / np.where(varies, variance_a2, 1.0), 1.0)
    return AffineFit(gain=gain, offset_a=ideal_mean_a - gain * mean_a)


def affine_per_matrix(data: Measurements, known: int) -> Float[np.ndarray, "matrices vectors columns"]:
    """Fit gain and offset per column on each matrix's first `known` vectors, and apply them, (K, V, M).

    Unusable vectors teach nothing; a matrix with none usable among the first stays as it was measured.
    """
    ideal_a = data.ideal_a
    estimate_a = data.current_a.copy()
    for k in range(data.matrices):
        chosen = np.flatnonzero(data.usable[k, :known])
        if chosen.size:
            fit = fit_affine(data.current_a[k, chosen], ideal_a[k, chosen])
            estimate_a[k] = fit(data.current_a[k])
    return estimate_a
