"""Write-verify of a matrix by single pulses, for boards that can do no more than pulse and read a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.lab_board.facts import PulseSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReport:
    """Outcome of programming a matrix.

    Attributes:
        cells_failed: cells outside the tolerance at their last reading; -1 if the board cannot say.
        rms_relative_error: of the verify readings, failed cells included; NaN if the board cannot say.
        iterations: sweeps of write-verify used.
    """

    cells_failed: int
    rms_relative_error: float
    iterations: int

    @classmethod
    def of(cls, read_s: Matrix, target_s: Matrix, tolerance: float, iterations: int) -> WriteReport:
        """Compare what was read back with the target, both [S], (N, M)."""
        error = relative_error(read_s, target_s)
        failed = int((~(np.abs(error) <= tolerance)).sum())
        finite = error[np.isfinite(error)]
        rms = float(np.sqrt(np.mean(finite**2))) if finite.size else np.nan
        return cls(cells_failed=failed, rms_relative_error=rms, iterations=iterations)


def relative_error(read_s: Matrix, target_s: Matrix) -> np.ndarray:
    """Error relative to the target, (N, M); relative to the largest target where a cell's target is 0."""
    scale_s = np.where(target_s > 0.0, target_s, max(float(target_s.max()), np.finfo(float).tiny))
    return (read_s - target_s) / scale_s


class PulseWriter:
    """Write-verify in progress: each sweep pulses every cell outside the tolerance once, and reads it.

    Args:
        pulse: gives one pulse to a cell: (row, column, voltage [V], width [s]), counted from 0.
        read_cell: measures a cell's conductance [S]: (row, column).
        target_s: [S], (N, M).
        tolerance: relative, per cell.
        schedule: voltages and width of the pulses.
    """

    def __init__(
        self,
        pulse: Callable[[int, int, float, float], object],
        read_cell: Callable[[int, int], float],
        target_s: Matrix,
        tolerance: float,
        schedule: PulseSchedule,
    ) -> None:
        self._pulse, self._read_cell, self._schedule = pulse, read_cell, schedule
        self.target_s, self._tolerance = target_s, tolerance
        self._read_s = np.full_like(target_s, np.nan)
        self._voltage_v = np.zeros_like(target_s)
        self._sweeps = 0
        self._read_all()

    @property
    def finished(self) -> bool:
        """Whether every cell is inside the tolerance or has had all of its pulses."""
        return not self._outside().any() or self._sweeps >= self._schedule.sweeps

    def sweep(self) -> None:
        """Pulse every cell outside the tolerance once towards its target, and read it again."""
        for row, column in np.argwhere(self._outside()):
            raises = bool(self._read_s[row, column] < self.target_s[row, column])
            voltage_v = self._next_voltage(float(self._voltage_v[row, column]), raises)
            self._pulse(int(row), int(column), voltage_v, self._schedule.width_s)
            self._voltage_v[row, column] = voltage_v
            self._read(int(row), int(column))
        self._sweeps += 1

    def report(self) -> WriteReport:
        """Say how far the cells are from their targets."""
        return WriteReport.of(self._read_s, self.target_s, self._tolerance, self._sweeps)

    def _outside(self) -> np.ndarray:
        return ~(np.abs(relative_error(self._read_s, self.target_s)) <= self._tolerance)

    def _next_voltage(self, last_v: float, raises: bool) -> float:
        sign = 1.0 if raises == self._schedule.positive_raises else -1.0
        if last_v * sign <= 0.0:
            # The first pulse, or the cell has passed its target: begin gently.
            return sign * self._schedule.start_v
        return sign * min(abs(last_v) + self._schedule.step_v, self._schedule.stop_v)

    def _read_all(self) -> None:
        rows, columns = self.target_s.shape
        for row in range(rows):
            for column in range(columns):
                self._read(row, column)

    def _read(self, row: int, column: int) -> None:
        self._read_s[row, column] = float(self._read_cell(row, column))
