"""Kernels of the sensitivities: how the column currents answer small changes of the drives."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from crosscal.simulated_bench.linear_kernels import room_for, solve


@njit(cache=True, nogil=True, error_model="numpy")
def responses(
    slope_s: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    columns: np.ndarray,
    rows: np.ndarray,
    by_rows: bool,
    first: int,
    last: int,
    part: float,
    rounding: float,
    most: int,
    transfer_s: np.ndarray,
) -> None:
    """Rows, or columns, of the transfer matrix of a linear array.

    By rows, one volt is put on a driver and the currents of all columns are read. By columns, one volt is put
    on an amplifier and the currents of all rows are read: the array is reciprocal, so that these are what
    each row contributes to that column.

    Args:
        slope_s: conductance of each cell [S], (N, M).
        row_ohm, column_ohm, source_ohm, sense_ohm, columns, rows: as in `linear_kernels.prepare`.
        by_rows: whether rows or columns are driven.
        first, last: lines to drive, `last` excluded.
        part, rounding, most: as the goal of `linear_kernels.solve`, `part` relative to the right-hand side.
        transfer_s: receives `transfer_s[j, i]`, current of column j per volt on row i [S], (M, N).
    """
    n, m = slope_s.shape
    right, cell_a = np.zeros((n, m)), np.empty((n, m))
    room = room_for(right)
    for k in range(first, last):
        driven = right[k] if by_rows else right[:, k]
        driven[:] = slope_s[k] if by_rows else slope_s[:, k]
        goal_a = part * math.sqrt((driven**2).sum())
        solve(
            right,
            slope_s,
            row_ohm,
            column_ohm,
            source_ohm,
            sense_ohm,
            columns,
            rows,
            goal_a,
            rounding,
            most,
            room,
            cell_a,
        )
        driven[:] = 0.0
        if by_rows:
            transfer_s[:, k] = cell_a.sum(axis=0)
        else:
            transfer_s[k] = cell_a.sum(axis=1)
