"""Compiled multilayer perceptron, the fold of `concatsquash` for one matrix. Validation is the caller's.

Layout. `packed` holds, one after another and padded with zeros to `LANES` floats per row: shift and scale of
the input; bias and weights of each layer, weights by input (row k: from input k to every unit); scale,
shift and skip of the output. `widths` holds the padded number of units of input and layers. Weights by input
make the inner loop run over units: it vectorises without reordering a sum, so no `fastmath` beyond fused
multiply–add (`contract`) is needed, and one vector takes about as long as its weights take to arrive.

`scratch` is (3, BLOCK, widest), one per thread: plane 0 keeps the input for the skip, 1 and 2 take turns.
A batch goes through in blocks, and of a block TILE vectors at a time (`network_tile_kernel`); the rest,
and single vectors, take STEP rows of weights at a time.
"""

from __future__ import annotations

import numpy as np
from numba import types

from crosscal.core.kernel_cache import njit
from crosscal.runtime.feedforward.tile_kernel import LANES, STEP, TILE, add_tile
from crosscal.runtime.reading_kernel import READABLE, WRITABLE, first_unreadable
from crosscal.runtime.reading_window_kernel import TEST, first_unexplained

BLOCK = 16
"""Vectors that share one pass over the weights, a multiple of TILE."""

FEWEST = 4
"""Fewest vectors that a whole tile takes in less time than `add_products`; part of it then goes to waste."""

# tanh x ≈ x·P(x²)/Q(x²) for |x| ≤ CLAMP, with P of degree 5 and Q of degree 3: a minimax fit
# (Sanathanan–Koerner iteration with Lawson weights) of error 3e-8, all coefficients scaled by the factor at
# which rounding them to float32 hurts least. Evaluated in float32 the error is 2.9e-7, or 3.2e-7 without
# fused multiply–add.
CLAMP = np.float32(8.33)
P0 = np.float32(0.8802077174186707)
P1 = np.float32(0.11401136219501495)
P2 = np.float32(0.0026030235458165407)
P3 = np.float32(8.460013305011671e-06)
P4 = np.float32(-1.2199996568540428e-08)
P5 = np.float32(1.8636658188908584e-11)
Q0 = np.float32(0.8802078366279602)
Q1 = np.float32(0.407413512468338)
Q2 = np.float32(0.021047012880444527)
Q3 = np.float32(0.00020527925516944379)

_FUSED = {"contract"}
_FLOATS = types.Array(types.float32, 1, "C")
_SIGNATURES = [
    types.int64(
        readable,
        WRITABLE[dtype],
        _FLOATS,
        types.Array(types.int64, 1, "C"),
        types.Array(types.float32, 3, "C"),
        types.int64,
        types.float64,
        TEST,
    )
    for dtype, readable in READABLE.items()
]


@njit(fastmath=_FUSED, error_model="numpy", forceinline=True)
def hyperbolic_tangent(units: np.ndarray) -> None:
    """Replace every value by its tanh."""
    for unit in range(units.size):
        x = min(max(units[unit], -CLAMP), CLAMP)
        t = x * x
        numerator = x * (P0 + t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5)))))
        units[unit] = numerator / (Q0 + t * (Q1 + t * (Q2 + t * Q3)))


@njit(fastmath=_FUSED, error_model="numpy", forceinline=True)
def add_products(
    scratch: np.ndarray,
    plane: int,
    source: int,
    k: int,
    begin: int,
    vectors: int,
    weights: np.ndarray,
    units: int,
) -> None:
    """Add to the sums of vectors from `begin` on, in `plane`, the products of inputs k … k + STEP - 1, in
    `source`.

    `weights` holds the rows of those inputs, (STEP · units,).
    """
    w0, w1, w2, w3 = weights[:units], weights[units:], weights[2 * units :], weights[3 * units :]
    w4, w5, w6, w7 = weights[4 * units :], weights[5 * units :], weights[6 * units :], weights[7 * units :]
    for v in range(begin, vectors):
        x = scratch[source, v]
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        x4, x5, x6, x7 = x[k + 4], x[k + 5], x[k + 6], x[k + 7]
        sums = scratch[plane, v]
        for u in range(units):
            first = x0 * w0[u] + x1 * w1[u] + x2 * w2[u] + x3 * w3[u]
            sums[u] += first + (x4 * w4[u] + x5 * w5[u] + x6 * w6[u] + x7 * w7[u])


