"""Programming by write-verify: pulse every cell that is off target, read it back, again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.cells import Cells
from crosscal.simulated_bench.programming.writers import Writer

GIVE_UP_PULSES = 3
"""A cell that has not answered this many pulses is given up on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """State after one iteration.

    Attributes:
        failed: cells outside the tolerance at their last verify reading, or without one, (N, M).
        stuck: failed cells that do not answer pulses, (N, M).
        rms_relative_error: of the verify readings, failed cells included; NaN if there is no reading at all.
        finished: no cell is left that another pulse may help.
    """

    failed: np.ndarray
    stuck: np.ndarray
    rms_relative_error: float
    finished: bool


class WriteVerify:
    """One programming run.

    Cells with a target of 0 S are taken for never formed: no pulse is given to them. The first iteration
    writes every other cell, for one that happens to read within tolerance of the new target has not been
    written to it. Later iterations write those that verified outside.

    Args:
        cells: the array, changed as the run goes on.
        writer: gives the pulses, and learns from the readings that follow them.
        residual_error: relaxation of a cell after its last verify, rms, in parts of the target.
        target_s: conductances to reach [S], (N, M); 0 for cells that are not there.
        tolerance: largest relative distance of a verify reading from its target.
        read: reads all cells [S], (N, M).
        rng: scatter of the pulses, and relaxation after them.
        relaxation: of the array's laws after a write: programming error, and the cells' drift.
    """

    def __init__(
        self,
        cells: Cells,
        writer: Writer,
        *,
        residual_error: float,
        target_s: Matrix,
        tolerance: float,
        read: Callable[[], Matrix],
        rng: np.random.Generator,
        relaxation: np.random.Generator,
    ) -> None:
        self._cells = cells
        self._writer = writer
        self._residual_error = residual_error
        self._target_s = target_s
        self._tolerance = tolerance
        self._read = read
        self._rng = rng
        self._relaxation = relaxation
        self._absent = target_s == 0.0
        cells.unform(self._absent)
        cells.form(~self._absent)
        self._reading_s = read()
        self._left = self._absent & cells.unresponsive & (cells.faults != "OPEN")
        self._failed = ~self._absent | self._left
        self._iterations = 0

    def iterate(self) -> VerifyResult:
        """Write every cell that is off target, and verify those: once, or as often as the writer's train."""
        for _ in range(self._writer.train):
            hopeful = self._failed & ~self._writer.given_up & ~self._absent
            if not hopeful.any():
                break
            before_s = self._reading_s
            self._writer.write(self._cells, before_s, self._target_s, hopeful, self._rng)
            self._cells.renew(hopeful, self._relaxation)
            self._verify(hopeful)
            self._writer.learn(before_s, self._reading_s, self._target_s, hopeful)
        self._iterations += 1
        stuck = self._failed & self._cells.unresponsive
        given_up = self._writer.given_up | (stuck if self._iterations >= GIVE_UP_PULSES else self._left)
        unread = np.isnan(self._reading_s)
        known = ~unread & ~self._absent
        error = self._reading_s[known] / self._target_s[known] - 1.0
        return VerifyResult(
            failed=self._failed.copy(),
            stuck=stuck,
            rms_relative_error=float(np.sqrt(np.mean(error**2))) if error.size else float("nan"),
            finished=not (self._failed & ~given_up & ~unread).any(),
        )

    def _verify(self, where: np.ndarray) -> None:
        self._reading_s = np.where(where, self._read(), self._reading_s)
        within = np.abs(self._reading_s - self._target_s) <= self._tolerance * self._target_s
        accepted = where & within
        relaxation_s = self._residual_error * self._target_s
        self._cells.shift(relaxation_s * self._rng.standard_normal(where.shape), accepted)
        self._cells.relax(accepted, self._relaxation)
        self._failed = (self._failed & ~where) | (where & ~within)
