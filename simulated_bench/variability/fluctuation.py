"""Fluctuation of the cells' conductances from one reading to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.randomness import RandomStreams
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.variability.flicker_processes import FlickerProcesses, decade_folds, remembered
from crosscal.simulated_bench.variability.read_noise import NoFlicker, NoTelegraph
from crosscal.simulated_bench.variability.renewal_kernels import (
    averaged_variance,
    lagged_variance,
    time_charged,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellState:
    """The cells of an array at some time.

    Attributes:
        conductance_s: nominal conductances [S], (N, M).
        written_s: those when each was last written [S], (N, M).
        age_s: time since each was written, at the pace of drift: that of 25 °C [s], (N, M).
        time_s: bench time [s].
    """

    conductance_s: Matrix
    written_s: Matrix
    age_s: Matrix
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTiming:
    """How readings follow each other.

    Attributes:
        duration_s: integration time of each, averages included [s].
        spacing_s: time from one to the next [s].
    """

    duration_s: float
    spacing_s: float


class Fluctuation:
    """White, 1/f and telegraph noise of every cell, on top of its nominal conductance.

    White noise is drawn reading by reading. The other two are functions of time: of bench time, and of the
    time taken by readings; it passes for them alone (dwell and aperture of every vector). So readings that
    follow each other share the slow part, and the same readings give the same noise however they are cut. The
    processes of 1/f noise are weighted such that a reading has the published deviation.

    Args:
        settings: gives the laws.
        streams: white noise, and the seeds of the other two.
        traps: where this specimen's telegraph traps are drawn from.
    """

    def __init__(
        self, settings: BenchSettings, streams: RandomStreams, *, traps: np.random.Generator
    ) -> None:
        self._shape = settings.array.rows, settings.array.columns
        self._noise, self._flicker, self._telegraph = settings.noise, settings.flicker, settings.telegraph
        count = math.prod(self._shape)
        self._trapped, self._interval_s = np.zeros(self._shape, dtype=bool), np.ones(count)
        if not isinstance(self._telegraph, NoTelegraph):
            self._trapped = traps.random(self._shape) < self._telegraph.cell_share
            fastest, slowest = math.log(self._telegraph.fastest_s), math.log(self._telegraph.slowest_s)
            self._interval_s = np.exp(traps.uniform(fastest, slowest, count))
        self.restart(streams, time_s=0.0)

    @property
    def active(self) -> bool:
        """Whether cells fluctuate at all."""
        return self._noise.cell_relative > 0 or self.slow

    @property
    def slow(self) -> bool:
        """Whether readings share some of the cells' noise with those that follow."""
        return not (isinstance(self._flicker, NoFlicker) and isinstance(self._telegraph, NoTelegraph))

    def restart(self, streams: RandomStreams, *, time_s: float) -> None:
        """Restart from other streams, at a bench time [s]."""
        self._streams = streams
        self._epoch_s, self._read_s = time_s, 0.0
        count = math.prod(self._shape)
        self._flicker_processes = FlickerProcesses(count, streams.flicker)
        self._trap_value, self._trap_until_s = np.ones(count), np.full(count, -np.inf)

    def factors(
        self, cells: CellState, pace: ReadTiming, readings: int, *, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Let some readings pass, and return the factor of each cell's conductance in each.

        Args:
            cells: as they are during these readings.
            pace: of the readings.
            readings: how many, B.
            rng: white noise, if not from the stream of the columns' readings.

        Returns:
            (B, N, M), 0 or more.
        """
        rng = self._streams.cell if rng is None else rng
        factors = np.ones((readings, *self._shape))
        if self._noise.cell_relative:
            factors += self._white(pace.duration_s) * rng.standard_normal(factors.shape)
        weights = self._weights(cells, pace.duration_s)
        drop = self._drop(cells.conductance_s)
        for factor in factors:
            self._read_s += pace.spacing_s
            clock_s = cells.time_s - self._epoch_s + self._read_s
            if weights is not None:
                factor += self._flicker_processes.at(clock_s, weights).reshape(self._shape)
            if drop is not None:
                factor *= 1.0 - drop * self._charged_share(clock_s, pace.duration_s)
        return np.maximum(factors, 0.0)

    def relative_variance(self, cells: CellState, *, duration_s: float) -> Matrix:
        """Return the variance of a single reading of cells, relative to their conductance squared, (N, M).

        That of all time, for 1/f and telegraph noise: from reading to reading they differ by less.
        """
        variance = np.full(self._shape, self._white(duration_s) ** 2)
        weights = self._weights(cells, duration_s)
        if weights is not None:
            variance += (weights**2).sum(axis=0).reshape(self._shape)
        drop = self._drop(cells.conductance_s)
        if drop is not None and not isinstance(self._telegraph, NoTelegraph):
            share = self._telegraph.charged_share
            averaged = averaged_variance(duration_s / self._interval_s).reshape(self._shape)
            variance += share * (1.0 - share) * averaged * drop**2
        return variance

    def relative_covariance(self, cells: CellState, pace: ReadTiming, lags_s: np.ndarray) -> np.ndarray:
        """Return the covariance of readings of a cell that are lags [s] apart, relative, (L, N, M).

        At lag 0 it is `relative_variance`; the other lags are at least the spacing of the readings.
        """
        covariance = np.zeros((len(lags_s), *self._shape))
        weights = self._weights(cells, pace.duration_s)
        if weights is not None:
            covariance += remembered(weights, lags_s).reshape(covariance.shape)
        drop = self._drop(cells.conductance_s)
        if drop is not None and not isinstance(self._telegraph, NoTelegraph):
            share, interval_s = self._telegraph.charged_share, self._interval_s.reshape(self._shape)
            lag = lags_s[:, None, None] / interval_s
            covariance += share * (1.0 - share) * drop**2 * lagged_variance(pace.duration_s / interval_s, lag)
        covariance[lags_s == 0.0] = self.relative_variance(cells, duration_s=pace.duration_s)
        return covariance

    def _white(self, duration_s: float) -> float:
        return self._noise.cell_relative * math.sqrt(self._noise.aperture_s / duration_s)

    def _weights(self, cells: CellState, duration_s: float) -> np.ndarray | None:
        """Compute the deviation that each decade's process adds to each cell, (decades, N·M)."""
        law = self._flicker
        if isinstance(law, NoFlicker):
            return None
        age_s = cells.age_s.ravel()
        # As with drift, a cell stands still until time passes; before `start_s`, it is as at that age. The
        # age is drift's, at 25 °C: how far back a cell's fluctuations reach is taken to be activated alike.
        top = np.where(age_s > 0, np.log(np.maximum(age_s, law.start_s) + duration_s), -np.inf)
        strength = law.strength(cells.conductance_s, cells.written_s).ravel()
        return strength * np.sqrt(decade_folds(2.0 * duration_s, top))

    def _drop(self, conductance_s: Matrix) -> Matrix | None:
        """Return the part of its conductance that a cell loses while its trap is charged, (N, M)."""
        if isinstance(self._telegraph, NoTelegraph):
            return None
        change = self._telegraph.change(conductance_s)
        return np.where(self._trapped, change / (1.0 + change), 0.0)

    def _charged_share(self, clock_s: float, duration_s: float) -> Matrix:
        """Return the part of a reading that ends now for which each trap is charged, (N, M)."""
        if isinstance(self._telegraph, NoTelegraph):
            return np.zeros(self._shape)
        share, charged = self._telegraph.charged_share, np.zeros(len(self._interval_s))
        time_charged(
            self._streams.telegraph,
            clock_s - duration_s,
            clock_s,
            self._interval_s,
            share,
            self._trap_until_s,
            self._trap_value,
            charged,
        )
        return charged.reshape(self._shape)
