"""Kernels of linear arrays driven line by line."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.simulated_bench.circuit.kernels.linear_kernels import solve, work_arrays_for


@njit(nogil=True, error_model="numpy")
def unit_currents(
    slope_s: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    columns: np.ndarray,
    rows: np.ndarray,
    first: int,
    part: float,
    rounding: float | np.floating,
    most: int,
    cell_a: np.ndarray,
) -> None:
    """Solve for the currents of all cells when one row after another is driven by one volt.

    Args:
        slope_s: conductance of each cell [S], (N, M).
        row_ohm, column_ohm, source_ohm, sense_ohm, columns, rows: as in `linear_kernels.prepare`.
        first: row to drive first.
        part, rounding, most: as the goal of `linear_kernels.solve`, `part` relative to the right-hand side.
        cell_a: receives the currents for row `first` and those that follow [A], (K, N, M).
    """
    right = np.zeros(slope_s.shape)
    work = work_arrays_for(right)
    wires = (row_ohm, column_ohm, source_ohm, sense_ohm)
    for k in range(len(cell_a)):
        driven = right[first + k]
        driven[:] = slope_s[first + k]
        goal_a = part * math.sqrt((driven**2).sum())
        solve(right, slope_s, *wires, columns, rows, goal_a, rounding, most, work, cell_a[k])
        driven[:] = 0.0


@njit(nogil=True, error_model="numpy")
def row_contributions(
    slope_s: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    columns: np.ndarray,
    rows: np.ndarray,
    first: int,
    part: float,
    rounding: float | np.floating,
    most: int,
    transfer_s: np.ndarray,
) -> None:
    """Solve for the contribution of each row to one column after another.

    One volt is put on the column's amplifier and the currents of all rows are read: the array is reciprocal.

    Args:
        slope_s, row_ohm, column_ohm, source_ohm, sense_ohm, columns, rows, part, rounding, most: as in
            `unit_currents`.
        first: column to begin with.
        transfer_s: receives `transfer_s[k, i]`, current of column `first + k` per volt on row i [S], (K, N).
    """
    right, cell_a = np.zeros(slope_s.shape), np.empty(slope_s.shape)
    work = work_arrays_for(right)
    wires = (row_ohm, column_ohm, source_ohm, sense_ohm)
    for k in range(len(transfer_s)):
        driven = right[:, first + k]
        driven[:] = slope_s[:, first + k]
        goal_a = part * math.sqrt((driven**2).sum())
        solve(right, slope_s, *wires, columns, rows, goal_a, rounding, most, work, cell_a)
        transfer_s[k] = cell_a.sum(axis=1)
        driven[:] = 0.0
