"""Kernels of Newton's method on a batch: the voltages that currents cause, and the linearised correction.

The unknown is q, the current that every cell feeds from its row into its column. The wires turn q into
voltages exactly; what remains is that each cell's law must agree: `law(G, u(q)) = q`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from crosscal.simulated_bench.line_kernels import drop, factor, from_rows, respond, to_rows


@njit(cache=True, nogil=True, error_model="numpy")
def node_voltages(
    cell_a: np.ndarray,
    voltage_v: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    word_v: np.ndarray,
    bit_v: np.ndarray,
    across_v: np.ndarray,
) -> None:
    """Voltages that cell currents cause.

    Args:
        cell_a: from row to column in each cell [A], (B, N, M).
        voltage_v: drives [V], (B, N).
        row_ohm, column_ohm, source_ohm, sense_ohm: the wires [Ω]; the last two (N,) and (M,).
        word_v, bit_v, across_v: receive the voltages of the row nodes, of the column nodes and across the
            cells [V], (B, N, M).
    """
    batch, rows, columns = cell_a.shape
    lines = np.empty((columns, rows))
    fallen = np.empty((columns, rows))
    for b in range(batch):
        drop(cell_a[b], column_ohm, sense_ohm, bit_v[b])
        to_rows(cell_a[b], lines)
        drop(lines, row_ohm, source_ohm, fallen)
        from_rows(fallen, word_v[b])
        for i in range(rows):
            for j in range(columns):
                word_v[b, i, j] = voltage_v[b, i] - word_v[b, i, j]
                across_v[b, i, j] = word_v[b, i, j] - bit_v[b, i, j]


@njit(cache=True, nogil=True, error_model="numpy")
def mismatch(
    law_a: np.ndarray, slope_s: np.ndarray, cell_a: np.ndarray, norms: np.ndarray, least_slope_s: np.ndarray
) -> None:
    """Subtract the wires' cell currents from those of the law, in place, and measure what is left.

    Args:
        law_a: currents of the law [A], (B, N, M); becomes the mismatch.
        slope_s: slopes of the law [S], (B, N, M).
        cell_a: currents that the wires carry [A], (B, N, M).
        norms: receives per vector the 2-norms of mismatch, currents and slopes, (3, B).
        least_slope_s: receives the smallest slope of each vector [S], (B,).
    """
    batch, rows, columns = law_a.shape
    sums = np.empty((3, columns))
    least = np.empty(columns)
    for b in range(batch):
        sums[:] = 0.0
        least[:] = np.inf
        left2, law2, slope2 = sums[0], sums[1], sums[2]
        for i in range(rows):
            law, slope, cell = law_a[b, i], slope_s[b, i], cell_a[b, i]
            for j in range(columns):
                law2[j] += law[j] * law[j]
                slope2[j] += slope[j] * slope[j]
                least[j] = slope[j] if slope[j] < least[j] else least[j]
                law[j] -= cell[j]
                left2[j] += law[j] * law[j]
        for k in range(3):
            norms[k, b] = math.sqrt(sums[k].sum())
        least_slope_s[b] = least.min()


@njit(cache=True, nogil=True, error_model="numpy")
def newton_steps(
    mismatch_a: np.ndarray,
    slope_s: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    goal_a: np.ndarray,
    most: int,
    step_a: np.ndarray,
) -> None:
    """Solve `step + slope · A(step) = mismatch` for every vector of a batch; A is the wires' resistance.

    Args:
        mismatch_a, slope_s: right-hand sides [A] and cell slopes [S], (B, N, M).
        row_ohm, column_ohm, source_ohm, sense_ohm: the wires, as in `node_voltages`.
        goal_a: stop when the 2-norm of what would be left is below this [A], (B,); 0 skips the vector.
        most: largest number of iterations.
        step_a: receives the corrections [A], (B, N, M).
    """
    batch, rows, columns = slope_s.shape
    cells, lines = np.empty((8, rows, columns)), np.empty((5, columns, rows))
    for b in range(batch):
        if goal_a[b] > 0:
            linear_step(
                mismatch_a[b],
                slope_s[b],
                row_ohm,
                column_ohm,
                source_ohm,
                sense_ohm,
                goal_a[b],
                most,
                cells,
                lines,
                step_a[b],
            )


@njit(cache=True, nogil=True, error_model="numpy")
def linear_step(
    mismatch_a: np.ndarray,
    slope_s: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    goal_a: float,
    most: int,
    cells: np.ndarray,
    lines: np.ndarray,
    step_a: np.ndarray,
) -> int:
    """Solve one vector's linear system; arguments as in `newton_steps`, with room to work in.

    The rows are eliminated exactly, line by line, and conjugate gradients solve for the columns,
    preconditioned by exact column solves. Without conjugation this would be line Gauss–Seidel; with it, the
    number of sweeps is about the square root of what that would take.

    Args:
        cells, lines: working arrays, (8, N, M) and (5, M, N).

    Returns:
        Iterations used; `most` if the goal was not reached.
    """
    rows, columns = slope_s.shape
    damp, seen, left, gained = cells[0], cells[1], cells[2], cells[3]
    search, search_a, driven, other = cells[4], cells[5], cells[6], cells[7]
    row_slope, row_damp, row_seen, fed, answer = lines[0], lines[1], lines[2], lines[3], lines[4]
    to_rows(slope_s, row_slope)
    factor(row_slope, row_ohm, source_ohm, row_damp, row_seen)
    factor(slope_s, column_ohm, sense_ohm, damp, seen)
    to_rows(mismatch_a, fed)
    respond(fed, row_ohm, source_ohm, row_damp, row_seen, answer)
    from_rows(answer, other)
    for i in range(rows):
        for j in range(columns):
            left[i, j] = mismatch_a[i, j] - slope_s[i, j] * other[i, j]
    step_a[:] = 0.0
    search[:] = 0.0
    search_a[:] = 0.0
    sums = np.empty((2, columns))
    before = np.inf
    for iteration in range(most):
        respond(left, column_ohm, sense_ohm, damp, seen, gained)
        sums[:] = 0.0
        for i in range(rows):
            for j in range(columns):
                sums[0, j] += left[i, j] * gained[i, j]
                sums[1, j] += left[i, j] * left[i, j]
        now = sums[0].sum()
        if math.sqrt(sums[1].sum()) <= goal_a:
            # what is left still passes through the preconditioner: one more Gauss–Seidel sweep for nothing
            for i in range(rows):
                for j in range(columns):
                    step_a[i, j] += left[i, j] - slope_s[i, j] * gained[i, j]
            return iteration
        keep = now / before
        for i in range(rows):
            for j in range(columns):
                search[i, j] = gained[i, j] + keep * search[i, j]
                search_a[i, j] = left[i, j] - slope_s[i, j] * gained[i, j] + keep * search_a[i, j]
                driven[i, j] = slope_s[i, j] * search[i, j]
        before = now
        to_rows(driven, fed)
        respond(fed, row_ohm, source_ohm, row_damp, row_seen, answer)
        from_rows(answer, other)
        sums[:] = 0.0
        for i in range(rows):
            for j in range(columns):
                other[i, j] = search_a[i, j] + driven[i, j] - slope_s[i, j] * other[i, j]
                sums[0, j] += search[i, j] * other[i, j]
        length = now / sums[0].sum()
        for i in range(rows):
            for j in range(columns):
                left[i, j] -= length * other[i, j]
                step_a[i, j] += length * search_a[i, j]
    return most
