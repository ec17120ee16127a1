"""Monitor of one programmed matrix: readings of its sentinels in, whitened residuals and alarms out.

The expected reading of a sentinel is uncertain: by what the calibrator's posterior leaves open, by the
temperature, by slow noise. A Kalman filter for each residual learns these, and its innovations are white as
long as nothing changes: they are what the charts of `DriftTest` add up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.core.errors import RangeError
from crosscal.runtime.drift.drift_test import MOST_DEVIATIONS, Alarm, DriftTest
from crosscal.runtime.drift.filter_kernel import BIAS, SLOPE, SLOW, advance
from crosscal.runtime.drift.learned_noise import Differences, LearnedNoise
from crosscal.runtime.drift.prediction import Prediction
from crosscal.runtime.drift.sentinels import Sentinels
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.posterior import CELLS, GAIN

_LEARNED_FROM = 16
"""Readings before noise is learned anew for the first time, and then whenever they have doubled."""

_OWN_SLOPE = 1e-3
"""Standard deviation of a residual's own change per degree, relative to full scale, beyond what all share."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentinelReading:
    """What one reading of the sentinels says.

    Attributes:
        z: whitened residuals, (S, M), NaN where a reading is missing; white and of variance 1 while nothing
            changes. Their S entries of a column are combinations of vectors, not single ones.
        statistic: of the test: 0 for nothing, above 1 an alarm.
        alarm: None while there is none.
        nmse: error of the calibrated sentinel currents, relative to the variance that inputs cause.
        gain_change: relative change of all currents together since the calibration.
        relative_change: root mean square change of currents since the calibration, relative to theirs; the
            temperature's part is not in it.
    """

    z: Float[np.ndarray, "vectors columns"]
    statistic: float
    alarm: Alarm | None
    nmse: float
    gain_change: float
    relative_change: float


