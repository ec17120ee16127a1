"""Random faults that occur while bench time passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.physical_constants import HOUR_S
from crosscal.simulated_bench.settings.faults import FaultSettings
from crosscal.simulated_bench.variability.renewal_kernels import next_events

CELL_KINDS = ("OPEN", "SHORT", "STUCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFailure:
    """A cell, counted from 0, that breaks at a bench time [s]."""

    time_s: float
    row: int
    column: int
    kind: str


class RandomFaults:
    """Random faults in a span of bench time; each cell and kind of fault has a Poisson process of its own.

    The processes are functions of the time since they were started, so it does not matter in how many steps
    that passes. A broken cell cannot break once more; a healed one can.

    Args:
        faults: the rates.
        shape: `(N, M)`.
        seed: 64 bits.
        time_s: bench time of the processes' start [s].
    """

    def __init__(
        self, faults: FaultSettings, shape: tuple[int, int], *, seed: np.uint64, time_s: float
    ) -> None:
        self._per_hour = (faults.open_per_hour, faults.short_per_hour, faults.stuck_per_hour)
        self._amplifier_per_hour = faults.amplifier_per_hour
        self._shape = shape
        self._seed, self._epoch_s = seed, time_s

    def cells(self, start_s: float, end_s: float, *, whole: np.ndarray) -> list[CellFailure]:
        """Find the first fault of each cell after one time and up to another [s], where `whole`, (N, M)."""
        places = np.flatnonzero(whole)
        if not (any(self._per_hour) and places.size):
            return []
        size = self._shape[0] * self._shape[1]
        times_s = np.array(
            [self._next_s(start_s, rate, places + k * size) for k, rate in enumerate(self._per_hour)]
        )
        kinds, first_s = times_s.argmin(axis=0), times_s.min(axis=0)
        return [
            CellFailure(
                time_s=float(first_s[p]),
                row=int(places[p] // self._shape[1]),
                column=int(places[p] % self._shape[1]),
                kind=CELL_KINDS[kinds[p]],
            )
            for p in np.flatnonzero(first_s <= end_s)
        ]

    def amplifiers(self, start_s: float, end_s: float) -> np.ndarray:
        """Find the amplifiers, counted from 0, that break after one time and up to another [s]."""
        streams = np.arange(self._shape[1]) + len(CELL_KINDS) * self._shape[0] * self._shape[1]
        return np.flatnonzero(self._next_s(start_s, self._amplifier_per_hour, streams) <= end_s)

    def _next_s(self, start_s: float, per_hour: float, streams: np.ndarray) -> np.ndarray:
        if not per_hour:
            return np.full(len(streams), np.inf)
        next_s = np.empty(len(streams))
        next_events(self._seed, start_s - self._epoch_s, HOUR_S / per_hour, streams, next_s)
        return next_s + self._epoch_s
