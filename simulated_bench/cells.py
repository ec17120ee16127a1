"""The array's cells: what was written into them, and what is broken."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.front_end import REFERENCE_TEMPERATURE_C
from crosscal.simulated_bench.settings import ArraySettings, FaultSettings

WRITABLE_MARGIN = 2.0
"""A pulse can push a cell past the limits it is programmed within, by this factor at most."""


class Cells:
    """Conductances of N × M cells; all stand at the lowest one when the board is new.

    Args:
        array: size and limits.
        faults: what is broken from the start.
        temperature_coefficient_per_c: relative change of conductance per °C away from 25 °C.
        rng: where this specimen's randomly stuck cells are drawn from.
    """

    def __init__(
        self,
        array: ArraySettings,
        faults: FaultSettings,
        *,
        temperature_coefficient_per_c: float,
        rng: np.random.Generator,
    ) -> None:
        shape = (array.rows, array.columns)
        self._limits_s = (
            array.conductance_min_s / WRITABLE_MARGIN,
            array.conductance_max_s * WRITABLE_MARGIN,
        )
        self._coefficient = temperature_coefficient_per_c
        self._short_s = faults.short_s
        self._written_s = np.full(shape, array.conductance_min_s)
        self._open, self._short, self._stuck = (np.zeros(shape, dtype=bool) for _ in range(3))
        draw = rng.random(shape)
        high = draw < faults.stuck_high_fraction
        low = (draw >= faults.stuck_high_fraction) & (
            draw < faults.stuck_high_fraction + faults.stuck_low_fraction
        )
        self._written_s[high] = array.conductance_max_s
        self._stuck |= high | low
        for cell in faults.cells:
            self.break_cell(cell.row - 1, cell.column - 1, cell.kind)

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`."""
        rows, columns = self._written_s.shape
        return rows, columns

    @property
    def unresponsive(self) -> np.ndarray:
        """True where a write pulse changes nothing, (N, M)."""
        return self._open | self._short | self._stuck

    def conductance_s(self, temperature_c: float) -> Matrix:
        """Nominal conductance that each cell really has at a temperature [S], (N, M); 0 where open."""
        change = 1.0 + self._coefficient * (temperature_c - REFERENCE_TEMPERATURE_C)
        actual_s = self._written_s * max(change, 0.0)
        actual_s[self._short] = self._short_s
        actual_s[self._open] = 0.0
        return actual_s

    def shift(self, change_s: Matrix, where: np.ndarray) -> None:
        """Change the written conductance [S] of the cells chosen, (N, M) both; broken ones stay."""
        chosen = where & ~self.unresponsive
        moved_s = self._written_s[chosen] + change_s[chosen]
        self._written_s[chosen] = np.clip(moved_s, *self._limits_s)

    def break_cell(self, row: int, column: int, kind: str) -> None:
        """Break a cell, counted from 0: `OPEN`, `SHORT`, or `STUCK` where it stands."""
        for name, mask in (("OPEN", self._open), ("SHORT", self._short), ("STUCK", self._stuck)):
            mask[row, column] = name == kind

    def heal(self) -> None:
        """Undo every fault; a healed cell stands where it was last written."""
        for mask in (self._open, self._short, self._stuck):
            mask[...] = False
