"""Filters that whiten the residuals of sentinel readings and learn on the way how they are spread.

A residual is the sum of a constant error that the calibration left, a change with temperature, slow noise of
its column's cells, and white noise. As long as nothing else changes, the innovations of a Kalman filter of
these are white.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Float
from crosscal.runtime.drift.drift_test import MOST_DEVIATIONS
from crosscal.runtime.drift.filter_kernel import BIAS, SLOPE, SLOW, whiten
from crosscal.runtime.drift.learned_noise import LearnedNoise
from crosscal.runtime.drift.prediction import Prediction
from crosscal.runtime.recalibration.posterior import CELLS, GAIN

_OWN_SLOPE = 1e-3
"""Standard deviation of a residual's own relative change per degree, beyond the common one."""


class ResidualFilter:
    """Whitens the residuals of S sentinels and M columns, as M · S independent combinations.

    Args:
        prediction: of the sentinels' readings.
        learned: noise of the board.

    Attributes:
        mean, covariance: (1 + M · S, U), (1 + M · S, U, U): first that of their common part.
    """

    def __init__(self, prediction: Prediction, learned: LearnedNoise) -> None:
        self._prediction = prediction
        cells = prediction.sensitivity[:, :, CELLS:]
        signal, self._turn = np.linalg.eigh(cells @ cells.swapaxes(1, 2))
        self._signal = np.maximum(signal, 0.0)
        self._gain = np.einsum("mks,mk->ms", self._turn, prediction.sensitivity[:, :, GAIN])
        self.learn(learned)
        self._begin()

    @property
    def signal(self) -> Float[np.ndarray, "columns vectors"]:
        """Variance of each combination when all cells of its column err by 1."""
        return self._signal

    @property
    def gain(self) -> Float[np.ndarray, "columns vectors"]:
        """Effect of a relative change of all currents on each combination."""
        return self._gain

    @property
    def weight(self) -> Float[np.ndarray, "columns vectors"]:
        """Weights that read such a change from the combinations."""
        return self._weight

    @property
    def noise(self) -> np.ndarray:
        """Variance of white noise, (1 + M · S,)."""
        return self._noise

    @property
    def slow(self) -> np.ndarray:
        """Stationary variance of the components of slow noise, (1 + M · S, D)."""
        return self._slow

    @property
    def slope(self) -> tuple[float, float]:
        """Relative change of all currents per degree, and its standard deviation."""
        return float(self.mean[0, SLOPE]), float(np.sqrt(self.covariance[0, SLOPE, SLOPE]))

    @property
    def gain_change(self) -> float:
        """Relative change of all currents since the calibration."""
        return float(self.mean[0, BIAS] + self.mean[0, SLOW:].sum())

    @property
    def relative_change(self) -> float:
        """Root mean square change of currents since the calibration, relative to theirs."""
        change = self.mean[1:, BIAS] + self.mean[1:, SLOW:].sum(axis=1)
        return float(np.sqrt((change**2).mean() / (self._gain**2).mean()))

    def learn(self, learned: LearnedNoise) -> None:
        """Go on with other noise."""
        self._learned = learned
        vectors = self._gain.shape[1]
        of_column = learned.white * self._prediction.variance
        weighed = self._gain / of_column[:, None]
        self._weight = weighed / (weighed * self._gain).sum()
        shared = (self._weight**2 * of_column[:, None]).sum() + self._of_drive(of_column)
        self._noise = np.concatenate([[shared], np.repeat(of_column, vectors)])
        moved = (self._weight**2 * self._signal).sum()
        self._slow = np.concatenate([[moved], self._signal.ravel()])[:, None] * learned.slow

    def combine(self, residual: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Combine residuals (S, M) of single vectors, and tell which combinations are known, (M, S) each."""
        turned = np.einsum("mks,km->ms", self._turn, residual)
        # A combination is known where all vectors of its column are.
        whole = np.repeat(present.all(axis=0, keepdims=True).T, turned.shape[1], axis=1)
        return turned, whole

    def whiten(
        self, turned: np.ndarray, whole: np.ndarray, *, elapsed_s: float, warmer: float
    ) -> tuple[float, np.ndarray]:
        """Take in a reading.

        Args:
            turned, whole: of `combine`.
            elapsed_s: since the last reading. warmer: than at the calibration [°C].

        Returns:
            Whitened innovations: of the common part, and of each combination, (M, S), 0 where unknown.
        """
        z = np.empty(len(self.mean))
        whiten(
            self.mean,
            self.covariance,
            turned.ravel(),
            whole.ravel(),
            self._gain.ravel(),
            self._weight.ravel(),
            warmer,
            np.exp(-elapsed_s / self._learned.time_constants_s),
            self._slow,
            self._noise,
            MOST_DEVIATIONS,
            z,
        )
        return float(z[0]), z[1:].reshape(turned.shape)

    def without_temperature(self, turned: np.ndarray, warmer: float) -> np.ndarray:
        """Combinations (M, S) less the share of the temperature."""
        own = self.mean[1:, SLOPE].reshape(turned.shape)
        return turned - (self.mean[0, SLOPE] * self._gain + own) * warmer

    def _of_drive(self, of_column: np.ndarray) -> float:
        """Variance of the common part beyond that of independent columns: all read the drivers' errors.

        Args:
            of_column: variance of a reading, (M,). What is beyond the column's own is the drivers', at most
                what is known of them: a converter's steps are the same each time, and no noise.
        """
        prediction = self._prediction
        known = prediction.slopes**2 @ prediction.drive_variance
        beyond = of_column - prediction.variance + known
        part = np.clip(beyond / np.where(known > 0.0, known, np.inf), 0.0, 1.0)
        effect = np.sqrt(part)[:, None] * prediction.slopes * np.sqrt(prediction.drive_variance)
        by_vector = np.einsum("mks,ms->km", self._turn, self._weight)
        together, alone = by_vector @ effect, by_vector**2 @ effect**2
        return float((together**2).sum() - alone.sum())

    def _begin(self) -> None:
        count = 1 + self._gain.size
        unknowns = SLOW + len(self._learned.slow)
        self.mean = np.zeros((count, unknowns))
        self.covariance = np.zeros((count, unknowns, unknowns))
        belief = np.einsum("mks,mkl,mls->ms", self._turn, self._prediction.belief, self._turn, optimize=True)
        bias = np.maximum(belief, 0.0) + self._prediction.variance[:, None]
        self.covariance[1:, BIAS, BIAS] = bias.ravel()
        alike = self._of_drive(self._prediction.variance)
        self.covariance[0, BIAS, BIAS] = (self._weight**2 * bias).sum() + alike
        self.covariance[1:, SLOPE, SLOPE] = _OWN_SLOPE**2 * self._signal.ravel()
        self.mean[0, SLOPE] = self._learned.slope[0]
        self.covariance[0, SLOPE, SLOPE] = self._learned.slope[1] ** 2
        # Slow noise as it was at the calibration was taken for the cells: the constant error has it, negated.
        for at in range(SLOW, unknowns):
            variance = self._slow[:, at - SLOW]
            self.covariance[:, at, at] = variance
            self.covariance[:, BIAS, BIAS] += variance
            self.covariance[:, at, BIAS] = self.covariance[:, BIAS, at] = -variance
