"""Level table: every value that the slices of a weight can form from the true levels of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from crosscal.core.network.cell_profile import CellProfile


@dataclass(frozen=True, slots=True)
class LevelTable:
    """Values of weights in mean distances of levels of the least significant slice.

    Attributes:
        values: rising, from 0, (V,).
        codes: of the slices that form each value, (V, S).
        significance: of the slices, (S,).
        pedestal: sum of a weight of value 0, for its first level is no zero conductance.
        levels: of one cell, from 0, (L,).
    """

    values: np.ndarray
    codes: np.ndarray
    significance: np.ndarray
    pedestal: float
    levels: np.ndarray

    @property
    def span(self) -> float:
        """The largest value."""
        return float(self.values[-1])

    @property
    def middle(self) -> float:
        """The value that stands for 0 where weights are shifted by half the range."""
        step = float(self.values[1] - self.values[0])
        return float(self.values[self.nearest(np.array([(self.span + step) / 2]))[0]])

    def nearest(self, wanted: np.ndarray) -> np.ndarray:
        """Find the places of the values nearest to those wanted."""
        middles = (self.values[1:] + self.values[:-1]) / 2
        return np.searchsorted(middles, wanted)


@lru_cache(maxsize=32)
def level_table(cells: CellProfile, slices: int) -> LevelTable:
    """Make the table of a cell.

    Slices are weighted so that the next larger step of one is closed by the slices below it: for equidistant
    levels these are the powers of the number of levels, and real factors otherwise.
    """
    levels = (cells.levels - cells.levels[0]) / cells.unit
    widest, reach = float(np.diff(levels).max()), 0.0
    significance = []
    for _ in range(slices):
        factor = 1.0 if not significance else (reach + widest) / widest
        significance.append(factor)
        reach += factor * float(levels[-1])
    weights = np.array(significance)
    codes = np.stack(np.meshgrid(*[np.arange(len(levels))] * slices, indexing="ij"), axis=-1)
    codes = codes.reshape(-1, slices)[:, ::-1].astype(np.uint8)
    values = levels[codes] @ weights
    order = np.argsort(values, kind="stable")
    pedestal = float(cells.levels[0] / cells.unit * weights.sum())
    return LevelTable(values[order], codes[order], weights, pedestal, levels)
