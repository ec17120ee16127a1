"""A simulated board and a clock that go together: when time passes for the daemon, the cells age."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.physical_constants import DAY_S
from crosscal.firmware_models import BoardFacts, Reading
from crosscal.simulated_bench import Bench

TEMPERATURE_C = 25.0  # at which the profiles state their values


class AcceleratedClock:
    """Seconds since the matrix was programmed; they pass when `advance` says so."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        return self._now_s

    def advance(self, duration_s: float) -> None:
        """Let time pass."""
        self._now_s += max(duration_s, 0.0)


class AgeingBoard:
    """A bench below the daemon, aged and warmed to the present whenever it is touched.

    Args:
        bench: programmed with the target just now.
        target_s: the matrix [S], (N, M).
        clock: of daemon and board.
        swing_c: amplitude of the daily swing of the temperature [°C].
    """

    def __init__(self, bench: Bench, target_s: Matrix, clock: AcceleratedClock, *, swing_c: float) -> None:
        self.bench = bench
        self._target_s, self._clock, self._swing_c = target_s, clock, swing_c
        self._aged_s = 0.0
        self._temperature_c = TEMPERATURE_C
        self.vectors = 0

    @property
    def facts(self) -> BoardFacts:
        """Facts of the board."""
        return self.bench.facts

    @property
    def target_s(self) -> Matrix:
        """The matrix that was programmed."""
        return self._target_s

    def catch_up(self) -> None:
        """Age the cells, and change the temperature, to the present."""
        now_s = self._clock()
        if now_s > self._aged_s:
            self.bench.advance_time(now_s - self._aged_s)
            self._aged_s = now_s
        swung_c = TEMPERATURE_C + self._swing_c * math.sin(2.0 * math.pi * now_s / DAY_S)
        if abs(swung_c - self._temperature_c) > 1e-3:
            self.bench.set_temperature(swung_c)
            self._temperature_c = swung_c

    def measure(self, voltage_v: array[float], **settings: Any) -> Reading:
        """Read vectors now; the time that it takes passes."""
        self.catch_up()
        count = len(voltage_v) // self.facts.rows
        self.vectors += count
        reading = self.bench.measure(voltage_v, **settings)
        self._clock.advance(count * (settings["dwell_s"] + settings["averages"] * settings["aperture_s"]))
        return reading

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Read vectors that count for nobody."""
        before = self.vectors
        yield
        self.vectors = before

    def temperature_c(self) -> float:
        """Read the thermometer."""
        self.catch_up()
        return self.bench.temperature_c()

    def acknowledge(self) -> None:
        """Do nothing: there are no other clients."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bench, name)


def vectors_within(
    window_v: tuple[float, float], count: int, rows: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw ordinary inputs [V], (count, N)."""
    return rng.uniform(*window_v, (count, rows))
