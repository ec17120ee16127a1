"""Kernels that take batches through the circuit model: gathering, solving, implicit differentiation."""

from __future__ import annotations

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.training.calibrators.whitebox.kernels import (
    FAST,
    LANES,
    conjugate_gradient,
    operating_point,
    wire_drop,
)


@njit(error_model="numpy")
def fill_lanes(block, conductance, gamma, matrix, voltage, g, s, v):
    """Gather the circuits of one block of lanes; a last, short block repeats its last circuit."""
    count = matrix.shape[0]
    for k in range(LANES):
        b = min(block * LANES + k, count - 1)
        g[:, :, k] = conductance[matrix[b]]
        s[:, :, k] = gamma[matrix[b]]
        v[:, k] = voltage[b]


@njit(fastmath=FAST, error_model="numpy")
def tangent_of(direct, root, wires, relative, columns_out, scratch):
    """Change of the column currents when cells inject `direct` more current at unchanged voltages.

    Implicit differentiation: `u` answers with `(1 + A D) du = −A direct`, the currents with `D du + direct`.
    """
    drop, residual, step, ahead, image = scratch
    rows, columns, _ = direct.shape
    wire_drop(direct, wires, drop)
    for n in range(rows):
        for m in range(columns):
            for k in range(LANES):
                residual[n, m, k] = -root[n, m, k] * drop[n, m, k]
    conjugate_gradient(root, residual, wires, relative, step, ahead, drop, image)
    for m in range(columns):
        for k in range(LANES):
            total = 0.0
            for n in range(rows):
                total += direct[n, m, k] + root[n, m, k] * step[n, m, k]
            columns_out[m, k] = total


@njit(error_model="numpy")
def power_currents(cell_v, conductance, gamma, span, index, order, degrees, out):
    """Cell currents of a unit coefficient: (degree in G, power of u) in C order, then those of the kink."""
    scale, low, high = span[0], span[1], span[2]
    rows, columns, _ = out.shape
    bent = index >= degrees * order
    power = (index - degrees * order if bent else index % order) + 1
    degree = 0 if bent else index // order
    for n in range(rows):
        for m in range(columns):
            for k in range(LANES):
                inside = min(max(cell_v[n, m, k], low), high) / scale
                beyond = cell_v[n, m, k] - inside * scale
                if bent:
                    inside = min(inside, 0.0)
                steep = inside ** (power - 1)
                rise = power * steep if not (bent and inside == 0.0) else 0.0
                out[n, m, k] = (
                    conductance[n, m, k] * gamma[n, m, k] ** degree * (scale * steep * inside + rise * beyond)
                )


@njit(error_model="numpy")
def injected(p, cell_v, current, root, conductance, gamma, wires, law, span, out):
    """Change of the cells' currents by parameter `p`, wires first, at unchanged losses elsewhere."""
    if p >= wires.shape[0]:
        power_currents(cell_v, conductance, gamma, span, p - wires.shape[0], law.shape[1], law.shape[0], out)
        return
    unit = np.zeros(wires.shape[0])
    unit[p] = 1.0
    wire_drop(current, unit, out)
    for n in range(out.shape[0]):
        for m in range(out.shape[1]):
            for k in range(LANES):
                out[n, m, k] *= -root[n, m, k] * root[n, m, k]


@njit(nogil=True, error_model="numpy")
def solve_blocks(
    first, last, conductance, gamma, matrix, voltage, wires, law, kink, span, tolerance_v, relative,
    current_out, tangent_out, worst_out,
):  # fmt: skip
    """Solve blocks of lanes `first` to `last`: column currents (B, M) of vector b on matrix `matrix[b]`.

    Their derivatives by wires and law go to `tangent_out`, (B, M, P), unless that is empty; `worst_out`
    (blocks,) gets the Kirchhoff residual left [V]. Releases the interpreter, so that threads may share the
    blocks.
    """
    count, columns = current_out.shape
    shape = (voltage.shape[1], columns, LANES)
    g, s, v = np.empty(shape), np.empty(shape), np.empty((voltage.shape[1], LANES))
    cell_v, current, root, direct = np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape)
    scratch = (np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape))
    answer = np.empty((columns, LANES))
    for block in range(first, last):
        fill_lanes(block, conductance, gamma, matrix, voltage, g, s, v)
        worst_out[block] = operating_point(
            g, s, v, wires, law, kink, span, tolerance_v, cell_v, current, root, scratch
        )
        lanes = min(LANES, count - block * LANES)
        for k in range(lanes):
            for m in range(columns):
                current_out[block * LANES + k, m] = current[:, m, k].sum()
        for p in range(tangent_out.shape[2]):
            injected(p, cell_v, current, root, g, s, wires, law, span, direct)
            tangent_of(direct, root, wires, relative, answer, scratch)
            for k in range(lanes):
                for m in range(columns):
                    tangent_out[block * LANES + k, m, p] = answer[m, k]