class DriftMonitor:
    """Watches one programmed matrix.

    Args:
        programmed: its calibrator, as reads use it now.
        sentinels: known vectors, read again and again.
        run_length: mean number of sentinel readings to a false alarm.
        interval_s: shortest time between two readings of the sentinels.
        temperature_c: at which it was calibrated; None to take that of the first reading.
        learned: noise of this board, of an earlier monitor; None begins with what the calibrator states.
    """

    def __init__(
        self,
        programmed: ProgrammedCalibrator,
        sentinels: Sentinels,
        *,
        run_length: float,
        interval_s: float = 60.0,
        temperature_c: float | None = None,
        learned: LearnedNoise | None = None,
    ) -> None:
        columns = programmed.shape[1]
        self._programmed, self._sentinels = programmed, sentinels
        self._interval_s, self._calibrated_c = interval_s, temperature_c
        self._prediction = prediction = Prediction.of(programmed, sentinels.voltage_v)
        cells = prediction.sensitivity[:, :, CELLS:]
        # In these combinations of vectors the effects of cells are independent of each other.
        signal, self._turn = np.linalg.eigh(cells @ cells.swapaxes(1, 2))
        self._signal = np.maximum(signal, 0.0)
        self._gain = np.einsum("mks,mk->ms", self._turn, prediction.sensitivity[:, :, GAIN])
        self._test = DriftTest(len(sentinels), columns, run_length=run_length)
        usable = learned is not None and learned.white.shape == (columns,)
        self._learned = (
            learned if usable and learned is not None else LearnedNoise.unknown(columns, interval_s)
        )
        self._differences = Differences(self._signal, prediction.variance, self._learned.time_constants_s)
        self._begin()

    @property
    def sentinels(self) -> Sentinels:
        """The vectors to read."""
        return self._sentinels

    @property
    def learned(self) -> LearnedNoise:
        """Noise of the board, for the next monitor and for the store."""
        return replace(
            self._learned,
            slope=np.array([self._mean[0, SLOPE], np.sqrt(self._covariance[0, SLOPE, SLOPE])]),
        )

    @property
    def statistic(self) -> float:
        """Of the test: 0 for nothing, above 1 an alarm."""
        return self._test.statistic

    def update(
        self,
        current_a: Currents,
        *,
        time_s: float,
        usable: np.ndarray | None = None,
        temperature_c: float | None = None,
    ) -> SentinelReading:
        """Take in a reading of all sentinels.

        Args:
            current_a: measured [A], (S, M), in the order of `sentinels.voltage_v`; not calibrated.
            time_s: when, on any clock that runs forward; a step back counts as no time.
            usable: False for a saturated or faulty reading, (S, M).
            temperature_c: None where the board reports none.

        Raises:
            ShapeError, InputError: arrays that do not go together; not one usable reading.
        """
        residual, present = self._prediction.residual(current_a, usable)
        turned = np.einsum("mks,km->ms", self._turn, residual)
        # A combination of vectors is known where all of them are.
        whole = np.broadcast_to(present.all(axis=0)[:, None], turned.shape)
        if temperature_c is not None and self._calibrated_c is None:
            self._calibrated_c = temperature_c
        warmer = (
            0.0 if temperature_c is None or self._calibrated_c is None else temperature_c - self._calibrated_c
        )
        elapsed_s = 0.0 if self._time_s is None else max(time_s - self._time_s, 0.0)
        self._time_s = time_s
        z_common, z = self._whiten(turned, whole, elapsed_s, warmer)
        alarm = self._test.update(z.T, z_common)
        shared = self._mean[0, SLOPE] * warmer * self._gain
        self._differences.add(time_s, turned - shared, whole, self._learned)
        self._readings += 1
        if self._readings >= _LEARNED_FROM and self._readings & (self._readings - 1) == 0:
            self._learn()
        return SentinelReading(
            z=np.where(whole, z, np.nan).T,
            statistic=self._test.statistic,
            alarm=alarm,
            nmse=self._nmse(current_a, present),
            gain_change=float(self._mean[0, BIAS] + self._mean[0, SLOW:].sum()),
            relative_change=self._relative_change(),
        )

    def restarted(
        self, programmed: ProgrammedCalibrator, *, temperature_c: float | None = None
    ) -> DriftMonitor:
        """Return a monitor of the same matrix as it is calibrated now; what was learned of noise stays."""
        return DriftMonitor(
            programmed,
            self._sentinels,
            run_length=self._test.run_length,
            interval_s=self._interval_s,
            temperature_c=temperature_c,
            learned=self.learned,
        )

    def expected_delay(self, drift: float, *, rng: np.random.Generator) -> float:
        """Mean number of readings from a sudden relative change of all currents by `drift` to its alarm.

        Raises:
            RangeError: a drift that is 0 or not finite.
        """
        if not (np.isfinite(drift) and drift != 0.0):
            raise RangeError(f"got a drift of {drift}; allowed: finite, not 0; give 0.02 for 2 %")
        deviation = np.sqrt(
            self._noise()[1:].reshape(self._gain.shape)
            + self._slow()[1:].sum(axis=1).reshape(self._gain.shape)
        )
        pattern = (self._gain / deviation).T
        return float(self._test.delays(drift * pattern, pattern, rng=rng).mean())

    def _begin(self) -> None:
        columns, vectors = self._gain.shape
        unknowns = SLOW + len(self._learned.slow)
        self._time_s: float | None = None
        self._readings = 0
        self._mean = np.zeros((1 + columns * vectors, unknowns))
        self._covariance = np.zeros((1 + columns * vectors, unknowns, unknowns))
        belief = np.einsum("mks,mkl,mls->ms", self._turn, self._prediction.belief, self._turn)
        bias = np.maximum(belief, 0.0) + self._prediction.variance[:, None]
        weight = self._weight()
        self._covariance[1:, BIAS, BIAS] = bias.ravel()
        self._covariance[0, BIAS, BIAS] = (weight**2 * bias).sum()
        self._covariance[1:, SLOPE, SLOPE] = _OWN_SLOPE**2 * self._signal.ravel() / self._signal.mean()
        self._covariance[0, SLOPE, SLOPE] = self._learned.slope[1] ** 2
        self._mean[0, SLOPE] = self._learned.slope[0]
        slow = self._slow()
        for component in range(len(self._learned.slow)):
            self._covariance[:, SLOW + component, SLOW + component] = slow[:, component]

    def _whiten(
        self, turned: np.ndarray, whole: np.ndarray, elapsed_s: float, warmer: float
    ) -> tuple[float, np.ndarray]:
        kept = np.exp(-elapsed_s / self._learned.time_constants_s)
        noise, slow = self._noise(), self._slow()
        z = np.empty(len(self._mean))
        # What all share first: the rest is judged by the slope that it has learned.
        there = whole.any()
        common = float((self._weight(whole) * turned).sum()) if there else 0.0
        first, rest = slice(0, 1), slice(1, None)
        self._advance(first, np.array([common]), np.array([there]), warmer, kept, slow, noise, z)
        shared = self._mean[0, SLOPE] * warmer * self._gain
        self._advance(rest, (turned - shared).ravel(), whole.ravel(), warmer, kept, slow, noise, z)
        return float(z[0]), z[1:].reshape(turned.shape)

    def _advance(
        self,
        part: slice,
        observed: np.ndarray,
        present: np.ndarray,
        warmer: float,
        kept: np.ndarray,
        slow: np.ndarray,
        noise: np.ndarray,
        z: np.ndarray,
    ) -> None:
        advance(
            self._mean[part],
            self._covariance[part],
            observed,
            present,
            warmer,
            kept,
            slow[part],
            noise[part],
            MOST_DEVIATIONS,
            z[part],
        )

    def _weight(self, whole: np.ndarray | None = None) -> np.ndarray:
        """Weights (M, S) that read the relative change of all currents from the residuals."""
        weighed = self._gain / (self._learned.white * self._prediction.variance)[:, None]
        if whole is not None:
            weighed = np.where(whole, weighed, 0.0)
        return weighed / (weighed * self._gain).sum()

    def _noise(self) -> np.ndarray:
        """Variance of white noise of what all share, and of each residual, (1 + M · S,)."""
        vectors = self._gain.shape[1]
        of_column = self._learned.white * self._prediction.variance
        common = (self._weight() ** 2 * of_column[:, None]).sum()
        return np.concatenate([[common], np.repeat(of_column, vectors)])

    def _slow(self) -> np.ndarray:
        """Stationary variance of the components of slow noise, likewise, (1 + M · S, D)."""
        common = (self._weight() ** 2 * self._signal).sum()
        return np.concatenate([[common], self._signal.ravel()])[:, None] * self._learned.slow

    def _learn(self) -> None:
        self._learned = self._differences.learn(self._learned)

    def _nmse(self, current_a: Currents, present: np.ndarray) -> float:
        programmed, voltage_v = self._programmed, self._sentinels.voltage_v
        calibrated_a = programmed(
            np.where(present, current_a, np.nan), allow_nan=True, allow_extrapolation=True
        )
        error_a = calibrated_a - voltage_v @ programmed.conductance_s
        seen = np.isfinite(error_a)
        spread_v2 = voltage_v.var(axis=0)
        caused_a2 = np.broadcast_to(spread_v2 @ programmed.conductance_s**2, error_a.shape)
        return float((error_a[seen] ** 2).mean() / caused_a2[seen].mean()) if seen.any() else float("nan")

    def _relative_change(self) -> float:
        change = self._mean[1:, BIAS] + self._mean[1:, SLOW:].sum(axis=1)
        return float(np.sqrt((change**2).mean() / (self._gain**2).mean()))
