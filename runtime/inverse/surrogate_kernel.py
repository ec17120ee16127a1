"""The surrogate of one matrix's circuit (`crosscal.runtime.inverse.tensors`): arrays in, arrays out.

Kernels here and in `inverse_elimination_kernel` work in the type of the arrays they write to. A read takes
its steps in float32, against a residual of mostly float64; tests run the same code in float64.
Sums may be reassociated (`FAST`): tests bound the cost of that. Nearly all is inlined: calls, and arrays
taken from tuples, would otherwise count references, half of a read at 16×16.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crosscal.core.kernel_cache import njit

FAST = {"contract", "reassoc", "nsz", "arcp"}


class Surrogate(NamedTuple):
    """Coefficients as the kernels take them; both padded with zeros.

    Attributes:
        exact: (N, M) float64: of each input itself, most of a current.
        first, second, third, loading, link, high_link, quadratic: (N, M) float32: the same and the
            polynomials' other powers; the loading; the couplings without and with weights; the products with
            squares.
        place: (N,): weights of the second product. cubic, quartic: of a column's load. constant: (M,).
    """

    exact: np.ndarray
    first: np.ndarray
    second: np.ndarray
    third: np.ndarray
    loading: np.ndarray
    link: np.ndarray
    high_link: np.ndarray
    quadratic: np.ndarray
    place: np.ndarray
    cubic: np.ndarray
    quartic: np.ndarray
    constant: np.ndarray


@njit(fastmath=FAST, error_model="numpy", forceinline=True)
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


@njit(fastmath=FAST, error_model="numpy", forceinline=True)
def predict(surrogate, z, powers, carried, predicted):
    """Currents (M,) that inputs `z` (N,), both float64, would cause.

    `powers` (4, N) is filled with `z`, `z²`, `z³` and `place · z`, `carried` (5, M) with the parts of the
    products: a column's load, all of it and by height, the factor of each, and
    quadratic terms.
    """
    for n in range(z.size):
        x = powers.dtype.type(z[n])
        powers[0, n], powers[1, n], powers[2, n], powers[3, n] = x, x * x, x * x * x, x * surrogate.place[n]
    carried[:] = carried.dtype.type(0)
    low, high, by_low, by_high, bends = carried[0], carried[1], carried[2], carried[3], carried[4]
    accumulate(surrogate.loading, powers[0], low)
    accumulate(surrogate.loading, powers[3], high)
    accumulate(surrogate.link, powers[0], by_low)
    accumulate(surrogate.quadratic, powers[1], by_low)
    accumulate(surrogate.high_link, powers[0], by_high)
    accumulate(surrogate.second, powers[1], bends)
    accumulate(surrogate.third, powers[2], bends)
    cubic, quartic = surrogate.cubic, surrogate.quartic
    for m in range(predicted.size):
        lifted = low[m] * low[m] * low[m] * (cubic[m] + low[m] * quartic[m])
        predicted[m] = surrogate.constant[m] + bends[m] + low[m] * by_low[m] + high[m] * by_high[m] + lifted
    accumulate(surrogate.exact, z, predicted)


@njit(fastmath=FAST, error_model="numpy", forceinline=True)
def differentiate(surrogate, powers, carried, by_row, by_column, slope):
    """Derivative of `predict`'s currents by its inputs, (N, M), from its results in `powers` and `carried`;
    element (n, m) times `by_row[n] · by_column[m]`.

    Overwrites the rows of `carried` that multiply.
    """
    low, high, by_low, by_high = carried[0], carried[1], carried[2], carried[3]
    cubic, quartic = surrogate.cubic, surrogate.quartic
    for m in range(low.size):
        by_low[m] += low[m] * low[m] * (3.0 * cubic[m] + 4.0 * low[m] * quartic[m])
    two, three = slope.dtype.type(2), slope.dtype.type(3)
    for n in range(by_row.size):
        row, scale, place = slope[n], by_row[n], slope.dtype.type(surrogate.place[n])
        twice, thrice = two * powers[0, n], three * powers[1, n]
        first, second, third, quadratic = (
            surrogate.first[n],
            surrogate.second[n],
            surrogate.third[n],
            surrogate.quadratic[n],
        )
        link, high_link, weights = surrogate.link[n], surrogate.high_link[n], surrogate.loading[n]
        for m in range(low.size):
            own = first[m] + twice * (second[m] + low[m] * quadratic[m]) + thrice * third[m]
            products = (
                low[m] * link[m] + high[m] * high_link[m] + weights[m] * (by_low[m] + by_high[m] * place)
            )
            row[m] = (own + products) * (scale * by_column[m])
