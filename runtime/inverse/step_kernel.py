"""One Gauss–Newton step of a read: arrays in, arrays out.

A step solves `(JᵀWJ + Λ) move = gradient`. With `A = Λ^-½ Jᵀ W^½`, (N, M), and `move = Λ^-½ s` that is
`(A Aᵀ + 1) s = A ρ + pull`, and where columns are fewer, `s = pull + A x` with
`(Aᵀ A + 1) x = ρ − Aᵀ pull`: the smaller side decides the size, and no eigenvalue is below 1. The largest by
far belongs to all inputs (or all readings) going together, and would cost float32 the digits of the others:
a reflection gives it a coordinate of its own first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crosscal.core.kernel_cache import njit
from crosscal.runtime.inverse.elimination_kernel import factorise, substitute
from crosscal.runtime.inverse.surrogate_kernel import FAST, accumulate, differentiate


class Scratch(NamedTuple):
    """Room to work out one reading in; S is the smaller side of the matrix, K the other.

    Attributes:
        powers: (3, N), carried: (6 M,): see `predict`.
        prior_deviation: Λ^-½, pull: of prior and bounds, stride: `s`, (N,). weight: W^½, wrong: ρ, (M,).
        slope: (N, M), used where columns are fewer. rows: (S, K + S), four: (4, K + S), inverse_pivot: (S,):
            see `factorise`. mirror, answer: (S,). along: (K,).
    """

    powers: np.ndarray
    carried: np.ndarray
    prior_deviation: np.ndarray
    pull: np.ndarray
    stride: np.ndarray
    weight: np.ndarray
    wrong: np.ndarray
    slope: np.ndarray
    rows: np.ndarray
    four: np.ndarray
    inverse_pivot: np.ndarray
    mirror: np.ndarray
    answer: np.ndarray
    along: np.ndarray


@njit(inline="always")
def new_scratch(rows, columns, kind):
    """`Scratch` for a surrogate of `rows` × `columns` of a floating type; zeros, as `factorise` wants."""
    size, inner = min(rows, columns), max(rows, columns)
    by_row, by_column = np.zeros((3, rows), kind), np.zeros((2, columns), kind)
    by_size, wide = np.zeros((3, size), kind), np.zeros((size + 4, inner + size), kind)
    return Scratch(
        np.zeros((3, rows), kind),
        np.zeros(6 * columns, kind),
        by_row[0],
        by_row[1],
        by_row[2],
        by_column[0],
        by_column[1],
        np.zeros((rows if columns < rows else 0, columns), kind),
        wide[:size],
        wide[size:],
        by_size[0],
        by_size[1],
        by_size[2],
        np.zeros(inner, kind),
    )


@njit(fastmath=FAST, error_model="numpy", inline="always")
def row_sums(weights, x, total):
    """`weights x` for the first columns of `weights`, as many as `x` has; `total` (S,)."""
    for s in range(total.size):
        row, sum_ = weights[s], x.dtype.type(0)
        for k in range(x.size):
            sum_ += row[k] * x[k]
        total[s] = sum_


@njit(fastmath=FAST, error_model="numpy", inline="always")
def aim_mirror(direction, root, mirror):
    """Fill `mirror` (S,), of square 2, so that `1 − mirror mirrorᵀ` turns `direction · root` to the first
    axis.
    """
    square = mirror.dtype.type(0)
    for s in range(mirror.size):
        mirror[s] = direction[s] * root[s]
        square += mirror[s] * mirror[s]
    length = np.sqrt(square)
    mirror[0] += length if mirror[0] >= 0 else -length
    shrink = np.sqrt(mirror.dtype.type(1) / (length * abs(mirror[0])))
    for s in range(mirror.size):
        mirror[s] *= shrink


@njit(fastmath=FAST, error_model="numpy", inline="always")
def reflect_rows(rows, mirror, along):
    """Reflect the columns of `rows`, those that `along` (K,), scratch, has."""
    along[:] = along.dtype.type(0)
    accumulate(rows, mirror, along)
    for s in range(mirror.size):
        row, share = rows[s], mirror[s]
        for k in range(along.size):
            row[k] -= share * along[k]


@njit(fastmath=FAST, error_model="numpy", inline="always")
def reflect(mirror, x):
    """Reflect a vector in place."""
    share = x.dtype.type(0)
    for s in range(x.size):
        share += mirror[s] * x[s]
    for s in range(x.size):
        x[s] -= share * mirror[s]


@njit(fastmath=FAST, error_model="numpy", inline="always")
def linearise(surrogate, scratch):
    """Fill `rows` with `A`, or where columns are fewer `slope` with it and `rows` with `Aᵀ`, at the inputs
    that `predict` was asked for last.
    """
    narrow = scratch.slope.shape[0] > 0
    slope = scratch.slope if narrow else scratch.rows
    differentiate(surrogate, scratch.powers, scratch.carried, scratch.prior_deviation, scratch.weight, slope)
    if narrow:
        for n in range(scratch.prior_deviation.size):
            for m in range(scratch.weight.size):
                scratch.rows[m, n] = slope[n, m]


@njit(fastmath=FAST, error_model="numpy", inline="always")
def solve(scratch):
    """Replace `answer` by the solution of the system in `rows`; the factor overwrites them."""
    rows, mirror, answer, inner = scratch.rows, scratch.mirror, scratch.answer, scratch.along.size
    reflect_rows(rows, mirror, scratch.along)
    factorise(rows, inner, scratch.four, scratch.inverse_pivot)
    reflect(mirror, answer)
    substitute(rows, inner, scratch.inverse_pivot, answer)
    reflect(mirror, answer)


@njit(fastmath=FAST, error_model="numpy", forceinline=False)
def take_step(surrogate, together, scratch):
    """Fill `stride` with `s`, from `prior_deviation`, `pull`, `weight`, `wrong` and the results of `predict`.

    Returns:
        `gradientᵀ move`: the square of the step relative to the posterior's covariance.
    """
    answer, stride, pull, wrong = scratch.answer, scratch.stride, scratch.pull, scratch.wrong
    linearise(surrogate, scratch)
    narrow, moved = scratch.slope.shape[0] > 0, 0.0
    aim_mirror(together, scratch.weight if narrow else scratch.prior_deviation, scratch.mirror)
    row_sums(scratch.rows, pull if narrow else wrong, answer)
    for s in range(answer.size):
        if narrow:
            answer[s] = wrong[s] - answer[s]
        else:
            stride[s] = answer[s] = answer[s] + pull[s]
    solve(scratch)
    if not narrow:
        for n in range(stride.size):
            moved += stride[n] * answer[n]
            stride[n] = answer[n]
        return moved
    row_sums(scratch.slope, answer, stride)
    answer[:] = answer.dtype.type(0)
    for n in range(stride.size):
        stride[n] += pull[n]
        moved += stride[n] * stride[n]
    accumulate(scratch.slope, stride, answer)
    for m in range(answer.size):
        moved += answer[m] * answer[m]
    return moved
