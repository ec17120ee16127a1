"""The surrogate of one matrix's circuit (`crosscal.runtime.inverse.tensors`): arrays in, arrays out.

Kernels here and in `inverse_elimination_kernel` work in the type of the arrays they write to. A read takes
its steps in float32, against a residual of mostly float64; tests run the same code in float64.
Sums may be reassociated (`FAST`): tests bound the cost of that. Small pieces are inlined before they are
compiled: calls, and arrays taken from tuples, would otherwise count references, half of a read at 16×16.
Pieces that take microseconds are not: in each of their callers they took most of the time of compilation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crosscal.core.kernel_cache import njit

FAST = {"contract", "reassoc", "nsz", "arcp"}


class Surrogate(NamedTuple):
    """Coefficients as the kernels take them, padded with zeros; matrices that go with the same powers of the
    inputs stand side by side.

    Attributes:
        exact: (N, M) float64: of each input itself, most of a current.
        wide: (N, 4 M) float32, of `z`: loading, loading times place, couplings without and with weights.
        bent: (N, 2 M) float32, of `z²`: products with squares, the polynomials' second power.
        straight: (2, N, M) float32: the polynomials' third power; `exact` once more.
        place: (N,): weights of the second product.
        by_column: (3 or more, M): cubic and quartic factor of a column's load, constant.
    """

    exact: np.ndarray
    wide: np.ndarray
    bent: np.ndarray
    straight: np.ndarray
    place: np.ndarray
    by_column: np.ndarray


@njit(fastmath=FAST, error_model="numpy", inline="always")
def accumulate(weights, x, total):
    """Add `weightsᵀ x` to `total` (M,); `weights` (N, M or more), N a multiple of 8."""
    for n in range(0, x.size, 8):
        w0, w1, w2, w3 = weights[n], weights[n + 1], weights[n + 2], weights[n + 3]
        w4, w5, w6, w7 = weights[n + 4], weights[n + 5], weights[n + 6], weights[n + 7]
        x0, x1, x2, x3, x4, x5, x6, x7 = (
            x[n],
            x[n + 1],
            x[n + 2],
            x[n + 3],
            x[n + 4],
            x[n + 5],
            x[n + 6],
            x[n + 7],
        )
        for m in range(total.size):
            first = x0 * w0[m] + x1 * w1[m] + x2 * w2[m] + x3 * w3[m]
            total[m] += first + (x4 * w4[m] + x5 * w5[m] + x6 * w6[m] + x7 * w7[m])


@njit(fastmath=FAST, error_model="numpy", forceinline=False)
def predict(surrogate, z, powers, carried, predicted):
    """Currents (M,) that inputs `z` (N,), both float64, would cause.

    `powers` (3, N) is filled with `z`, `z²` and `z³`, `carried` (6 M,) with the parts of the products: a
    column's load, all of it and by height, the factor of each, and quadratic terms of load and inputs.
    """
    for n in range(z.size):
        x = powers.dtype.type(z[n])
        powers[0, n], powers[1, n], powers[2, n] = x, x * x, x * x * x
    columns = predicted.size
    carried[:] = carried.dtype.type(0)
    accumulate(surrogate.wide, powers[0], carried[: 4 * columns])
    accumulate(surrogate.bent, powers[1], carried[4 * columns :])
    bends = carried[5 * columns :]
    accumulate(surrogate.straight[0], powers[2], bends)
    low, high, by_low = carried[:columns], carried[columns : 2 * columns], carried[2 * columns : 3 * columns]
    by_high, bent = carried[3 * columns : 4 * columns], carried[4 * columns : 5 * columns]
    cubic, quartic, constant = surrogate.by_column[0], surrogate.by_column[1], surrogate.by_column[2]
    for m in range(columns):
        by_low[m] += bent[m]
        lifted = low[m] * low[m] * low[m] * (cubic[m] + low[m] * quartic[m])
        predicted[m] = constant[m] + bends[m] + low[m] * by_low[m] + high[m] * by_high[m] + lifted
    accumulate(surrogate.exact, z, predicted)


@njit(fastmath=FAST, error_model="numpy", forceinline=False)
def differentiate(surrogate, powers, carried, by_row, by_column, slope):
    """Derivative of `predict`'s currents by its inputs, (N, M), from its results in `powers` and `carried`;
    element (n, m) times `by_row[n] · by_column[m]`.

    Overwrites a part of `carried`, the factor of the load.
    """
    columns = by_column.size
    low, high, by_low = carried[:columns], carried[columns : 2 * columns], carried[2 * columns : 3 * columns]
    by_high = carried[3 * columns : 4 * columns]
    cubic, quartic = surrogate.by_column[0], surrogate.by_column[1]
    for m in range(columns):
        by_low[m] += low[m] * low[m] * (3.0 * cubic[m] + 4.0 * low[m] * quartic[m])
    two, three = slope.dtype.type(2), slope.dtype.type(3)
    for n in range(by_row.size):
        row, scale, place = slope[n], by_row[n], slope.dtype.type(surrogate.place[n])
        twice, thrice = two * powers[0, n], three * powers[1, n]
        wide, bent = surrogate.wide[n], surrogate.bent[n]
        third, first = surrogate.straight[0, n], surrogate.straight[1, n]
        weights, link, high_link = wide[:columns], wide[2 * columns : 3 * columns], wide[3 * columns :]
        quadratic, second = bent[:columns], bent[columns:]
        for m in range(columns):
            own = first[m] + twice * (second[m] + low[m] * quadratic[m]) + thrice * third[m]
            products = (
                low[m] * link[m] + high[m] * high_link[m] + weights[m] * (by_low[m] + by_high[m] * place)
            )
            row[m] = (own + products) * (scale * by_column[m])
