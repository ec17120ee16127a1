"""Kernels of a time step: wires with capacitors at their nodes and inductors in their segments.

An implicit step turns a capacitor into a conductance to ground and a current that its history feeds into the
node, and an inductor into a resistance and a voltage that its history puts into the segment. Arrays (K, L)
hold lines as in `line_kernels`: L side by side, from the open end to the held one; voltages are against the
held end.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.simulated_bench.circuit.kernels.line_kernels import from_rows, respond, to_rows


@njit(nogil=True, error_model="numpy")
def line_changes(
    fed_a: np.ndarray,
    put_v: np.ndarray,
    ground_s: float,
    segment_ohm: float,
    end_ohm: np.ndarray,
    damping: np.ndarray,
    voltage_v: np.ndarray,
    branch_a: np.ndarray,
) -> None:
    """Compute voltages and currents of lines for currents fed into nodes and voltages put into segments.

    The elimination of `line_kernels.factor` with sources in the segments as well. Neither result is a
    difference of large numbers, whatever the ratio of resistance and leak: short steps make both very large.

    Args:
        fed_a: into each node [A], (K, L).
        put_v: into the segment after each node, driving current towards the held end [V], (K, L).
        ground_s: conductance from each node to ground [S].
        segment_ohm, end_ohm, damping: as in `line_kernels.respond`, factored with `ground_s` alone.
        voltage_v: receives the voltages [V], (K, L).
        branch_a: receives the current of the segment after each node, towards the held end [A], (K, L).
    """
    count, lanes = fed_a.shape
    behind_s = np.zeros(count)  # admittance that each node sees behind it
    for k in range(count):
        total_s = ground_s + (behind_s[k - 1] if k > 0 else 0.0)
        behind_s[k] = total_s / (1 + segment_ohm * total_s)
        for m in range(lanes):
            ohm = segment_ohm + end_ohm[m] if k == count - 1 else segment_ohm
            gathered_a = fed_a[k, m] + (branch_a[k - 1, m] if k > 0 else 0.0)
            voltage_v[k, m] = damping[k, m] * (ohm * gathered_a - put_v[k, m])
            branch_a[k, m] = damping[k, m] * (gathered_a + total_s * put_v[k, m])
    for k in range(count - 2, -1, -1):
        for m in range(lanes):
            branch_a[k, m] -= behind_s[k] * voltage_v[k + 1, m]
            voltage_v[k, m] += damping[k, m] * voltage_v[k + 1, m]


@njit(nogil=True, error_model="numpy")
def cell_voltages(
    open_v: np.ndarray,
    cell_a: np.ndarray,
    row_ohm: float,
    column_ohm: float,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    row_damping: np.ndarray,
    column_damping: np.ndarray,
    row_fall_v: np.ndarray,
    column_rise_v: np.ndarray,
    across_v: np.ndarray,
) -> None:
    """Compute the voltage across every cell from the currents of all cells.

    Args:
        open_v: across each cell if none passed a current [V], (N, M).
        cell_a: from row to column in each cell [A], (N, M).
        row_ohm, column_ohm, source_ohm, sense_ohm, row_damping, column_damping: the wires, factored.
        row_fall_v: receives the voltage lost on the rows, laid out as row wires [V], (M, N).
        column_rise_v: receives the voltage gained on the columns [V], (N, M).
        across_v: receives the voltages [V], (N, M).
    """
    rows, columns = cell_a.shape
    turned = np.empty((columns, rows))
    to_rows(cell_a, turned)
    respond(turned, row_ohm, source_ohm, row_damping, row_fall_v)
    respond(cell_a, column_ohm, sense_ohm, column_damping, column_rise_v)
    from_rows(row_fall_v, across_v)
    for i in range(rows):
        for j in range(columns):
            across_v[i, j] = open_v[i, j] - across_v[i, j] - column_rise_v[i, j]


@njit(nogil=True, error_model="numpy")
def store(
    begin: np.ndarray,
    change: np.ndarray,
    history: np.ndarray,
    per_node_change: float,
    per_segment_change: float,
    state: np.ndarray,
    rate: np.ndarray,
) -> None:
    """Compute state and rate after a step: `begin + change`, and `change` over the step less history.

    Args:
        begin, change, history: nodes of rows, of columns, segments of rows, of columns; (4, K) or (2, K).
        per_node_change, per_segment_change: rate per change, of nodes [S] and of segments [Ω].
        state, rate: receive the results, of the same shape.
    """
    kinds, count = change.shape
    for kind in range(kinds):
        per_change = per_node_change if kind < 2 else per_segment_change
        for k in range(count):
            state[kind, k] = begin[kind, k] + change[kind, k]
            rate[kind, k] = per_change * change[kind, k] - history[kind, k]


@njit(nogil=True, error_model="numpy")
def sum_columns(cell_a: np.ndarray, stored_a: np.ndarray, current_a: np.ndarray) -> None:
    """Sum over each column of its cells' currents (N, M), less those that its capacitors take (N, M)."""
    rows, columns = cell_a.shape
    current_a[:] = 0.0
    for i in range(rows):
        for j in range(columns):
            current_a[j] += cell_a[i, j] - stored_a[i, j]


@njit(nogil=True, error_model="numpy")
def blend(weights: np.ndarray, arrays: np.ndarray, blended: np.ndarray) -> None:
    """Sum arrays (K, N, M) by weights, those of weight 0 left out, into (N, M)."""
    _, rows, columns = arrays.shape
    blended[:] = 0.0
    for k in range(len(weights)):
        weight = weights[k]
        if weight != 0:
            for i in range(rows):
                for j in range(columns):
                    blended[i, j] += weight * arrays[k, i, j]
