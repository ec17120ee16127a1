"""Means, spreads and slopes per column of training data, for a calibrator's closed-form parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import TrainingError
from crosscal.training.measurements import Measurements

_FAINTEST = 1e-7
"""Variation in parts of the mean that single precision takes for none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnStatistics:
    """Taken over usable vectors alone, of matrices that have two or more.

    Attributes:
        conductance_s: those matrices [S], (K, N, M).
        mean_voltage_v: mean inputs [V], (N,).
        mean_current_a: of each matrix at these mean inputs [A], (K, M).
        current_spread_a, ideal_spread_a: variation by inputs, root mean square over matrices [A], (M,).
        gain: least-squares slope of ideal over measured currents within the matrices, (M,).
        covariance: of measured currents within the matrices, in units of their spread, (M, M).
    """

    conductance_s: Float[np.ndarray, "matrices rows columns"]
    mean_voltage_v: np.ndarray
    mean_current_a: Float[np.ndarray, "matrices columns"]
    current_spread_a: np.ndarray
    ideal_spread_a: np.ndarray
    gain: np.ndarray
    covariance: Float[np.ndarray, "columns columns"]

    @classmethod
    def of(cls, data: Measurements) -> ColumnStatistics:
        """Compute them.

        Raises:
            TrainingError: no matrix has two usable vectors, or nothing varies with the inputs.
        """
        data = data.with_variation()
        usable = data.usable[:, :, None]
        current_mean_a, current_a = _centred(np.where(usable, data.current_a, 0.0), usable)
        ideal_mean_a, ideal_a = _centred(data.ideal_a, usable)
        total = int(usable.sum())
        mean_voltage_v = (usable * data.voltage_v).sum(axis=(0, 1)) / total
        current_spread_a = _spread(current_a, current_mean_a, total)
        gain = (current_a * ideal_a).sum(axis=(0, 1)) / total / current_spread_a**2
        # The few vectors of a matrix do not have the mean inputs of all: move its mean along the slope.
        surplus_a = ideal_mean_a - mean_voltage_v @ data.conductance_s
        scaled = (current_a / current_spread_a).reshape(-1, data.shape[1])
        return cls(
            conductance_s=data.conductance_s,
            mean_voltage_v=mean_voltage_v,
            mean_current_a=current_mean_a - surplus_a / np.where(gain > 0.0, gain, np.inf),
            current_spread_a=current_spread_a,
            ideal_spread_a=_spread(ideal_a, ideal_mean_a, total),
            gain=gain,
            covariance=scaled.T @ scaled / total,
        )


def _centred(values: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split into means over usable vectors, (K, M), and the deviations, 0 where unusable, (K, V, M)."""
    mean = (usable * values).sum(axis=1) / usable.sum(axis=1)
    return mean, usable * (values - mean[:, None, :])


def _spread(deviation_a: np.ndarray, mean_a: np.ndarray, total: int) -> np.ndarray:
    """Root mean square per column, (M,); a column that does not vary gets the spread of the others."""
    variance_a2 = (deviation_a**2).sum(axis=(0, 1)) / total
    varies = variance_a2 > (_FAINTEST * np.abs(mean_a).max(axis=0)) ** 2
    if not varies.any():
        raise TrainingError(
            "got currents that do not vary with the inputs; allowed: inputs that differ from vector to "
            "vector; collect with random inputs, and check that the board's output is on"
        )
    return np.sqrt(np.where(varies, variance_a2, variance_a2[varies].mean()))
