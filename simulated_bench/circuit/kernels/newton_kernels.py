"""Kernels of Newton's method on a batch: the voltages that currents cause, and the linearised correction.

The unknown is the current that every cell feeds from its row into its column. The wires turn these currents
into voltages exactly; the remaining condition is each cell's law: `law(G, v(currents)) = currents`. Arrays
hold whole batches; `active` lists the vectors that are still to be worked on.
"""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.simulated_bench.circuit.kernels.line_kernels import drop, from_rows, to_rows
from crosscal.simulated_bench.circuit.kernels.linear_kernels import prepare, solve, work_arrays_for
from crosscal.simulated_bench.circuit.kernels.work_arrays import SPACING


@njit(nogil=True, error_model="numpy")
def node_voltages(
    cell_a: np.ndarray,
    voltage_v: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    word_v: np.ndarray,
    bit_v: np.ndarray,
) -> None:
    """Compute the voltages that cell currents cause.

    Args:
        cell_a: from row to column in each cell [A], (B, N, M).
        voltage_v: drives [V], (B, N).
        row_ohm, column_ohm, source_ohm, sense_ohm: the wires [Ω]; the last two (N,) and (M,).
        word_v, bit_v: receive the voltages of the row nodes and of the column nodes [V], (B, N, M).
    """
    batch, rows, columns = cell_a.shape
    lines, fallen = np.empty((columns, rows)), np.empty((columns, rows))
    for b in range(batch):
        drop(cell_a[b], column_ohm, sense_ohm, bit_v[b])
        to_rows(cell_a[b], lines)
        drop(lines, row_ohm, source_ohm, fallen)
        from_rows(fallen, word_v[b])
        for i in range(rows):
            for j in range(columns):
                word_v[b, i, j] = voltage_v[b, i] - word_v[b, i, j]


@njit(nogil=True, error_model="numpy")
def voltages_across(
    active: np.ndarray,
    cell_a: np.ndarray,
    voltage_v: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    across_v: np.ndarray,
) -> None:
    """Compute the voltages that currents leave across the cells: `node_voltages` without keeping them.

    Args:
        active: vectors to compute, (L,).
        cell_a, voltage_v, row_ohm, column_ohm, source_ohm, sense_ohm: as in `node_voltages`.
        across_v: receives the voltages [V], (B, N, M).
    """
    _, rows, columns = cell_a.shape
    size = rows * columns
    work = np.empty(3 * (size + SPACING))
    lines, fallen = work[:size].reshape(columns, rows), work[size + SPACING :][:size].reshape(columns, rows)
    bit_v = work[2 * (size + SPACING) :][:size].reshape(rows, columns)
    for b in active:
        across = across_v[b]
        drop(cell_a[b], column_ohm, sense_ohm, bit_v)
        to_rows(cell_a[b], lines)
        drop(lines, row_ohm, source_ohm, fallen)
        from_rows(fallen, across)
        for i in range(rows):
            for j in range(columns):
                across[i, j] = voltage_v[b, i] - across[i, j] - bit_v[i, j]


@njit(nogil=True, error_model="numpy")
def column_currents(cell_a: np.ndarray, current_a: np.ndarray) -> None:
    """Add up the currents of the cells (B, N, M) of each column (B, M)."""
    batch, rows, columns = cell_a.shape
    for b in range(batch):
        total = current_a[b]
        total[:] = 0.0
        for i in range(rows):
            for j in range(columns):
                total[j] += cell_a[b, i, j]


@njit(nogil=True, error_model="numpy")
def residual(
    active: np.ndarray, law_a: np.ndarray, slope_s: np.ndarray, cell_a: np.ndarray, norms: np.ndarray
) -> None:
    """Subtract the wires' cell currents from those of the law, in place, and measure the rest.

    Args:
        active: vectors to compute, (L,).
        law_a: currents of the law [A], (B, N, M); becomes the residual.
        slope_s: slopes of the law [S], (B, N, M).
        cell_a: currents that the wires carry [A], (B, N, M).
        norms: receives the 2-norms of residual, currents and slopes, and the smallest slope, (4, B).
    """
    _, rows, columns = law_a.shape
    sums = np.empty((4, columns))
    left2, law2, slope2, least = sums[0], sums[1], sums[2], sums[3]
    for b in active:
        sums[:3] = 0.0
        least[:] = np.inf
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
        norms[3, b] = least.min()


@njit(nogil=True, error_model="numpy")
def newton_steps(
    active: np.ndarray,
    residual_a: np.ndarray,
    slope_s: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    ground_s: float,
    left_a: np.ndarray,
    forcing: np.ndarray,
    rounding: float | np.floating,
    most: int,
    step_a: np.ndarray,
) -> None:
    """Solve for corrections of the cell currents, `step + slope · A(step) = residual`, of some vectors.

    Single precision will do, on half the memory: a correction need not be better than Newton's own error,
    and the next one finds the remainder, for the residual is always measured in double precision.

    Args:
        active: vectors to compute, (L,).
        residual_a, slope_s: right-hand sides [A] and cell slopes [S], (B, N, M).
        row_ohm, column_ohm, source_ohm, sense_ohm: the wires, as in `node_voltages`.
        ground_s: conductance from every wire node to ground [S].
        left_a: 2-norm of each residual [A], (B,).
        forcing: part of it that may be left over, (B,).
        rounding: relative rounding error of the floating type to work in.
        most: largest number of iterations.
        step_a: receives the corrections [A], (B, N, M).
    """
    _, n, m = slope_s.shape
    kind = np.full(1, rounding).dtype
    right, slope, answer = (
        np.empty((n, m), dtype=kind),
        np.empty((n, m), dtype=kind),
        np.empty((n, m), dtype=kind),
    )
    columns, rows, work = np.empty((n, m), dtype=kind), np.empty((m, n), dtype=kind), work_arrays_for(right)
    row, column = kind.type(row_ohm), kind.type(column_ohm)
    source, sense = source_ohm.astype(kind), sense_ohm.astype(kind)
    for b in active:
        if left_a[b] == 0:
            step_a[b] = 0.0
            continue
        for i in range(n):
            for j in range(m):
                right[i, j] = residual_a[b, i, j] / left_a[b]
                slope[i, j] = slope_s[b, i, j]
        prepare(slope, row, column, source, sense, kind.type(ground_s), columns, rows)
        goal = kind.type(forcing[b])
        solve(right, slope, row, column, source, sense, columns, rows, goal, rounding, most, work, answer)
        for i in range(n):
            for j in range(m):
                step_a[b, i, j] = answer[i, j] * left_a[b]


@njit(nogil=True, error_model="numpy")
def move_along(active: np.ndarray, length: np.ndarray, step_a: np.ndarray, cell_a: np.ndarray) -> None:
    """Move the currents (B, N, M) of some vectors along their steps (B, N, M) by given lengths (B,)."""
    _, rows, columns = cell_a.shape
    for b in active:
        for i in range(rows):
            for j in range(columns):
                cell_a[b, i, j] += length[b] * step_a[b, i, j]
