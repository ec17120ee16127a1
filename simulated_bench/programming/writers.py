"""Pulses that programming gives to cells between two readings."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.cells import Cells
from crosscal.simulated_bench.settings.programming import ProgrammingSettings


class Writer(Protocol):
    """Pulses of one programming run.

    Attributes:
        train: most pulses, each with a reading, that one iteration gives to a cell.
        given_up: cells that no further pulse may help, (N, M).
    """

    train: int
    given_up: np.ndarray

    def write(
        self,
        cells: Cells,
        reading_s: Matrix,
        target_s: Matrix,
        where: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        """Give one pulse to each of the cells `where`, (N, M), by their readings and targets [S]."""
        ...

    def learn(self, before_s: Matrix, after_s: Matrix, target_s: Matrix, where: np.ndarray) -> None:
        """Adjust the next pulses by the readings before and after the last one [S], (N, M)."""
        ...


class ShiftWriter:
    """Pulses that move a cell by a part of the distance that its reading shows, and scatter it.

    Args:
        settings: that part, and the scatter.
        shape: `(N, M)`.
    """

    def __init__(self, settings: ProgrammingSettings, shape: tuple[int, int]) -> None:
        self._settings = settings
        self.train = 1
        self.given_up = np.zeros(shape, dtype=bool)

    def write(
        self,
        cells: Cells,
        reading_s: Matrix,
        target_s: Matrix,
        where: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        """See `Writer.write`."""
        # A cell without a reading cannot be steered: its pulse only scatters it.
        distance_s = np.nan_to_num(target_s - reading_s)
        scatter_s = self._settings.write_noise * target_s * rng.standard_normal(where.shape)
        cells.shift(self._settings.pulse_gain * distance_s + scatter_s, where)

    def learn(self, before_s: Matrix, after_s: Matrix, target_s: Matrix, where: np.ndarray) -> None:
        """See `Writer.learn`: there is nothing to adjust."""
        del before_s, after_s, target_s, where
