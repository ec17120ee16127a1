"""Kernels of the believed circuit: arrays in, arrays out; `belief_circuit` validates and documents.

The unknowns are the cell voltages. With `A` the drop that cell currents cause along both wires, a linear map
known in closed form, and `G f(u)` the cells, the circuit is `u + A(G f(u)) = v`. Newton's step has the matrix
`1 + A D`, `D = G f'(u)`, which `sqrt(D)` makes symmetric, positive definite and as well conditioned as
`1 + (wire drop / cell voltage)`: a dozen conjugate-gradient steps, each of some additions per cell, solve it.

`LANES` circuits advance together in the last axis, so that every scan along a wire fills a vector register.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

LANES = 8
NEWTON_LIMIT = 60
KRYLOV_LIMIT = 400

# Wires are (row, column, source, sense) ohms; a law is (G-degree, u-degree) coefficients of (u / scale).


@njit(cache=True, fastmath=True)
def wire_drop(current, wires, out):
    """Drop from the ideal input to every cell, over its row's and its column's wire: `out = A current`."""
    rows, columns, _ = current.shape
    carried = np.empty(LANES)
    drop = np.empty(LANES)
    for n in range(rows):
        carried[:] = 0.0
        for m in range(columns - 1, -1, -1):
            for k in range(LANES):
                carried[k] += current[n, m, k]
                out[n, m, k] = carried[k]
        for k in range(LANES):
            drop[k] = wires[2] * carried[k]
        for m in range(columns):
            for k in range(LANES):
                drop[k] += wires[0] * out[n, m, k]
                out[n, m, k] = drop[k]
    for m in range(columns):
        carried[:] = 0.0
        drop[:] = 0.0
        for n in range(rows):
            for k in range(LANES):
                carried[k] += current[n, m, k]
                drop[k] += carried[k]
        for k in range(LANES):
            drop[k] = wires[3] * carried[k] + wires[1] * drop[k]
            carried[k] = 0.0
        for n in range(rows):
            for k in range(LANES):
                out[n, m, k] += drop[k]
                carried[k] += current[n, m, k]
                drop[k] -= wires[1] * carried[k]


@njit(cache=True, fastmath=True)
def cell_currents(cell_v, conductance, shade, law, kink, span, current, slope):
    """Currents and differential conductances of all cells.

    Beyond `span` = (scale, lowest, highest voltage), the law goes on as a straight line. `shade` is the
    conductance scaled to about −1…1, in which the law's coefficients are polynomials.
    """
    rows, columns, _ = cell_v.shape
    degrees, order = law.shape
    scale, low, high = span[0], span[1], span[2]
    inside = np.empty(LANES)
    value = np.empty(LANES)
    rise = np.empty(LANES)
    weight = np.empty(LANES)
    for n in range(rows):
        for m in range(columns):
            for k in range(LANES):
                inside[k] = min(max(cell_v[n, m, k], low), high) / scale
                value[k] = 0.0
                rise[k] = 0.0
            for p in range(order - 1, -1, -1):
                for k in range(LANES):
                    weight[k] = 0.0
                for q in range(degrees - 1, -1, -1):
                    for k in range(LANES):
                        weight[k] = weight[k] * shade[n, m, k] + law[q, p]
                for k in range(LANES):
                    rise[k] = rise[k] * inside[k] + value[k]
                    value[k] = value[k] * inside[k] + weight[k]
            for k in range(LANES):
                rise[k] = rise[k] * inside[k] + value[k]
                value[k] = value[k] * inside[k]
            if kink.shape[0] > 0:
                for k in range(LANES):
                    below = min(inside[k], 0.0)
                    extra = 0.0
                    steep = 0.0
                    for p in range(kink.shape[0] - 1, -1, -1):
                        steep = steep * below + extra
                        extra = extra * below + kink[p]
                    value[k] += extra * below
                    if inside[k] < 0.0:
                        rise[k] += steep * below + extra
            for k in range(LANES):
                beyond = cell_v[n, m, k] - inside[k] * scale
                current[n, m, k] = conductance[n, m, k] * (scale * value[k] + rise[k] * beyond)
                slope[n, m, k] = conductance[n, m, k] * rise[k]


@njit(cache=True, fastmath=True)
def conjugate_gradient(root, residual, wires, relative, step, ahead, work, image):
    """Solve `(1 + S A S) step = residual` with `S = root`; `residual` is used up.

    `ahead`, `work`, `image` are scratch. Lanes stop together, when all have reached `relative`.
    """
    rows, columns, _ = root.shape
    norm = np.zeros(LANES)
    curved = np.empty(LANES)
    factor = np.empty(LANES)
    fresh = np.empty(LANES)
    for n in range(rows):
        for m in range(columns):
            for k in range(LANES):
                r = residual[n, m, k]
                step[n, m, k] = 0.0
                ahead[n, m, k] = r
                norm[k] += r * r
    enough = norm * relative**2
    for _ in range(KRYLOV_LIMIT):
        if np.all(norm <= enough):
            break
        for n in range(rows):
            for m in range(columns):
                for k in range(LANES):
                    work[n, m, k] = root[n, m, k] * ahead[n, m, k]
        wire_drop(work, wires, image)
        curved[:] = 0.0
        fresh[:] = 0.0
        for n in range(rows):
            for m in range(columns):
                for k in range(LANES):
                    image[n, m, k] = ahead[n, m, k] + root[n, m, k] * image[n, m, k]
                    curved[k] += ahead[n, m, k] * image[n, m, k]
        for k in range(LANES):
            factor[k] = norm[k] / curved[k] if curved[k] > 0.0 else 0.0
        for n in range(rows):
            for m in range(columns):
                for k in range(LANES):
                    step[n, m, k] += factor[k] * ahead[n, m, k]
                    r = residual[n, m, k] - factor[k] * image[n, m, k]
                    residual[n, m, k] = r
                    fresh[k] += r * r
        for k in range(LANES):
            factor[k] = fresh[k] / norm[k] if norm[k] > 0.0 else 0.0
            norm[k] = fresh[k]
        for n in range(rows):
            for m in range(columns):
                for k in range(LANES):
                    ahead[n, m, k] = residual[n, m, k] + factor[k] * ahead[n, m, k]


@njit(cache=True, fastmath=True)
def operating_point(conductance, shade, voltage, wires, law, kink, span, tolerance_v, cell_v, current, root):
    """Newton's method from the ideal voltages; returns the largest Kirchhoff residual left [V]."""
    shape = conductance.shape
    drop, residual, step = np.empty(shape), np.empty(shape), np.empty(shape)
    ahead, image = np.empty(shape), np.empty(shape)
    rows, columns, _ = shape
    for n in range(rows):
        for m in range(columns):
            for k in range(LANES):
                cell_v[n, m, k] = voltage[n, k]
    worst = np.inf
    for _ in range(NEWTON_LIMIT):
        cell_currents(cell_v, conductance, shade, law, kink, span, current, root)
        wire_drop(current, wires, drop)
        worst = 0.0
        for n in range(rows):
            for m in range(columns):
                for k in range(LANES):
                    left = voltage[n, k] - cell_v[n, m, k] - drop[n, m, k]
                    worst = max(worst, abs(left))
                    root[n, m, k] = np.sqrt(root[n, m, k])
                    residual[n, m, k] = root[n, m, k] * left
        # A law that is nowhere rising makes NaN of the root: the caller sees it in what is returned.
        if not worst > tolerance_v:
            break
        relative = min(0.05, max(0.3 * worst, 0.3 * tolerance_v / worst))
        conjugate_gradient(root, residual, wires, relative, step, ahead, drop, image)
        for n in range(rows):
            for m in range(columns):
                for k in range(LANES):
                    cell_v[n, m, k] += step[n, m, k] / root[n, m, k]
    return worst


