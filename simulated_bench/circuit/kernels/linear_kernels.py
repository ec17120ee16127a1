"""Kernels of the linearised array: cells are conductances, and any currents may be fed into them.

One system is `q + slope · A(q) = right`: the current q of each cell is its right-hand side, less the effect
of the voltage A(q) that all currents leave on the wires. `prepare` once per array of slopes, `solve` per
right-hand side. All arguments of a kernel share one floating type, single or double.
"""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.simulated_bench.circuit.kernels.line_kernels import factor, from_rows, respond, to_rows
from crosscal.simulated_bench.circuit.kernels.work_arrays import SPACING


@njit(nogil=True, error_model="numpy")
def work_arrays_for(like: np.ndarray) -> tuple[np.ndarray, ...]:
    """Allocate arrays for `solve`: six (N, M) and two (M, N) for `like` of (N, M), of its type."""
    rows, columns = like.shape
    size = rows * columns
    whole = np.empty(8 * (size + SPACING), dtype=like.dtype)
    return (
        whole[:size].reshape(rows, columns),
        whole[(size + SPACING) :][:size].reshape(rows, columns),
        whole[2 * (size + SPACING) :][:size].reshape(rows, columns),
        whole[3 * (size + SPACING) :][:size].reshape(rows, columns),
        whole[4 * (size + SPACING) :][:size].reshape(rows, columns),
        whole[5 * (size + SPACING) :][:size].reshape(rows, columns),
        whole[6 * (size + SPACING) :][:size].reshape(columns, rows),
        whole[7 * (size + SPACING) :][:size].reshape(columns, rows),
    )


@njit(nogil=True, error_model="numpy")
def prepare(
    slope_s: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    ground_s: float,
    columns: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Factor every wire together with the cells that hang on it.

    Args:
        slope_s: conductance of each cell [S], (N, M).
        row_ohm, column_ohm: one wire segment [Ω].
        source_ohm, sense_ohm: resistance beyond each row (N,) and each column (M,) [Ω].
        ground_s: conductance from every wire node to ground [S].
        columns, rows: receive the factors of the columns (N, M) and of the rows (M, N).
    """
    factor(slope_s, ground_s, column_ohm, sense_ohm, columns)
    turned = np.empty_like(rows)
    to_rows(slope_s, turned)
    factor(turned, ground_s, row_ohm, source_ohm, rows)


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def weigh(left: np.ndarray, gained: np.ndarray, slope: np.ndarray) -> tuple[float, float, float]:
    """Sum `left · gained`, `(slope · gained)²` and `left²`, in the fastest order."""
    size = left.size
    each_left, each_gained, each_slope = left.reshape(size), gained.reshape(size), slope.reshape(size)
    energy = change = whole = left.dtype.type(0)
    for k in range(size):
        current = each_slope[k] * each_gained[k]
        energy += each_left[k] * each_gained[k]
        change += current * current
        whole += each_left[k] * each_left[k]
    return energy, change, whole


@njit(nogil=True, error_model="numpy")
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
    rounding: float | np.floating,
    most: int,
    work: tuple[np.ndarray, ...],
    cell_a: np.ndarray,
) -> int:
    """Solve for the current of every cell.

    The rows are eliminated exactly, line by line, and conjugate gradients solve for the columns,
    preconditioned by exact column solves. Without conjugation this would be line Gauss–Seidel; with it, the
    number of sweeps is about the square root of that method's.

    Args:
        right_a: right-hand side [A], (N, M).
        slope_s, row_ohm, column_ohm, source_ohm, sense_ohm, columns, rows: as in `prepare`.
        goal_a: stop when another sweep would change the cells' currents by less than this (2-norm) [A].
        rounding: stop, too, when that change is less than this part of the currents it is computed from:
            where wires without resistance let currents circulate, these grow and would drown it.
        most: largest number of iterations.
        work: arrays from `work_arrays_for`.
        cell_a: receives the currents [A], (N, M).

    Returns:
        Iterations used; `most` if the goal was not reached.
    """
    left, gained, asked, search, pushed, other, fed, answer = work
    count, lanes = right_a.shape
    sums = np.zeros(lanes, dtype=left.dtype)
    to_rows(right_a, fed)
    respond(fed, row_ohm, source_ohm, rows, answer)
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
        respond(left, column_ohm, sense_ohm, columns, gained)
        energy, change, whole = weigh(left, gained, slope_s)
        if math.sqrt(change) <= max(goal_a, rounding * math.sqrt(whole)):
            used = iteration
            break
        keep = left.dtype.type(energy / before)
        before = energy
        for i in range(count):
            for j in range(lanes):
                asked[i, j] = left[i, j] + keep * asked[i, j]
                search[i, j] = gained[i, j] + keep * search[i, j]
                pushed[i, j] = slope_s[i, j] * search[i, j]
        to_rows(pushed, fed)
        respond(fed, row_ohm, source_ohm, rows, answer)
        from_rows(answer, other)
        sums[:] = 0
        for i in range(count):
            for j in range(lanes):
                other[i, j] = asked[i, j] - slope_s[i, j] * other[i, j]
                sums[j] += search[i, j] * other[i, j]
        length = left.dtype.type(energy / sums.sum())
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
    respond(fed, row_ohm, source_ohm, rows, answer)
    from_rows(answer, pushed)
    for i in range(count):
        for j in range(lanes):
            cell_a[i, j] = other[i, j] - slope_s[i, j] * pushed[i, j]
    return used
