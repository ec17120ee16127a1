"""Laws of one array whose cells bend differently, or whose columns stand off 0 V."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.simulated_bench.devices.law import CellLaw, cell_current, require_valid

REFERENCE_S = 50e-6
"""Conductance at which steepness is traded against height; nothing depends on it where currents are
proportional to conductance, as in all laws that come along."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VariedLaw:
    """A law that each cell has a steepness of its own of: `i = scale·law(G, stretch·v)`.

    Attributes:
        law: of all cells.
        stretch: of the voltage, one number or one per cell (N, M).
        scale: of the current, as `stretch`.
    """

    law: CellLaw
    stretch: np.ndarray | float
    scale: np.ndarray | float = 1.0

    @classmethod
    def agreeing_at(cls, law: CellLaw, stretch: np.ndarray, verify_v: float) -> VariedLaw:
        """Let all cells pass the law's own current at the voltage [V] that they are verified with."""
        own_a = cell_current(law, REFERENCE_S, verify_v)
        return cls(law=law, stretch=stretch, scale=own_a / cell_current(law, REFERENCE_S, stretch * verify_v))

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, M)` of cells that differ, `(1, 1)` of cells that are alike."""
        return np.shape(self.stretch) or (1, 1)

    def steeper(self, factor: float) -> VariedLaw:
        """Stretch the voltages of all cells by a further factor."""
        return VariedLaw(law=self.law, stretch=self.stretch * factor, scale=self.scale)

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """See `CellLaw.evaluate`."""
        self.law.evaluate(conductance_s, voltage_v * self.stretch, current_a, slope_s)
        current_a *= self.scale
        slope_s *= self.scale * self.stretch

    def check(self, conductance_s: np.ndarray, voltage_v: np.ndarray) -> None:
        """Refuse a solution outside the range of the law; see `CellLaw`."""
        require_valid(self.law, conductance_s, voltage_v * self.stretch)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OffsetLaw:
    """Cells whose columns end at virtual grounds off 0 V: `i = law(G, v − offset)`.

    Solvers count voltages of a column from its amplifier's input. Wires are linear, so a column that ends off
    0 V is one that ends at 0 V with cells that see so much less.

    Attributes:
        law: of the cells.
        offset_v: of each column's virtual ground [V], (M,).
    """

    law: CellLaw
    offset_v: np.ndarray

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """See `CellLaw.evaluate`."""
        self.law.evaluate(conductance_s, voltage_v - self.offset_v, current_a, slope_s)

    def check(self, conductance_s: np.ndarray, voltage_v: np.ndarray) -> None:
        """Refuse a solution outside the range of the law; see `CellLaw`."""
        require_valid(self.law, conductance_s, voltage_v - self.offset_v)
