"""Growth of the sentinels' error since a calibration, and the growth that asks for the next one."""

from __future__ import annotations

import math

import numpy as np

WORSE = 1.3
"""Error of sentinels relative to that just after the calibration, from which it is renewed;
the mean then stays within 1.5 of a board that is recalibrated before each read."""
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


class ErrorGrowth:
    """Follows the error of one calibration's sentinels.

    Args:
        verified_nmse: error on the vectors of its verification, relative to the variance of ideal currents.
        before: of the calibration before it, of the same matrix; None for the first.
    """

    def __init__(self, verified_nmse: float, before: ErrorGrowth | None = None) -> None:
        self._verified_nmse = verified_nmse
        self._first: list[float] = []
        self._mean = math.nan
        self._renewed = False
        # Error that this calibration was to mend, rises of earlier ones, and the patience that they taught.
        self._to_mend = math.nan
        self._rises: list[float] = []
        self._worse_by = WORSE
        if before is not None:
            self._to_mend = before._mean if before._renewed else math.nan
            self._rises = before._rises_with_its_own()
            self._worse_by = before._worse_by

    @property
    def usual(self) -> float | None:
        """Error just after the calibration; None before the first sentinels."""
        return float(np.mean(self._first)) if self._first else None

    def take(self, nmse: float) -> None:
        """Take in the error of a reading; NaN says nothing."""
        if not math.isfinite(nmse):
            return
        if len(self._first) == _BASELINE:
            self._mean += _SMOOTHING * (nmse - self._mean)
            return
        self._first.append(nmse)
        self._mean = float(np.mean(self._first))
        if len(self._first) == _BASELINE:
            self._judge()

    def factor(self, nmse: float) -> float:
        """Error of one reading relative to that after the calibration."""
        first = math.inf if self.usual is None else self.usual
        return nmse / min(first, self._most_usual)

    def beyond(self) -> float | None:
        """Error relative to that after the calibration, if by that it is to be renewed; else None."""
        factor = self._factor()
        self._renewed = factor is not None and factor > self._worse_by
        return factor if self._renewed else None

    def _factor(self) -> float | None:
        return self.factor(self._mean) if len(self._first) == _BASELINE else None

    @property
    def _most_usual(self) -> float:
        """Largest error just after the calibration that passes for usual."""
        usual_rise = _VERIFIED
        if len(self._rises) >= _FEWEST_RISES:
            usual_rise = max(usual_rise, WORSE * float(np.median(self._rises)))
        return usual_rise * self._verified_nmse

    def _judge(self) -> None:
        """Learn from the first sentinels whether the calibration was worth it."""
        if self._mean > _LEAST_WORTH * self._to_mend:
            self._worse_by = min(self._worse_by * _MORE_PATIENT, _MOST_WORSE)
        elif self._mean < self._to_mend:
            self._worse_by = max(self._worse_by / _MORE_PATIENT, WORSE)

    def _rises_with_its_own(self) -> list[float]:
        if len(self._first) < _BASELINE:
            return self._rises
        return [*self._rises, float(np.mean(self._first)) / self._verified_nmse][-_RISES:]
