"""Monitor of one programmed matrix: readings of its sentinels in, whitened residuals and alarms out.

Residuals pass a `ResidualFilter`, which whitens them, and are added up by the charts of a `DriftTest`. Their
noise is learned on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.core.errors import InputError, RangeError
from crosscal.runtime.drift.drift_test import Alarm, DriftTest
from crosscal.runtime.drift.learned_noise import LearnedNoise
from crosscal.runtime.drift.memory import MonitorMemory
from crosscal.runtime.drift.noise_history import NoiseHistory
from crosscal.runtime.drift.prediction import Prediction
from crosscal.runtime.drift.residual_filter import ResidualFilter
from crosscal.runtime.drift.sentinels import Sentinels
from crosscal.runtime.drift.whiteness import scale_of_variance
from crosscal.runtime.programmed import ProgrammedCalibrator

_LEARNED_FROM = 16
"""Readings before noise is learned anew for the first time, and then whenever they have doubled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentinelReading:
    """Result of one reading of the sentinels.

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
        self._prediction = Prediction.of(programmed, sentinels.voltage_v)
        if learned is None or learned.white.shape != (columns,):
            learned = LearnedNoise.unknown(columns, interval_s)
        self._learned = learned
        self._filter = ResidualFilter(self._prediction, learned)
        self._test = DriftTest(len(sentinels), columns, run_length=run_length)
        self._history = NoiseHistory(self._filter.signal, self._prediction.variance)
        self._time_s: float | None = None
        self._readings, self._learn_at = 0, _LEARNED_FROM
        self._lesson_variance = self._prediction.variance

    @property
    def sentinels(self) -> Sentinels:
        """The vectors to read."""
        return self._sentinels

    @property
    def learned(self) -> LearnedNoise:
        """Noise of the board, for the next monitor and for the store."""
        return replace(self._learned, slope=np.array(self._filter.slope))

    @property
    def readings(self) -> int:
        """Readings until now, those of monitors that it goes on from included."""
        return self._readings

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
        learn: bool = True,
    ) -> SentinelReading:
        """Take in a reading of all sentinels.

        Args:
            current_a: measured [A], (S, M), in the order of `sentinels.voltage_v`; not calibrated.
            time_s: when, on any clock that runs forward; a step back counts as no time.
            usable: False for a saturated or faulty reading, (S, M).
            temperature_c: None where the board reports none.
            learn: learn the noise anew where that is due; False leaves it to `lesson`: it takes seconds after
                some thousand readings.

        Raises:
            ShapeError, InputError: arrays that do not go together; not one usable reading.
        """
        residual, present = self._prediction.residual(current_a, usable)
        turned, whole = self._filter.combine(residual, present)
        warmer = self._warmer(temperature_c)
        elapsed_s = 0.0 if self._time_s is None else max(time_s - self._time_s, 0.0)
        self._time_s = time_s
        z_common, z = self._filter.whiten(turned, whole, elapsed_s=elapsed_s, warmer=warmer)
        alarm = self._test.update(z.T, z_common)
        self._history.add(time_s, self._filter.without_temperature(turned, warmer), whole)
        self._readings += 1
        if learn and self.lesson_due:
            self.take_lesson(self.lesson()())
        return SentinelReading(
            z=np.where(whole, z, np.nan).T,
            statistic=self._test.statistic,
            alarm=alarm,
            nmse=self._nmse(current_a, present),
            gain_change=self._filter.gain_change,
            relative_change=self._filter.relative_change,
        )

    @property
    def lesson_due(self) -> bool:
        """Whether so many readings came that the noise is to be learned anew."""
        return self._readings >= self._learn_at

    def lesson(self) -> Callable[[], LearnedNoise]:
        """Return the computation that learns the noise from the readings until now, for any thread."""
        history, prediction, believed = self._history.copy(), self._prediction, self._learned
        self._lesson_variance = prediction.variance

        def learn() -> LearnedNoise:
            learned = history.learn(believed)
            # Scaled such that innovations, added up, are no larger than white ones.
            runs = ((ResidualFilter(prediction, learned), *run) for run in history.runs())
            return learned.scaled(scale_of_variance(runs))

        return learn

    def take_lesson(self, learned: LearnedNoise) -> None:
        """Go on with noise that `lesson` has learned, until readings have doubled."""
        while self._learn_at <= self._readings:
            self._learn_at *= 2
        # A recalibration in between may have changed what the calibrator states.
        self._learned = self._restated(learned, self._lesson_variance)
        self._filter.learn(self._learned)

    def begin_anew(self) -> None:
        """Count evidence from now on: that of before is known, and tolerated."""
        self._test.reset()

    def restarted(
        self,
        programmed: ProgrammedCalibrator,
        *,
        temperature_c: float | None = None,
        run_length: float | None = None,
    ) -> DriftMonitor:
        """Return a monitor of the same matrix as it is calibrated now; what was learned of noise stays.

        Args:
            programmed: its calibrator, as reads use it now.
            temperature_c: at which it was calibrated; None to take that of the first reading.
            run_length: mean number of sentinel readings to a false alarm; None for that of this monitor.
        """
        monitor = DriftMonitor(
            programmed,
            self._sentinels,
            run_length=self._test.run_length if run_length is None else run_length,
            interval_s=self._interval_s,
            temperature_c=temperature_c,
            learned=self.learned,
        )
        monitor._continue(self)
        return monitor

    @property
    def memory(self) -> MonitorMemory:
        """All that a monitor of the same matrix can go on with, after a restart."""
        return MonitorMemory(
            voltage_v=self._sentinels.voltage_v,
            variance=self._prediction.variance,
            learned=self.learned,
            readings=self._readings,
            learn_at=self._learn_at,
            runs=self._history.latest_runs(),
        )

    @classmethod
    def remembering(
        cls,
        programmed: ProgrammedCalibrator,
        memory: MonitorMemory,
        *,
        run_length: float,
        interval_s: float = 60.0,
        temperature_c: float | None = None,
    ) -> DriftMonitor:
        """Return a monitor that goes on from a memory of the same matrix; its evidence begins anew.

        What the calibrator states may have changed since; slow noise goes by time constants of the shortest
        interval.

        Args:
            programmed: the calibrator, as for a new one.
            memory: of an earlier monitor.
            run_length: as for a new one.
            interval_s: as for a new one [s].
            temperature_c: as for a new one [°C].

        Raises:
            InputError: a memory of another array, or of another shortest interval.
        """
        unknown = LearnedNoise.unknown(programmed.shape[1], interval_s)
        same_array = programmed.shape == (memory.voltage_v.shape[1], len(memory.variance))
        if not same_array or not np.allclose(memory.learned.time_constants_s, unknown.time_constants_s):
            raise InputError("got a memory of another board, or of another interval between sentinels")
        monitor = cls(
            programmed,
            Sentinels(voltage_v=memory.voltage_v),
            run_length=run_length,
            interval_s=interval_s,
            temperature_c=temperature_c,
            learned=memory.learned,
        )
        history = NoiseHistory(monitor._filter.signal, memory.variance)
        history.take_runs(memory.runs)
        monitor._go_on(history, memory.variance, readings=memory.readings, learn_at=memory.learn_at)
        return monitor

    def expected_delay(self, drift: float, *, rng: np.random.Generator) -> float:
        """Mean number of readings from a sudden relative change of all currents by `drift` to its alarm.

        Raises:
            RangeError: a drift that is 0 or not finite.
        """
        if not (np.isfinite(drift) and drift != 0.0):
            raise RangeError(f"got a drift of {drift}; allowed: finite, not 0; give 0.02 for 2 %")
        variance = self._filter.noise + self._filter.slow.sum(axis=1)
        pattern = (self._filter.gain / np.sqrt(variance[1:].reshape(self._filter.gain.shape))).T
        return float(self._test.delays(drift * pattern, pattern, rng=rng).mean())

    def _continue(self, before: DriftMonitor) -> None:
        self._lesson_variance = before._lesson_variance
        self._go_on(
            before._history,
            before._prediction.variance,
            readings=before._readings,
            learn_at=before._learn_at,
        )

    def _go_on(self, history: NoiseHistory, variance: np.ndarray, *, readings: int, learn_at: int) -> None:
        """Go on with a history that is relative to an earlier stated variance, (M,)."""
        self._history = history
        if self._learned.readings:
            self._learned = self._restated(self._learned, variance)
            self._filter = ResidualFilter(self._prediction, self._learned)
        history.begin_run(self._filter.signal, self._prediction.variance)
        self._readings, self._learn_at = readings, learn_at

    def _restated(self, learned: LearnedNoise, variance: np.ndarray) -> LearnedNoise:
        """Return noise that was learned relative to another stated variance, (M,), relative to this one."""
        return replace(learned, white=learned.white * (variance / self._prediction.variance))

    def _warmer(self, temperature_c: float | None) -> float:
        """Temperature relative to that of the calibration [°C], 0 where it is not known."""
        if temperature_c is None:
            return 0.0
        if self._calibrated_c is None:
            self._calibrated_c = temperature_c
        return temperature_c - self._calibrated_c

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
