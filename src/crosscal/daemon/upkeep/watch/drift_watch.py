"""Watch over one verified calibration: readings of its sentinels in, findings and plans out."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError
from crosscal.core.physical_constants import DAY_S
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.known_vectors import KnownReadings
from crosscal.daemon.upkeep.watch.error_growth import WORSE, ErrorGrowth
from crosscal.daemon.upkeep.watch.finding import Finding
from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.drift import (
    Diagnosis,
    DriftMonitor,
    Sentinels,
    diagnose,
    sentinel_interval_s,
    vectors_for,
)
from crosscal.runtime.drift.learned_noise import LearnedNoise
from crosscal.runtime.drift.memory import MonitorMemory
from crosscal.runtime.drift.prediction import Prediction

logger = logging.getLogger(__name__)

SENTINELS = 8
"""Enough to tell kinds of change apart, by `runtime.drift.diagnosis`; 10 ms of a board."""
_SENTINELS_SHARE = 0.5
"""Of the share of board time; recalibrations have the rest."""
_LEAST_PER_FOLD = 1e-3
"""Drift per e-fold of time that is reckoned with before any was seen."""
_GROWTH = 2.0
"""Most by which an interval is longer than the one before."""
_LONGEST_S, _QUIET_SHARE = 1800.0, 0.1
"""A quiet board is looked at every half hour, or with a tenth of the share where that takes longer."""
_KEPT_EVERY = 256
"""Readings between two times that the memory is kept, of 4 MB at most: so many a kill costs."""
_FELT_C = 0.5
"""Gains change by some 1e-3 per degree."""


class DriftWatch:
    """Watches a calibration from its verification on.

    Args:
        programmed: as reads use it.
        settings: how closely to watch.
        rng: draws the sentinels.
        now_s: monotonic time [s].
        vector_s: board time of one vector [s].
        temperature_c: None without a thermometer.
        verified_nmse: error on the vectors of the verification, relative to the variance of ideal currents.
        before: watch of the same matrix as it was calibrated before; it knows the board's noise.
        memory: of a watch of the same matrix, before a restart; None if there is none.
    """

    def __init__(
        self,
        programmed: ProgrammedCalibrator,
        settings: Drift,
        *,
        rng: np.random.Generator,
        now_s: float,
        vector_s: float,
        temperature_c: float | None,
        verified_nmse: float = math.inf,
        before: DriftWatch | None = None,
        memory: MonitorMemory | None = None,
    ) -> None:
        self._programmed, self._settings = programmed, settings
        self._vector_s, self._began_s = vector_s, now_s
        self._calibrated_c = self._taken_c = temperature_c
        self._taken_s = now_s
        self._growth = ErrorGrowth(verified_nmse, None if before is None else before._growth)
        self._changed_s, self._per_fold = (
            (now_s, 0.0) if before is None else (before._changed_s, before._per_fold)
        )
        self._monitor = self._monitor_of(programmed, rng, before, memory)
        self._interval_s = settings.interval_s[0] / _GROWTH
        self._kept_at = self._monitor.readings if before is None else before._kept_at

    @property
    def voltage_v(self) -> np.ndarray:
        """The sentinels [V], (S, N)."""
        return self._monitor.sentinels.voltage_v

    def take(self, known: KnownReadings, now_s: float) -> Finding:
        """Test a reading of the sentinels.

        Raises:
            InputError: not one usable reading.
        """
        temperature_c = known.temperature_c
        reading = self._monitor.update(
            known.current_a, time_s=now_s, usable=known.usable, temperature_c=temperature_c, learn=False
        )
        self._interval_s = max(now_s - self._taken_s, self._settings.interval_s[0])
        self._taken_s, self._taken_c = now_s, temperature_c
        self._growth.take(reading.nmse)
        self._follow_drift(reading.relative_change, now_s)
        diagnosis = None if reading.alarm is None else self._diagnosed(known, temperature_c)
        tolerable = diagnosis is not None and self._tolerable(diagnosis, reading.nmse)
        if tolerable:
            self._monitor.begin_anew()
        return Finding.of(
            reading,
            worse=self._worse(temperature_c),
            diagnosis=diagnosis,
            tolerable=tolerable,
            temperature_c=temperature_c,
        )

    def lesson(self) -> Callable[[], LearnedNoise] | None:
        """Return the computation that learns the board's noise, for any thread; None if it is not due."""
        return self._monitor.lesson() if self._monitor.lesson_due else None

    def take_lesson(self, learned: LearnedNoise) -> None:
        """Go on with noise that was learned."""
        self._monitor.take_lesson(learned)

    def keep_memory(self, keep: Callable[[Matrix, MonitorMemory], object], *, due: int = _KEPT_EVERY) -> None:
        """Let what it knows of its matrix's noise be kept, if that is due.

        Args:
            keep: takes the matrix [S], (N, M), and the memory.
            due: readings since the last time from which on it is.
        """
        if self._monitor.readings - self._kept_at >= due:
            self._kept_at = self._monitor.readings
            keep(self._programmed.conductance_s, self._monitor.memory)

    def watch_by(self, settings: Drift) -> None:
        """Watch by other settings; a test for more or fewer false alarms begins without evidence."""
        before, self._settings = _run_length(self._settings), settings
        if _run_length(settings) != before:
            self._monitor = self._monitor.restarted(
                self._programmed, temperature_c=self._calibrated_c, run_length=_run_length(settings)
            )

    def interval_s(self, now_s: float) -> float:
        """Time to the next reading of the sentinels [s]."""
        reading_s, share = SENTINELS * self._vector_s, self._settings.board_share
        low_s, high_s = self._settings.interval_s
        planned_s = sentinel_interval_s(
            seconds_since_change=max(now_s - self._changed_s, low_s),
            drift_per_e_fold=max(abs(self._per_fold), _LEAST_PER_FOLD),
            tolerance=self._tolerance,
            bounds_s=self._settings.interval_s,
            reading_s=reading_s,
            share=_SENTINELS_SHARE * share,
        )
        # Not only drift that goes by the clock is to be noticed: a fault comes when it likes.
        longest_s = max(_LONGEST_S, reading_s / (_QUIET_SHARE * share))
        return max(low_s, min(planned_s, _GROWTH * self._interval_s, longest_s, high_s))

    def felt(self, temperature_c: float) -> bool:
        """Tell whether the temperature has moved so far that the sentinels should be read."""
        return self._taken_c is not None and abs(temperature_c - self._taken_c) > _FELT_C

    def vectors_to_learn(self, finding: Finding | None, *, affordable: int, verification: int) -> int:
        """Choose how many known vectors a recalibration is worth.

        Raises:
            InputError: the share of board time allows none at present.
        """
        rows = self._programmed.shape[0]
        if finding is None or finding.diagnosis is None:
            most = affordable - verification
            if most < SENTINELS:
                raise InputError("the share of board time is used up; the recalibration waits")
            return min(2 * rows, most)
        wish = vectors_for(
            finding.diagnosis,
            rows=rows,
            noise=self._noise,
            affordable=affordable,
            verification=verification,
        )
        # What its share of time has not used is worth nothing: where there is room, cells are learned too.
        return max(wish, min(2 * rows, (affordable - verification) // 2))

    def _monitor_of(
        self,
        programmed: ProgrammedCalibrator,
        rng: np.random.Generator,
        before: DriftWatch | None,
        memory: MonitorMemory | None,
    ) -> DriftMonitor:
        if before is not None:
            return before._monitor.restarted(programmed, temperature_c=self._calibrated_c)
        settings = self._settings
        if memory is not None:
            try:
                return DriftMonitor.remembering(
                    programmed,
                    memory,
                    run_length=_run_length(settings),
                    interval_s=settings.interval_s[0],
                    temperature_c=self._calibrated_c,
                )
            except InputError as error:
                logger.info("the noise of the board is learned anew: %s", error)
        return DriftMonitor(
            programmed,
            Sentinels.design(programmed, SENTINELS, rng=rng),
            run_length=_run_length(settings),
            interval_s=settings.interval_s[0],
            temperature_c=self._calibrated_c,
        )

    def _follow_drift(self, relative_change: float, now_s: float) -> None:
        since_s, at_s = max(now_s - self._changed_s, 1.0), max(self._began_s - self._changed_s, 1.0)
        folds = math.log(since_s / at_s) if since_s > at_s else 0.0
        if folds > 0.0 and math.isfinite(relative_change):
            self._per_fold = relative_change / max(folds, 0.1)

    def _tolerable(self, diagnosis: Diagnosis, nmse: float) -> bool:
        """Whether a change is far beyond noise, and yet none that reads would notice.

        A recalibration for each of these would go after slow noise for ever: it comes back within minutes.
        One place, however little it adds to the error of all, is to be named.
        """
        return not diagnosis.where and self._growth.factor(nmse) <= WORSE

    def _worse(self, temperature_c: float | None) -> str:
        """Say by how much the error has grown, if by more than is tolerated."""
        factor = self._growth.beyond()
        if factor is None:
            return ""
        warmer_c = self._warmer_c(temperature_c)
        beside = f", {warmer_c:+.1f} °C since" if warmer_c else ""
        return f"error of sentinels {factor:.2f} × that after the calibration{beside}"

    def _warmer_c(self, temperature_c: float | None) -> float | None:
        """Temperature relative to that of the calibration [°C]; None where it is not known."""
        if temperature_c is None or self._calibrated_c is None:
            return None
        return temperature_c - self._calibrated_c

    @property
    def _noise(self) -> float:
        """Standard deviation of a reading relative to full scale."""
        return float(np.sqrt(np.median(Prediction.of(self._programmed, self.voltage_v).variance)))

    @property
    def _tolerance(self) -> float:
        """Relative change of currents that adds about a third to the present error."""
        usual = self._growth.usual
        return 1e-3 if usual is None else math.sqrt((WORSE - 1.0) * max(usual, 1e-12))

    def _diagnosed(self, known: KnownReadings, temperature_c: float | None) -> Diagnosis:
        slope = self._monitor.learned.slope
        return diagnose(
            self._programmed,
            known.voltage_v,
            known.current_a,
            usable=known.usable,
            temperature_change_c=self._warmer_c(temperature_c),
            temperature_slope=(float(slope[0]), float(slope[1])),
        )


def _run_length(settings: Drift) -> float:
    """Mean number of readings to a false alarm."""
    return max(2.0, DAY_S / settings.interval_s[0] / settings.false_alarms_per_day)
