"""Vectors worth measuring when a matrix is recalibrated.

Whether an input lies above or below the middle follows a Hadamard matrix: any two inputs are balanced against
each other, so that every cell is weighed by all K readings at once. That lowers the variance due to read
noise by about the number of rows against driving one row at a time, and no vector drives far more current
than ordinary inputs do.

How far above or below is drawn. Pure two-level vectors at the ends of the range weigh more, but a surrogate
errs most there and always alike, and cells would be blamed for it: at 64×64, K = 128 and noise 1e-4, error
was twice as large.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Vectors
from crosscal.core.errors import InputError, RangeError, wanted

_REPEAT_FROM = 8
"""Least count with a last vector that repeats the first: among balanced readings, only a repeat tells
noise from cells."""

_SHARE_OF_SWING = (0.4, 0.9)
"""Between which inputs lie from the middle of the window: far enough to weigh cells, not all alike, so that
their bend shows. With 0.2 to 0.9 recalibrated errors on a board with more columns than rows are 1.04 times as
large, with 0.6 to 0.9 0.97 times, with 0.9 alone 1.16 times and stated ones worse; with more
rows all are alike (`python benchmarks/constants.py SHARE_OF_SWING`)."""


def informative_vectors(
    count: int,
    rows: int,
    *,
    low_v: float,
    high_v: float,
    rng: np.random.Generator,
    levels_v: tuple[float, ...] | None = None,
) -> Vectors:
    """Make vectors that say as much of every cell as `count` readings can [V], (count, rows).

    Args:
        count: vectors wanted, 1 or more; those after a full set of orthogonal ones repeat the set with rows
            reassigned.
        rows: inputs of the crossbar, N.
        low_v: lowest input [V], such as the smallest one that the calibrator was trained on.
        high_v: highest input [V].
        rng: assigns sequences to rows, so that no row is always among the less balanced.
        levels_v: the few values that inputs have, if they have a few: the nearest ones are taken.

    Raises:
        InputError: less than one vector or row.
        RangeError: a range that is not two finite numbers, the lower first.
    """
    if count < 1 or rows < 1:
        raise InputError(
            wanted(got=f"{count} vectors for {rows} rows", allowed="1 or more of each", remedy="ask for more")
        )
    if not (np.isfinite([low_v, high_v]).all() and low_v < high_v):
        raise RangeError(
            wanted(
                got=f"inputs of {low_v}…{high_v} V",
                allowed="two finite voltages, the lower first",
                remedy="give the range of inputs that the calibrator was trained on",
            )
        )
    signs = np.empty((count, rows))
    done = 0
    while done < count:
        block = _balanced_signs(rows, min(count - done, 2 * rows), rng)
        signs[done : done + len(block)] = block
        done += len(block)
    middle_v, swing_v = (low_v + high_v) / 2, (high_v - low_v) / 2
    share = rng.uniform(*_SHARE_OF_SWING, signs.shape)
    if count >= _REPEAT_FROM:
        signs[-1], share[-1] = signs[0], share[0]
    vectors_v = middle_v + swing_v * signs * share
    if levels_v is None:
        return vectors_v
    levels = np.asarray(levels_v, dtype=float)
    return levels[np.abs(vectors_v[..., None] - levels).argmin(axis=-1)]


def ordinary_vectors(
    count: int,
    rows: int,
    *,
    low_v: float,
    high_v: float,
    rng: np.random.Generator,
    levels_v: tuple[float, ...] | None = None,
) -> Vectors:
    """Draw vectors like those that a calibrator was trained on [V], (count, rows); arguments as above."""
    if levels_v is None:
        return rng.uniform(low_v, high_v, (count, rows))
    return rng.choice(np.asarray(levels_v, dtype=float), (count, rows))


def _balanced_signs(rows: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Up to `count` (at most the order of the Hadamard matrix less one) sign vectors, (·, rows)."""
    order = 2
    while order <= max(rows, min(count, 2 * rows)):
        order *= 2
    matrix = np.ones((1, 1))
    while len(matrix) < order:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    # Column 0 is constant over the vectors, row 0 over the inputs: neither weighs anything against anything.
    of_rows = rng.permutation(np.arange(1, order))[:rows]
    of_vectors = rng.permutation(np.arange(1, order))[:count]
    return matrix[np.ix_(of_vectors, of_rows)]
