"""Kernels of the linearised array: cells are conductances, and any currents may be fed into them.

One system is `q + slope · A(q) = right`: the current q of each cell is what is asked of it, less what the
voltage A(q) that all currents leave on the wires takes away. `prepare` once per array of slopes, `solve` per
right-hand side. All arguments of a kernel share one floating type, single or double.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from crosscal.simulated_bench.line_kernels import factor, from_rows, respond, to_rows

CELL_ROOM = 6  # arrays (N, M) that `solve` works in
LINE_ROOM = 2  # arrays (M, N)


@njit(cache=True, nogil=True, error_model="numpy")
def prepare(
    slope_s: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    columns: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Factor every wire together with the cells that hang on it.

    Args:
        slope_s: conductance of each cell [S], (N, M).
        row_ohm, column_ohm: one wire segment [Ω].
        source_ohm, sense_ohm: resistance beyond each row (N,) and each column (M,) [Ω].
        columns, rows: receive the factors of the columns (2, N, M) and of the rows (2, M, N).
    """
    factor(slope_s, column_ohm, sense_ohm, columns[0], columns[1])
    turned = np.empty_like(rows[0])
    to_rows(slope_s, turned)
    factor(turned, row_ohm, source_ohm, rows[0], rows[1])


@njit(cache=True, nogil=True, error_model="numpy")
def solve(
    right_a: np.ndarray,
    slope_s: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    columns: np.ndarray,
    rows: np.ndarray,
    goal_a: float,
    rounding: float,
    most: int,
    cells: np.ndarray,
    lines: np.ndarray,
    cell_a: np.ndarray,
) -> int:
    """Solve for the current of every cell.

    The rows are eliminated exactly, line by line, and conjugate gradients solve for the columns,
    preconditioned by exact column solves. Without conjugation this would be line Gauss–Seidel; with it, the
    number of sweeps is about the square root of what that takes.

    Args:
        right_a: right-hand side [A], (N, M).
        slope_s, row_ohm, column_ohm, source_ohm, sense_ohm, columns, rows: as in `prepare`.
        goal_a: stop when another sweep would change the cells' currents by less than this (2-norm) [A].
        rounding: stop, too, when that change is less than this part of the currents it is computed from:
            where wires without resistance let currents circulate, these grow and would drown it.
        most: largest number of iterations.
        cells, lines: room to work in, (CELL_ROOM, N, M) and (LINE_ROOM, M, N).
        cell_a: receives the currents [A], (N, M).

    Returns:
        Iterations used; `most` if the goal was not reached.
    """
    left, gained, asked, search, pushed, other = cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]
    fed, answer = lines[0], lines[1]
    count, lanes = right_a.shape
    sums = np.zeros((3, lanes), dtype=cells.dtype)
    to_rows(right_a, fed)
    respond(fed, row_ohm, source_ohm, rows[0], rows[1], answer)
    from_rows(answer, other)
    for i in range(count):
        for j in range(lanes):
            left[i, j] = right_a[i, j] - slope_s[i, j] * other[i, j]
    asked[:] = 0
    search[:] = 0
    fallen = cell_a  # until the end, the voltage of the columns is gathered here
    fallen[:] = 0
    before, used = np.inf, most
    for iteration in range(most):
        respond(left, column_ohm, sense_ohm, columns[0], columns[1], gained)
        sums[:] = 0
        for i in range(count):
            for j in range(lanes):
                sums[0, j] += left[i, j] * gained[i, j]
                sums[1, j] += (slope_s[i, j] * gained[i, j]) ** 2
                sums[2, j] += left[i, j] ** 2
        now, change_a = float(sums[0].sum()), math.sqrt(sums[1].sum())
        if change_a <= max(goal_a, rounding * math.sqrt(sums[2].sum())):
            used = iteration
            break
        keep = cells.dtype.type(now / before)
        before = now
        for i in range(count):
            for j in range(lanes):
                asked[i, j] = left[i, j] + keep * asked[i, j]
                search[i, j] = gained[i, j] + keep * search[i, j]
                pushed[i, j] = slope_s[i, j] * search[i, j]
        to_rows(pushed, fed)
        respond(fed, row_ohm, source_ohm, rows[0], rows[1], answer)
        from_rows(answer, other)
        sums[:] = 0
        for i in range(count):
            for j in range(lanes):
                other[i, j] = asked[i, j] - slope_s[i, j] * other[i, j]
                sums[0, j] += search[i, j] * other[i, j]
        length = cells.dtype.type(now / float(sums[0].sum()))
        for i in range(count):
            for j in range(lanes):
                left[i, j] -= length * other[i, j]
                fallen[i, j] += length * search[i, j]
    # what is left has already passed through the columns: one more sweep for nothing, then the rows once more
    for i in range(count):
        for j in range(lanes):
            fallen[i, j] += gained[i, j]
            other[i, j] = right_a[i, j] - slope_s[i, j] * fallen[i, j]
    to_rows(other, fed)
    respond(fed, row_ohm, source_ohm, rows[0], rows[1], answer)
    from_rows(answer, pushed)
    for i in range(count):
        for j in range(lanes):
            cell_a[i, j] = other[i, j] - slope_s[i, j] * pushed[i, j]
    return used
