"""Kernels of the circuit model: arrays in, arrays out; `belief_circuit` validates and documents.

The unknowns are the cell voltages. With `A` the drop that cell currents cause along both wires, a linear map
known in closed form, and `G f(u)` the cells, the circuit is `u + A(G f(u)) = v`. Newton's step has the matrix
`1 + A D`, `D = G f'(u)`, that `sqrt(D)` makes symmetric, positive definite and as well conditioned as
`1 + (wire drop / cell voltage)`: a dozen conjugate-gradient steps, each of some additions per cell, solve it.

`LANES` circuits advance together in the last axis, so that every scan along a wire fills a vector register.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.kernel_cache import njit

LANES = 8  # of float64: a vector register of AVX-512, two of AVX2
NEWTON_LIMIT = 60  # steps: 12×10 cells with wires of 2 to 100 Ω take 4 to 6; with more there is no solution
KRYLOV_LIMIT = 400  # iterations of a step, for it need not be exact: with 5 those circuits are solved as well

# Sums may be reassociated and products fused; NaN keeps its meaning: it is how a failure shows.
FAST = {"contract", "reassoc", "nsz", "arcp"}

# Wires are (row, column, source, sense) ohms; a law is (G-degree, u-degree) coefficients of (u / scale).


@njit(fastmath=FAST, error_model="numpy")
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


@njit(fastmath=FAST, error_model="numpy")
def cell_currents(cell_v, conductance, gamma, law, kink, span, current, slope):
    """Currents and differential conductances of all cells.

    Beyond `span` = (scale, lowest, highest voltage), the law goes on as a straight line. `gamma` is the
    conductance scaled to about −1…1: the law's coefficients are polynomials of it.
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
                        weight[k] = weight[k] * gamma[n, m, k] + law[q, p]
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


@njit(fastmath=FAST, error_model="numpy")
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


@njit(fastmath=FAST, error_model="numpy")
def operating_point(
    conductance, gamma, voltage, wires, law, kink, span, tolerance_v, cell_v, current, root, scratch
):
    """Newton's method from the ideal voltages; returns the norm of the Kirchhoff residual left [V]."""
    drop, residual, step, ahead, image = scratch
    rows, columns, _ = conductance.shape
    for n in range(rows):
        for m in range(columns):
            for k in range(LANES):
                cell_v[n, m, k] = voltage[n, k]
    worst = np.inf
    for _ in range(NEWTON_LIMIT):
        cell_currents(cell_v, conductance, gamma, law, kink, span, current, root)
        wire_drop(current, wires, drop)
        square = 0.0
        for n in range(rows):
            for m in range(columns):
                for k in range(LANES):
                    left = voltage[n, k] - cell_v[n, m, k] - drop[n, m, k]
                    # A cell that was never formed takes no current at any voltage: its own is nobody's.
                    left = left if conductance[n, m, k] != 0.0 else 0.0
                    square += left * left
                    root[n, m, k] = np.sqrt(root[n, m, k])
                    residual[n, m, k] = root[n, m, k] * left
        worst = np.sqrt(square)
        # A law that falls makes NaN of the root: it spreads, and the caller sees it in what is returned.
        if not worst > tolerance_v:
            break
        relative = min(0.05, max(0.3 * worst, 0.3 * tolerance_v / worst))
        conjugate_gradient(root, residual, wires, relative, step, ahead, drop, image)
        for n in range(rows):
            for m in range(columns):
                for k in range(LANES):
                    cell_v[n, m, k] += step[n, m, k] / root[n, m, k] if conductance[n, m, k] != 0.0 else 0.0
    return worst
