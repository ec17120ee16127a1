"""Solves `(A Aᵀ + 1) x = b` for a few dozen rows of A, in the type of the arrays: arrays in, arrays out.

Gram matrix and factor are worked out together, in tiles of four rows by four: sixteen sums stay in registers
while the rows go past: that keeps the vector units busy where a plain triple loop waits for memory.
"""

from __future__ import annotations

from crosscal.core.kernel_cache import njit
from crosscal.runtime.inverse.surrogate_kernel import FAST

LANES = 8
"""Columns are padded to a multiple of this many."""


@njit(fastmath=FAST, error_model="numpy", inline="always")
def tile_products(left, right, j, length):
    """The sixteen sums of products of four rows of `left` with rows `j` … `j + 3` of `right`."""
    p0, p1, p2, p3 = left[0], left[1], left[2], left[3]
    q0, q1, q2, q3 = right[j], right[j + 1], right[j + 2], right[j + 3]
    s00 = s01 = s02 = s03 = right.dtype.type(0)
    s10 = s11 = s12 = s13 = s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = s00
    for k in range(length):
        u0, u1, u2, u3, v0, v1, v2, v3 = p0[k], p1[k], p2[k], p3[k], q0[k], q1[k], q2[k], q3[k]
        s00 += u0 * v0
        s01 += u0 * v1
        s02 += u0 * v2
        s03 += u0 * v3
        s10 += u1 * v0
        s11 += u1 * v1
        s12 += u1 * v2
        s13 += u1 * v3
        s20 += u2 * v0
        s21 += u2 * v1
        s22 += u2 * v2
        s23 += u2 * v3
        s30 += u3 * v0
        s31 += u3 * v1
        s32 += u3 * v2
        s33 += u3 * v3
    return s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30, s31, s32, s33


@njit(fastmath=FAST, error_model="numpy", inline="always")
def eliminate_tile(four, rows, j, inner, length):
    """Columns `j` … `j + 3` of `−L D` for the four rows in hand, from the rows above that are done."""
    s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30, s31, s32, s33 = tile_products(
        four, rows, j, length
    )
    c = inner + j
    f0, f1, f2, f3 = four[0], four[1], four[2], four[3]
    above, low = rows[j + 2], rows[j + 3]
    a, b0, b1, c0, c1, c2 = rows[j + 1, c], above[c], above[c + 1], low[c], low[c + 1], low[c + 2]
    s01 -= s00 * a
    s11 -= s10 * a
    s21 -= s20 * a
    s31 -= s30 * a
    s02 -= s00 * b0 + s01 * b1
    s12 -= s10 * b0 + s11 * b1
    s22 -= s20 * b0 + s21 * b1
    s32 -= s30 * b0 + s31 * b1
    f0[c], f0[c + 1], f0[c + 2], f0[c + 3] = -s00, -s01, -s02, s00 * c0 + s01 * c1 + s02 * c2 - s03
    f1[c], f1[c + 1], f1[c + 2], f1[c + 3] = -s10, -s11, -s12, s10 * c0 + s11 * c1 + s12 * c2 - s13
    f2[c], f2[c + 1], f2[c + 2], f2[c + 3] = -s20, -s21, -s22, s20 * c0 + s21 * c1 + s22 * c2 - s23
    f3[c], f3[c + 1], f3[c + 2], f3[c + 3] = -s30, -s31, -s32, s30 * c0 + s31 * c1 + s32 * c2 - s33


@njit(fastmath=FAST, error_model="numpy", inline="always")
def finish_tile(four, rows, i, inner, length, inverse_pivot):
    """The part of the factor where the four rows in hand, from `i` on, meet themselves."""
    s00, _, _, _, s10, s11, _, _, s20, s21, s22, _, s30, s31, s32, s33 = tile_products(four, rows, i, length)
    one, c = rows.dtype.type(1), inner + i
    # What is added to 1 is a sum of squares: a smaller pivot can only be rounding.
    first = one / max(s00 + one, one)
    l10, l20, l30 = s10 * first, s20 * first, s30 * first
    second = one / max(s11 + one - s10 * l10, one)
    s21, s31 = s21 - s20 * l10, s31 - s30 * l10
    l21, l31 = s21 * second, s31 * second
    third = one / max(s22 + one - s20 * l20 - s21 * l21, one)
    s32 = s32 - s30 * l20 - s31 * l21
    l32 = s32 * third
    fourth = one / max(s33 + one - s30 * l30 - s31 * l31 - s32 * l32, one)
    inverse_pivot[i], inverse_pivot[i + 1] = first, second
    inverse_pivot[i + 2], inverse_pivot[i + 3] = third, fourth
    rows[i + 1, c] = l10
    rows[i + 2, c], rows[i + 2, c + 1] = l20, l21
    rows[i + 3, c], rows[i + 3, c + 1], rows[i + 3, c + 2] = l30, l31, l32


@njit(fastmath=FAST, error_model="numpy", inline="always")
def factorise(rows, inner, four, inverse_pivot):
    """Factorise `A Aᵀ + 1 = L D Lᵀ`.

    Args:
        rows: (S, K + S or more), S a multiple of 4: A (S, K) in the first K columns; the part below the
            diagonal of L goes into the columns after it. Nothing there may be NaN at the start.
        inner: K, a multiple of `LANES`. four: scratch for four such rows. inverse_pivot: `1 / D`, (S,).
    """
    zero = rows.dtype.type(0)
    f0, f1, f2, f3 = four[0], four[1], four[2], four[3]
    for i in range(0, inverse_pivot.size, 4):
        r0, r1, r2, r3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        # Whole lanes: beyond what is known these four rows are 0, and what they meet there does not matter.
        whole = inner + -(-i // LANES) * LANES
        for k in range(inner):
            f0[k], f1[k], f2[k], f3[k] = r0[k], r1[k], r2[k], r3[k]
        for k in range(whole - inner):
            at = inner + k
            f0[at], f1[at], f2[at], f3[at] = zero, zero, zero, zero
        for j in range(0, i, 4):
            eliminate_tile(four, rows, j, inner, inner + -(-j // LANES) * LANES)
        for k in range(i):
            at, shrunk = inner + k, -inverse_pivot[k]
            r0[at], r1[at], r2[at], r3[at] = (
                f0[at] * shrunk,
                f1[at] * shrunk,
                f2[at] * shrunk,
                f3[at] * shrunk,
            )
        finish_tile(four, rows, i, inner, whole, inverse_pivot)


@njit(fastmath=FAST, error_model="numpy", inline="always")
def substitute(rows, inner, inverse_pivot, x):
    """Solve with the factor of `factorise`; `x` (S,) becomes the solution."""
    for i in range(x.size):
        lower, total = rows[i, inner : inner + i], x[i]
        for k in range(lower.size):
            total -= lower[k] * x[k]
        x[i] = total
    for i in range(x.size):
        x[i] *= inverse_pivot[i]
    for i in range(x.size - 1, 0, -1):
        lower, known = rows[i, inner : inner + i], x[i]
        for k in range(lower.size):
            x[k] -= lower[k] * known
