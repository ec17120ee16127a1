"""Cells of an array: written conductances and their ages, drift, and faults."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.settings.devices import MemristorSettings
from crosscal.simulated_bench.variability.conductance_temperature import ConductanceTemperature
from crosscal.simulated_bench.variability.drift import NoDrift
from crosscal.simulated_bench.variability.programming_error import NoProgrammingError

WRITABLE_MARGIN = 2.0
"""A pulse can push a cell past the limits it is programmed within, by this factor at most."""


class Cells:
    """Conductances of N × M cells; new ones all stand at the lowest, memristors where their law says.

    Every cell ages since it was last written, by the law of the settings and a quantile of its own; a new
    board's cells have never been written and do not age.

    Args:
        settings: gives size and limits, the faults from the start, and the laws.
        rng: where this specimen's randomly stuck cells are drawn from.

    Attributes:
        time_s: time that the cells have aged by, at the pace of 25 °C, set by their owner [s].
        temperature_law: of their conductances.
        cut_off: cells that no pulse and no reading reaches, for a wire is broken, (N, M).
    """

    def __init__(self, settings: BenchSettings, *, rng: np.random.Generator) -> None:
        array, faults = settings.array, settings.faults
        shape = (array.rows, array.columns)
        self._limits_s = (
            array.conductance_min_s / WRITABLE_MARGIN,
            array.conductance_max_s * WRITABLE_MARGIN,
        )
        self.temperature_law = ConductanceTemperature(settings)
        self._tails = settings.tails
        self._programming_error = settings.programming_error
        self._drift = settings.drift
        self._short_s = faults.short_s
        self.time_s = 0.0
        self._new_s = _of_new_cells_s(settings)
        self._written_s = np.full(shape, self._new_s)
        self._born_s, self._halted_s = np.full(shape, np.inf), np.full(shape, np.inf)
        self._quantile = np.zeros(shape)
        self._open, self._short, self._stuck = (np.zeros(shape, dtype=bool) for _ in range(3))
        self.cut_off = np.zeros(shape, dtype=bool)
        fractions = (
            faults.stuck_high_fraction,
            faults.stuck_low_fraction,
            faults.open_fraction,
            faults.short_fraction,
        )
        kind = np.searchsorted(np.cumsum(fractions), rng.random(shape), side="right")
        self._written_s[kind == 0] = array.conductance_max_s
        self._written_s[kind == 1] = array.conductance_min_s
        self._stuck |= kind <= 1
        self._open |= kind == 2
        self._short |= kind == 3
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
        return self._open | self._short | self._stuck | self.cut_off

    @property
    def faults(self) -> np.ndarray:
        """`OPEN`, `SHORT`, `STUCK`, or nothing for a whole cell, (N, M)."""
        return np.select([self._open, self._short, self._stuck], ["OPEN", "SHORT", "STUCK"], default="")

    @property
    def written_s(self) -> Matrix:
        """Conductance of each cell when it was last written, programming error included [S], (N, M)."""
        return self._written_s.copy()

    @property
    def age_s(self) -> Matrix:
        """Age of each cell since it was written, if stuck until then [s], (N, M); 0 if never written."""
        return np.maximum(np.minimum(self.time_s, self._halted_s) - self._born_s, 0.0)

    def conductance_s(self, temperature_c: float) -> Matrix:
        """Return the actual nominal conductance of each cell at a temperature [S], (N, M); 0 where open."""
        actual_s = self._aged_s() * self.temperature_law.factor(self._written_s, temperature_c)
        actual_s[self._short] = self._short_s
        actual_s[self._open] = 0.0
        return actual_s

    def recall(self, written_s: Matrix, age_s: Matrix) -> None:
        """Take conductances [S] and ages [s] that the cells had, (N, M) both; age 0: never written."""
        self._written_s[...] = written_s
        self._born_s[...] = np.where(age_s > 0, self.time_s - age_s, np.inf)
        self._halted_s[...] = np.inf

    def take(self, other: Cells, *, written_s: Matrix | None = None) -> None:
        """Become as other cells are: written conductances, ages, ways of drifting; faults stay.

        Conductances given instead [S], (N, M), count as written when the other cells were.
        """
        for own, theirs in (
            (self._written_s, other._written_s),
            (self._born_s, other._born_s),
            (self._quantile, other._quantile),
        ):
            own[...] = theirs
        if written_s is not None:
            self._written_s[...] = written_s

    def shift(self, change_s: Matrix, where: np.ndarray) -> None:
        """Change the present conductance [S] of the cells chosen, (N, M) both; broken ones stay."""
        chosen = where & ~self.unresponsive
        moved_s = self._aged_s()[chosen] + change_s[chosen]
        self._written_s[chosen] = np.clip(moved_s, *self._limits_s)
        self._born_s[chosen] = self.time_s

    def rewrite(self, after_s: Callable[[Matrix], Matrix], where: np.ndarray) -> None:
        """Put the present conductances [S], (N, M), through a function where chosen; broken cells stay."""
        chosen = where & ~self.unresponsive
        self._written_s[chosen] = after_s(self._aged_s())[chosen]
        self._born_s[chosen] = self.time_s

    def unform(self, where: np.ndarray) -> None:
        """Put cells, (N, M), back to where they were never formed: they conduct nothing and do not age."""
        chosen = where & ~self.unresponsive
        self._written_s[chosen] = 0.0
        self._born_s[chosen] = np.inf

    def form(self, where: np.ndarray) -> None:
        """Make those of some cells, (N, M), that were never formed cells like those of a new board."""
        chosen = where & ~self.unresponsive & (self._written_s == 0.0)
        self._written_s[chosen] = self._new_s

    def renew(self, where: np.ndarray, rng: np.random.Generator) -> None:
        """Have cells that were just written, (N, M), drift another way than before."""
        if not isinstance(self._drift, NoDrift):
            drawn = rng.standard_normal(where.shape)
            chosen = where & ~self.unresponsive
            self._quantile[chosen] = drawn[chosen]

    def relax(self, where: np.ndarray, rng: np.random.Generator) -> None:
        """Leave cells that have verified, (N, M), with the programming error of the settings."""
        chosen = where & ~self.unresponsive
        if not isinstance(self._programming_error, NoProgrammingError):
            error_s = self._programming_error.error_s(self._written_s, rng)
            self._written_s[chosen] = np.maximum(self._written_s[chosen] + error_s[chosen], 0.0)
        if self._tails.share:
            drawn = chosen & (rng.random(where.shape) < self._tails.share)
            factor = np.exp(self._tails.spread * rng.standard_normal(where.shape))
            self._written_s[drawn] = np.clip((self._written_s * factor)[drawn], 0.0, self._limits_s[1])

    def break_cell(self, row: int, column: int, kind: str, *, time_s: float | None = None) -> None:
        """Break a cell, counted from 0: `OPEN`, `SHORT`, or `STUCK` where it stands, or stood then."""
        for name, mask in (("OPEN", self._open), ("SHORT", self._short), ("STUCK", self._stuck)):
            mask[row, column] = name == kind
        self._halted_s[row, column] = np.inf
        if kind == "STUCK":
            self._halted_s[row, column] = self.time_s if time_s is None else time_s

    def heal(self) -> None:
        """Undo every fault; a healed cell stands where it would without."""
        for mask in (self._open, self._short, self._stuck):
            mask[...] = False
        self._halted_s[...] = np.inf

    def _aged_s(self) -> Matrix:
        aged_s = self._written_s.copy()
        if isinstance(self._drift, NoDrift):
            return aged_s
        age_s = self.age_s
        old = age_s > 0
        aged_s[old] = self._drift.aged_s(self._written_s[old], age_s[old], self._quantile[old])
        return aged_s


def _of_new_cells_s(settings: BenchSettings) -> float:
    """Return the conductance of a cell that was never written [S]: the lowest, or a new memristor's."""
    device = settings.device
    return (
        1.0 / device.initial_ohm
        if isinstance(device, MemristorSettings)
        else settings.array.conductance_min_s
    )
