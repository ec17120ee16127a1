"""Kernels along the wires: each line is a ladder of series resistances, open at one end, held at the other.

An array of K × L holds L lines side by side, from the open end (k = 0) to the held end (k = K − 1), so that
the innermost loops run over independent lines and use the processor's vector units.
Columns lie so as they are; rows do after `to_rows`.

Only resistances occur and nothing is divided by them: a wire of exactly zero ohms is an ordinary case. All
arguments of a kernel share one floating type, single or double.

Rows of arrays are taken as `array[k, :lanes]`, not `array[k]`: only so does the compiler see that they lie
apart, and these loops run three times as fast.

After a change here, delete the caches (`*.nbi`, `*.nbc`): numba compiles these kernels into those that call
them, and sees only whether the caller's own file has changed.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.kernel_cache import njit


@njit(nogil=True, error_model="numpy")
def to_rows(cells: np.ndarray, lines: np.ndarray) -> None:
    """Lay out cells (N, M) as row wires, open end first: lines (M, N).

    Eight rows at a time, so that each write fills a cache line.
    """
    rows, columns = cells.shape
    for i in range(0, rows - 7, 8):
        r0, r1, r2, r3 = cells[i], cells[i + 1], cells[i + 2], cells[i + 3]
        r4, r5, r6, r7 = cells[i + 4], cells[i + 5], cells[i + 6], cells[i + 7]
        for j in range(columns):
            out = lines[columns - 1 - j, i : i + 8]
            out[0], out[1], out[2], out[3] = r0[j], r1[j], r2[j], r3[j]
            out[4], out[5], out[6], out[7] = r4[j], r5[j], r6[j], r7[j]
    for i in range(rows - rows % 8, rows):
        for j in range(columns):
            lines[columns - 1 - j, i] = cells[i, j]


@njit(nogil=True, error_model="numpy")
def from_rows(lines: np.ndarray, cells: np.ndarray) -> None:
    """Undo `to_rows`: lines (M, N) to cells (N, M)."""
    columns, rows = lines.shape
    for k in range(0, columns - 7, 8):
        r0, r1, r2, r3 = lines[k], lines[k + 1], lines[k + 2], lines[k + 3]
        r4, r5, r6, r7 = lines[k + 4], lines[k + 5], lines[k + 6], lines[k + 7]
        for i in range(rows):
            out = cells[i, columns - 8 - k : columns - k]
            out[7], out[6], out[5], out[4] = r0[i], r1[i], r2[i], r3[i]
            out[3], out[2], out[1], out[0] = r4[i], r5[i], r6[i], r7[i]
    for k in range(columns - columns % 8, columns):
        for i in range(rows):
            cells[i, columns - 1 - k] = lines[k, i]


@njit(nogil=True, error_model="numpy")
def drop(current: np.ndarray, segment_ohm: float, end_ohm: np.ndarray, voltage: np.ndarray) -> None:
    """Compute the voltage of every node when the cells feed these currents into the wire.

    Args:
        current: into each node [A], (K, L).
        segment_ohm: one wire segment [Ω]; there is one after each node.
        end_ohm: resistance beyond the last segment [Ω], (L,).
        voltage: receives the voltage against the held end [V], (K, L).
    """
    count, lanes = current.shape
    last = voltage[0, :lanes]
    last[:] = current[0]
    for k in range(1, count):
        here, out = current[k, :lanes], voltage[k, :lanes]
        for m in range(lanes):
            out[m] = last[m] + here[m]
        last = out
    for m in range(lanes):
        last[m] *= segment_ohm + end_ohm[m]
    for k in range(count - 2, -1, -1):
        out = voltage[k, :lanes]
        for m in range(lanes):
            out[m] = last[m] + segment_ohm * out[m]
        last = out


@njit(nogil=True, error_model="numpy")
def factor(
    shunt: np.ndarray, ground: float, segment_ohm: float, end_ohm: np.ndarray, damping: np.ndarray
) -> None:
    """Prepare lines with nodes that also leak to ground, for any number of `respond`.

    Eliminates from the open end: seen from the next node, everything behind it is a current and an
    admittance. All terms are non-negative, so nothing cancels.

    Args:
        shunt: leak of each node [S], (K, L).
        ground: leak that all nodes have besides [S].
        segment_ohm, end_ohm: as in `drop`.
        damping: receives the part of the current gathered at a node that flows on to the next if that is
            grounded; it is also the part of the next node's voltage that reaches back, (K, L).
    """
    count, lanes = shunt.shape
    behind, unit = np.zeros_like(shunt[0]), shunt.dtype.type(1)
    for k in range(count):
        here, damp = shunt[k, :lanes], damping[k, :lanes]
        for m in range(lanes):
            ohm = segment_ohm + end_ohm[m] if k == count - 1 else segment_ohm
            total = here[m] + ground + behind[m]
            damp[m] = unit / (unit + ohm * total)
            behind[m] = total * damp[m]


@njit(nogil=True, error_model="numpy")
def respond(
    current: np.ndarray, segment_ohm: float, end_ohm: np.ndarray, damping: np.ndarray, voltage: np.ndarray
) -> None:
    """Compute the voltage of every node of leaking lines when these currents are fed in.

    Args:
        current: into each node [A], (K, L).
        segment_ohm, end_ohm, damping: as given to and received from `factor`.
        voltage: receives the voltage against the held end [V], (K, L).
    """
    count, lanes = current.shape
    here, damp, last = current[0, :lanes], damping[0, :lanes], voltage[0, :lanes]
    for m in range(lanes):
        last[m] = here[m] * damp[m]
    for k in range(1, count):
        here, damp, out = current[k, :lanes], damping[k, :lanes], voltage[k, :lanes]
        for m in range(lanes):
            out[m] = (last[m] + here[m]) * damp[m]
        last = out
    for m in range(lanes):
        last[m] *= segment_ohm + end_ohm[m]
    for k in range(count - 2, -1, -1):
        damp, out = damping[k, :lanes], voltage[k, :lanes]
        for m in range(lanes):
            out[m] = damp[m] * last[m] + segment_ohm * out[m]
        last = out