@njit(forceinline=True)
def tiled_vectors(vectors: int) -> int:
    """How many of a block's vectors go through in tiles: whole tiles, and a last one that is full enough."""
    left = vectors % TILE
    return vectors if left >= FEWEST else vectors - left


@njit(error_model="numpy", forceinline=True)
def add_tiles(
    scratch: np.ndarray,
    plane: int,
    source: int,
    vectors: int,
    packed: np.ndarray,
    at: int,
    inputs: int,
    units: int,
) -> None:
    """Add to the sums of the first `vectors`, in `plane`, all products of a layer, weights from `at` on.

    A last tile may reach beyond them: no vector of this block takes the values there.
    """
    width = scratch.shape[2]
    for u in range(0, units, LANES):
        for v in range(0, vectors, TILE):
            begin, target = (source * BLOCK + v) * width, (plane * BLOCK + v) * width + u
            add_tile(packed, at + u, units, inputs, scratch, begin, target, width)


@njit(_SIGNATURES, fastmath=_FUSED, error_model="numpy", nogil=True)
def run_network(
    current_a: np.ndarray,
    calibrated_a: np.ndarray,
    packed: np.ndarray,
    widths: np.ndarray,
    scratch: np.ndarray,
    columns: int,
    limit_a: float,
    test: np.ndarray,
) -> int:
    """Calibrate vectors that lie one after another.

    Args:
        current_a, calibrated_a: [A], (B · M,); they may be the same array.
        packed, widths, scratch: see the module.
        columns: M.
        limit_a: largest magnitude that counts as a reading [A].
        test: see `reading_window_kernel`.

    Returns:
        -1; the index of the first current that is no reading; or -2 less the index of the first vector that
        no inputs explain. If it is not -1, nothing was written.
    """
    unreadable = first_unreadable(current_a, limit_a)
    if unreadable >= 0:
        return unreadable
    unexplained = first_unexplained(current_a, columns, test)
    if unexplained >= 0:
        return -2 - unexplained
    layers = widths.size - 1
    for start in range(0, current_a.size, BLOCK * columns):
        vectors = min(BLOCK, (current_a.size - start) // columns)
        shift, scale = packed, packed[widths[0] :]
        for v in range(vectors):
            for column in range(columns):
                current = current_a[start + v * columns + column]
                scratch[0, v, column] = (current - shift[column]) * scale[column]
        at = 2 * widths[0]
        plane = 0
        for layer in range(layers):
            source, plane = plane, 1 + layer % 2
            inputs, units = widths[layer], widths[layer + 1]
            for v in range(vectors):
                scratch[plane, v, :units] = packed[at : at + units]
            at += units
            tiled = tiled_vectors(vectors)
            add_tiles(scratch, plane, source, tiled, packed, at, inputs, units)
            if tiled < vectors:
                for k in range(0, inputs, STEP):
                    weights = packed[at + k * units : at + (k + STEP) * units]
                    add_products(scratch, plane, source, k, tiled, vectors, weights, units)
            at += inputs * units
            if layer < layers - 1:
                for v in range(vectors):
                    hyperbolic_tangent(scratch[plane, v, :units])
        scale, shift, skip = packed[at:], packed[at + widths[0] :], packed[at + 2 * widths[0] :]
        for v in range(vectors):
            x, y = scratch[0, v], scratch[plane, v]
            for column in range(columns):
                calibrated = scale[column] * y[column] + shift[column] + skip[column] * x[column]
                calibrated_a[start + v * columns + column] = calibrated
    return -1
