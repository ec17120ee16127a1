"""History of sentinel residuals, and the noise that makes it most probable.

A run begins at a recalibration. Within it a residual is a line in time, slow noise and white noise: the line
keeps a steady drift from passing for slow noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import replace

import numpy as np

from crosscal.runtime.drift.learned_noise import LearnedNoise
from crosscal.runtime.drift.likelihood_kernel import sums_of_likelihood
from crosscal.runtime.drift.memory import Run
from crosscal.runtime.recalibration.outliers import NORMAL_DEVIATION

_MOST_READINGS = 16384
"""The latest, eleven days of one a minute. Run lengths change by a fifth with one percent of variance: 4096
readings of 32 residuals know it to half a percent, these to a quarter."""

_OF_SLOW_NOISE = 4096
"""The latest of them, for the size of slow noise: that of today. With 1024 to 8192 the same is learned to 3 %
(`python benchmarks/constants.py noise_history`)."""

_MOST_RESIDUALS = 64
"""Those that cells move the most say how much they wander; more of them only take longer."""

_SHORTEST_RUN = 4
"""A line takes two readings. Boards whose cells wander are recalibrated often until that is learned, so that
short runs are all that there is to learn it from."""
_RATIOS = np.geomspace(1e-10, 1e-2, 17)
"""Variances of a component relative to white noise, for cells: standard deviations from 0.001 % to 10 %."""

_REFINEMENTS = 5
"""Halvings of the grid's step, to a factor of 1.04. Insensitive between 0 and 8 (the same command)."""

_BELIEVED_FACTOR = 2.0
"""By what factor the variance of slow noise lies from that of earlier readings, one standard deviation."""

_BORROWED = 60.0
"""Differences that a column's white noise borrows from all others."""

_MOST_DEVIATIONS = 6.0
"""Single wild readings are drawn to this. Insensitive between 4 and 10; with 3 noise itself is cut, and false
alarms come a tenth earlier (the same command)."""

_LEAST_WHITE = 1e-4
"""Variance relative to the stated noise: a hundredth of its deviation. Insensitive between 1e-8 and 1e-2 (the
same command)."""