@njit(cache=True)
def fill_lanes(block, conductance, shade, matrix, voltage, g, s, v):
    """Gather the circuits of one block of lanes; a last, short block repeats its last circuit."""
    count = matrix.shape[0]
    for k in range(LANES):
        b = min(block * LANES + k, count - 1)
        g[:, :, k] = conductance[matrix[b]]
        s[:, :, k] = shade[matrix[b]]
        v[:, k] = voltage[b]


@njit(cache=True, parallel=True)
def solve_many(
    conductance, shade, matrix, voltage, wires, law, kink, span, tolerance_v, current_out, worst_out
):
    """Column currents (B, M) of vector b on matrix `matrix[b]`."""
    count, columns = current_out.shape
    rows = voltage.shape[1]
    for block in prange((count + LANES - 1) // LANES):
        shape = (rows, columns, LANES)
        g, s, v = np.empty(shape), np.empty(shape), np.empty((rows, LANES))
        fill_lanes(block, conductance, shade, matrix, voltage, g, s, v)
        cell_v, current, root = np.empty(shape), np.empty(shape), np.empty(shape)
        worst_out[block] = operating_point(
            g, s, v, wires, law, kink, span, tolerance_v, cell_v, current, root
        )
        for k in range(min(LANES, count - block * LANES)):
            for m in range(columns):
                current_out[block * LANES + k, m] = current[:, m, k].sum()


@njit(cache=True, fastmath=True)
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


@njit(cache=True, parallel=True)
def differentiate_many(
    conductance,
    shade,
    matrix,
    voltage,
    wires,
    law,
    kink,
    span,
    tolerance_v,
    relative,
    current_out,
    tangent_out,
    worst_out,
):
    """Currents (B, M), and their derivatives by the wires and the law's coefficients, (B, M, P)."""
    count, columns = current_out.shape
    rows = voltage.shape[1]
    degrees, order = law.shape
    for block in prange((count + LANES - 1) // LANES):
        shape = (rows, columns, LANES)
        g, s, v = np.empty(shape), np.empty(shape), np.empty((rows, LANES))
        fill_lanes(block, conductance, shade, matrix, voltage, g, s, v)
        cell_v, current, root = np.empty(shape), np.empty(shape), np.empty(shape)
        worst_out[block] = operating_point(
            g, s, v, wires, law, kink, span, tolerance_v, cell_v, current, root
        )
        lanes = min(LANES, count - block * LANES)
        for k in range(lanes):
            for m in range(columns):
                current_out[block * LANES + k, m] = current[:, m, k].sum()
        direct, answer = np.empty(shape), np.empty((columns, LANES))
        scratch = (np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape))
        for p in range(4 + degrees * order + kink.shape[0]):
            if p < 4:
                unit = np.zeros(4)
                unit[p] = 1.0
                wire_drop(current, unit, direct)
                for n in range(rows):
                    for m in range(columns):
                        for k in range(LANES):
                            direct[n, m, k] *= -root[n, m, k] * root[n, m, k]
            else:
                _power_currents(cell_v, g, s, span, p - 4, order, degrees, direct)
            tangent_of(direct, root, wires, relative, answer, scratch)
            for k in range(lanes):
                for m in range(columns):
                    tangent_out[block * LANES + k, m, p] = answer[m, k]


@njit(cache=True)
def _power_currents(cell_v, conductance, shade, span, index, order, degrees, out):
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
                    conductance[n, m, k] * shade[n, m, k] ** degree * (scale * steep * inside + rise * beyond)
                )
