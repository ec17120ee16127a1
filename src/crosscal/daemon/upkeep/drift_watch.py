"""Watch over one verified calibration: readings of its sentinels in, findings and plans out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crosscal.core.errors import InputError
from crosscal.core.physical_constants import DAY_S
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.known_vectors import KnownReadings
from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.drift import (
    Diagnosis,
    DriftMonitor,
    SentinelReading,
    Sentinels,
    diagnose,
    sentinel_interval_s,
    vectors_for,
)
from crosscal.runtime.drift.prediction import Prediction

SENTINELS = 8
"""Enough to tell kinds of change apart, by `runtime.drift.diagnosis`; 10 ms of a board."""
_SENTINELS_SHARE = 0.5
"""Of the share of board time; recalibrations have the rest."""
_WORSE = 1.3
"""Error of sentinels relative to that just after the calibration, from which it is renewed;
the mean then stays within 1.5 of a board that is recalibrated before each read."""
_LEAST_PER_FOLD = 1e-3
"""Drift per e-fold of time that is reckoned with before any was seen."""
_GROWTH = 2.0
"""Most by which an interval is longer than the one before."""
_LONGEST_S, _QUIET_SHARE = 1800.0, 0.1
"""A quiet board is looked at every half hour, or with a tenth of the share where that takes longer."""
_FELT_C = 0.5
"""Gains change by some 1e-3 per degree."""
_SMOOTHING = 0.25
"""Weight of the newest reading in the mean error: some four readings, of 8 M numbers each."""
_VERIFIED = 2.0
"""What changes between the verification and the first sentinels must not pass for their usual error; it
is up to twice that of ordinary vectors."""
_BASELINE = 2
"""Readings just after a calibration that say how good it is."""
_FEWEST_RISES, _RISES = 2, 5
"""Latest calibrations that say by how much the error usually rises until the first sentinels: cells with 1/f
noise are three times as far off within a minute, and no recalibration changes that."""
_LEAST_WORTH, _MOST_WORSE, _MORE_PATIENT = 0.8, 2.0, 1.25
"""A recalibration that leaves the sentinels with more than this part of their error was not worth it; the
next then waits until the error has grown by more, up to a limit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """What a reading of the sentinels says.

    Attributes:
        residual: whitened, (S, M); NaN where a reading is missing.
        statistic: of the test, relative to its threshold.
        nmse: error of calibrated sentinel currents relative to the variance of ideal ones.
        temperature_c: None without a thermometer.
        alarm: kind of change that noise does not explain; empty if there is none.
        text: for people, of what asks for a recalibration; empty if nothing does.
        data: plain JSON values.
        diagnosis: of an alarm; None without one.
    """

    residual: np.ndarray
    statistic: float
    nmse: float | None
    temperature_c: float | None
    alarm: str = ""
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None


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
    ) -> None:
        self._programmed, self._settings = programmed, settings
        self._vector_s, self._began_s = vector_s, now_s
        self._calibrated_c = self._taken_c = temperature_c
        self._taken_s = now_s
        if before is None:
            self._changed_s = now_s
            self._per_fold = 0.0
            self._rises: list[float] = []
            self._worse_by, self._error_before = _WORSE, math.nan
            low_s = settings.interval_s[0]
            self._monitor = DriftMonitor(
                programmed,
                Sentinels.design(programmed, SENTINELS, rng=rng),
                run_length=max(2.0, DAY_S / low_s / settings.false_alarms_per_day),
                interval_s=low_s,
                temperature_c=temperature_c,
            )
        else:
            self._changed_s, self._per_fold = before._changed_s, before._per_fold
            self._monitor = before._monitor.restarted(programmed, temperature_c=temperature_c)
            self._rises, self._worse_by, self._error_before = before._handed_over()
        self._interval_s = settings.interval_s[0] / _GROWTH
        self._verified_nmse = verified_nmse
        self._baseline: list[float] = []
        self._mean_nmse = math.nan
        self._called = False

    @property
    def voltage_v(self) -> np.ndarray:
        """The sentinels [V], (S, N)."""
        return self._monitor.sentinels.voltage_v

    def take(self, known: KnownReadings, temperature_c: float | None, now_s: float) -> Finding:
        """Test a reading of the sentinels.

        Raises:
            InputError: not one usable reading.
        """
        reading = self._monitor.update(
            known.current_a, time_s=now_s, usable=known.usable, temperature_c=temperature_c
        )
        self._interval_s = max(now_s - self._taken_s, self._settings.interval_s[0])
        self._taken_s, self._taken_c = now_s, temperature_c
        self._follow(reading, now_s)
        diagnosis = None
        alarm, text = "", self._worse(temperature_c)
        self._called = bool(text)
        if reading.alarm is not None:
            diagnosis = self._diagnosed(known, temperature_c)
            alarm = str(diagnosis.change)
            text = _described(diagnosis)
        return Finding(
            residual=reading.z,
            statistic=reading.statistic,
            nmse=reading.nmse if math.isfinite(reading.nmse) else None,
            temperature_c=temperature_c,
            alarm=alarm,
            text=text,
            data=_data(reading, diagnosis),
            diagnosis=diagnosis,
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

    def _follow(self, reading: SentinelReading, now_s: float) -> None:
        if math.isfinite(reading.nmse):
            if len(self._baseline) < _BASELINE:
                self._baseline.append(reading.nmse)
                self._mean_nmse = float(np.mean(self._baseline))
                if len(self._baseline) == _BASELINE:
                    self._judge_calibration()
            else:
                self._mean_nmse += _SMOOTHING * (reading.nmse - self._mean_nmse)
        since_s, at_s = max(now_s - self._changed_s, 1.0), max(self._began_s - self._changed_s, 1.0)
        folds = math.log(since_s / at_s) if since_s > at_s else 0.0
        if folds > 0.0 and math.isfinite(reading.relative_change):
            self._per_fold = reading.relative_change / max(folds, 0.1)

    def _judge_calibration(self) -> None:
        """Learn from the first sentinels whether the calibration was worth it."""
        if self._mean_nmse > _LEAST_WORTH * self._error_before:
            self._worse_by = min(self._worse_by * _MORE_PATIENT, _MOST_WORSE)
        elif self._mean_nmse < self._error_before:
            self._worse_by = max(self._worse_by / _MORE_PATIENT, _WORSE)

    def _handed_over(self) -> tuple[list[float], float, float]:
        """What the next calibration's watch goes on with; the last is the error that it was to mend."""
        mended = self._mean_nmse if self._called else math.nan
        rises = self._rises
        if len(self._baseline) == _BASELINE:
            rises = [*rises, float(np.mean(self._baseline)) / self._verified_nmse][-_RISES:]
        return rises, self._worse_by, mended

    def _worse(self, temperature_c: float | None) -> str:
        """Say by how much the error has grown, if by more than is tolerated."""
        if len(self._baseline) < _BASELINE:
            return ""
        usual = _VERIFIED
        if len(self._rises) >= _FEWEST_RISES:
            usual = max(usual, _WORSE * float(np.median(self._rises)))
        baseline = min(float(np.mean(self._baseline)), usual * self._verified_nmse)
        if not self._mean_nmse > self._worse_by * baseline:
            return ""
        warmer = 0.0 if None in (temperature_c, self._calibrated_c) else temperature_c - self._calibrated_c  # type: ignore[operator]
        beside = f", {warmer:+.1f} °C since" if warmer else ""
        return f"error of sentinels {self._mean_nmse / baseline:.2f} × that after the calibration{beside}"

    @property
    def _noise(self) -> float:
        """Standard deviation of a reading relative to full scale."""
        return float(np.sqrt(np.median(Prediction.of(self._programmed, self.voltage_v).variance)))

    @property
    def _tolerance(self) -> float:
        """Relative change of currents that adds about a third to the present error."""
        if not self._baseline:
            return 1e-3
        return math.sqrt((_WORSE - 1.0) * max(float(np.mean(self._baseline)), 1e-12))

    def _diagnosed(self, known: KnownReadings, temperature_c: float | None) -> Diagnosis:
        change_c = None
        if temperature_c is not None and self._calibrated_c is not None:
            change_c = temperature_c - self._calibrated_c
        slope = self._monitor.learned.slope
        return diagnose(
            self._programmed,
            known.voltage_v,
            known.current_a,
            usable=known.usable,
            temperature_change_c=change_c,
            temperature_slope=(float(slope[0]), float(slope[1])),
        )


def _described(diagnosis: Diagnosis) -> str:
    lines = {1: "{0}", 2: "row {0}, column {1}"}.get(len(diagnosis.where), "")
    place = lines.format(*(index + 1 for index in diagnosis.where))
    where = f" {place}" if place else ""
    return f"{diagnosis.change}{where} changed by {100 * diagnosis.size:.2g} %"


def _data(reading: SentinelReading, diagnosis: Diagnosis | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "gain_change": _finite(reading.gain_change),
        "relative_change": _finite(reading.relative_change),
    }
    if diagnosis is not None:
        data |= {
            "change": str(diagnosis.change),
            "where": [index + 1 for index in diagnosis.where],
            "size": _finite(diagnosis.size),
            "probability": _finite(diagnosis.probability),
        }
    return data


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