class NoiseHistory:
    """Residuals of the latest readings, run by run.

    Args:
        signal: variance of each residual by a relative error of all cells of 1, (M, S).
        variance: stated variance of a reading, (M,).
    """

    def __init__(self, signal: np.ndarray, variance: np.ndarray) -> None:
        self._relative = signal / variance[:, None]
        self._deviation = np.sqrt(variance)[:, None]
        self._runs: list[tuple[list[float], list[np.ndarray]]] = [([], [])]

    @property
    def readings(self) -> int:
        """Number of readings that are kept."""
        return sum(len(times) for times, _ in self._runs)

    def copy(self) -> NoiseHistory:
        """Return a history of the readings until now, to learn from in another thread."""
        copied = copy(self)
        copied._runs = [(list(times), list(residuals)) for times, residuals in self._runs]
        return copied

    def latest_runs(self) -> tuple[Run, ...]:
        """Times [s] and residuals relative to the stated deviation of the latest readings, oldest first."""
        latest: list[Run] = []
        left = _OF_SLOW_NOISE
        for times, residuals in reversed(self._runs):
            if times and left > 0:
                latest.append((np.array(times[-left:]), np.stack(residuals[-left:])))
                left -= len(times)
        return tuple(reversed(latest))

    def take_runs(self, runs: Iterable[Run]) -> None:
        """Begin with runs of an earlier history of the same residuals and the same stated variance."""
        self._runs = [(times.tolist(), list(residuals)) for times, residuals in runs] + [([], [])]

    def begin_run(self, signal: np.ndarray, variance: np.ndarray) -> None:
        """Begin a run, after a recalibration; residuals of different runs do not compare."""
        before, self._deviation = self._deviation, np.sqrt(variance)[:, None]
        self._relative = signal / variance[:, None]
        # Those of before are kept relative to the same deviation.
        unit = (before / self._deviation).astype(np.float32)
        if (unit != 1.0).any():
            self._runs = [(times, [unit * each for each in residuals]) for times, residuals in self._runs]
        self._runs.append(([], []))

    def add(self, time_s: float, residual: np.ndarray, present: np.ndarray) -> None:
        """Take in a reading: residuals and whether there is one, (M, S)."""
        times, residuals = self._runs[-1]
        times.append(time_s)
        residuals.append(np.where(present, residual / self._deviation, np.nan).astype(np.float32))
        while self.readings > _MOST_READINGS:
            times, residuals = self._runs[0]
            if len(times) <= _SHORTEST_RUN:
                self._runs.pop(0)
            else:
                del times[:1], residuals[:1]

    def runs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Times [s], (T,), and residuals, (T, M, S), NaN where missing, of each run."""
        for times, residuals in self._runs:
            if times:
                yield np.array(times), np.stack(residuals) * self._deviation

    def learn(self, believed: LearnedNoise) -> LearnedNoise:
        """Find the noise that makes the history most probable, beside the slow noise believed so far."""
        runs = [
            _Run.of(times, np.stack(all_), believed)
            for times, all_ in self._runs
            if len(times) >= _SHORTEST_RUN
        ]
        if not runs:
            return believed
        flat = self._relative.ravel()
        most = np.sort(np.argsort(flat)[-_MOST_RESIDUALS:])
        relative = flat[most]
        latest = [run.of_residuals(most) for run in _latest(runs)]

        def score(ratio: float) -> tuple[float, float]:
            sums = np.array(
                [sums_of_likelihood(run.readings, relative, run.kept, run.at, ratio) for run in latest]
            ).sum(axis=0)
            white = max(sums[0] / max(sums[2], 1.0), _LEAST_WHITE)
            value = -0.5 * (sums[2] * math.log(white) + sums[1])
            if believed.readings:
                earlier = max(float(believed.slow.mean() / believed.white.mean()), _RATIOS[0])
                value -= 0.5 * (math.log(ratio / earlier) / math.log(_BELIEVED_FACTOR)) ** 2
            return value, white

        ratio, white = _best(score)
        slow = 0.0 if ratio <= _RATIOS[0] else ratio * white
        return replace(
            believed,
            white=self._of_columns(runs, white, slow),
            slow=np.full(len(believed.slow), slow),
            readings=self.readings,
        )

    def _of_columns(self, runs: list[_Run], white: float, slow: float) -> np.ndarray:
        """White noise of each column: its own as far as it is known, that of all otherwise, (M,)."""
        columns = len(self._relative)
        squares, counts = np.zeros(columns), np.zeros(columns)
        for run in runs:
            difference = np.diff(run.readings, axis=0)
            left = (
                0.5 * difference**2
                - slow * (1.0 - run.kept[1:]).sum(axis=1)[:, None] * self._relative.ravel()
            )
            limit = _MOST_DEVIATIONS**2 * max(float(np.nanmean(left)), _LEAST_WHITE)
            by_column = np.minimum(left, limit).reshape(len(left), columns, -1)
            squares += np.nansum(by_column, axis=(0, 2))
            counts += np.isfinite(by_column).sum(axis=(0, 2))
        own = squares / np.maximum(counts, 1.0)
        return np.maximum((_BORROWED * white + counts * own) / (_BORROWED + counts), 0.05 * white)


class _Run:
    """A run as the likelihood takes it: (T, E), (T, D), (T,)."""

    def __init__(self, readings: np.ndarray, kept: np.ndarray, at: np.ndarray) -> None:
        self.readings, self.kept, self.at = readings, kept, at

    @classmethod
    def of(cls, times: list[float], readings: np.ndarray, believed: LearnedNoise) -> _Run:
        """Hold single wild readings within a few deviations of the median of their residual."""
        flat = readings.reshape(len(readings), -1).astype(float)
        middle = np.nanmedian(flat, axis=0)
        spread = NORMAL_DEVIATION * np.nanmedian(np.abs(flat - middle), axis=0) + 1e-12
        held = np.clip(flat, middle - _MOST_DEVIATIONS * spread, middle + _MOST_DEVIATIONS * spread)
        elapsed_s = np.maximum(np.diff(np.array(times), prepend=times[0]), 0.0)
        whole_s = max(float(elapsed_s.sum()), 1e-9)
        kept = np.exp(-elapsed_s[:, None] / believed.time_constants_s)
        return cls(held - middle, kept, np.cumsum(elapsed_s) / whole_s)

    def of_residuals(self, chosen: np.ndarray) -> _Run:
        """Keep some residuals."""
        return _Run(np.ascontiguousarray(self.readings[:, chosen]), self.kept, self.at)

    def last(self, readings: int) -> _Run:
        """Keep the last readings."""
        return _Run(self.readings[-readings:], self.kept[-readings:], self.at[-readings:])


def _latest(runs: list[_Run]) -> list[_Run]:
    """Keep the runs, or what is recent enough of them, that say how much cells wander today."""
    latest, left = [], _OF_SLOW_NOISE
    for run in reversed(runs):
        if left < _SHORTEST_RUN:
            break
        latest.append(run.last(left))
        left -= len(run.readings)
    return latest


def _best(score: Callable[[float], tuple[float, float]]) -> tuple[float, float]:
    """Ratio of the highest score, and its white noise: a grid, then ever smaller steps about the best."""
    values = {float(ratio): score(float(ratio)) for ratio in _RATIOS}
    best = max(values, key=lambda ratio: values[ratio][0])
    step = math.log(_RATIOS[1] / _RATIOS[0])
    for _ in range(_REFINEMENTS):
        step *= 0.5
        for ratio in (best * math.exp(-step), best * math.exp(step)):
            values[ratio] = score(ratio)
        best = max(values, key=lambda ratio: values[ratio][0])
    return best, values[best][1]
