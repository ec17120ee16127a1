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

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float, Vectors
from crosscal.core.errors import InputError, RangeError, wanted

REPEAT_FROM = 8
"""Least count with a last vector that repeats the first: among balanced readings, only a repeat tells
noise from cells."""

_SHARE_OF_SWING = (0.4, 0.9)
"""Between which inputs lie from the middle of the window: far enough to weigh cells, not all alike, so that
their bend shows. With 0.2 to 0.9 recalibrated errors on a board with more columns than rows are 1.04 times as
large, with 0.6 to 0.9 0.97 times, with 0.9 alone 1.16 times and stated ones worse; with more
rows all are alike (`python benchmarks/constants.py SHARE_OF_SWING`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputWindow:
    """Inputs that a board may be driven with; checked on construction.

    Attributes:
        low_v, high_v: lowest and highest [V].
        levels_v: the few values that inputs have [V], if they have a few.
        step_v: distance of the converter's values before the rows [V]; None where any voltage is driven.
    """

    low_v: float
    high_v: float
    levels_v: tuple[float, ...] | None = None
    step_v: float | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low_v, self.high_v]).all() and self.low_v < self.high_v):
            raise RangeError(
                wanted(
                    got=f"inputs of {self.low_v}…{self.high_v} V",
                    allowed="two finite voltages, the lower first",
                    remedy="give the range of inputs that the calibrator was trained on",
                )
            )

    @property
    def largest_v(self) -> float:
        """Largest magnitude of an input [V]."""
        return max(abs(self.low_v), abs(self.high_v))

    def ordinary(self, count: int, rows: int, rng: np.random.Generator) -> Vectors:
        """Draw vectors like those that a calibrator was trained on [V], (count, rows)."""
        return ordinary_vectors(
            count, rows, low_v=self.low_v, high_v=self.high_v, levels_v=self.levels_v, rng=rng
        )

    def away(self, share: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Inputs [V] at shares of the swing from the middle, -1 at the lowest, as they can be driven."""
        middle_v, swing_v = (self.low_v + self.high_v) / 2, (self.high_v - self.low_v) / 2
        return self.driven(middle_v + swing_v * share)

    def driven(self, voltage_v: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Nearest inputs that the board drives exactly [V]."""
        if self.levels_v is not None:
            levels = np.asarray(self.levels_v, dtype=float)
            return levels[np.abs(voltage_v[..., None] - levels).argmin(axis=-1)]
        return voltage_v if self.step_v is None else self.step_v * np.round(voltage_v / self.step_v)


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
    window = InputWindow(low_v=low_v, high_v=high_v, levels_v=levels_v)
    share = balanced_signs(count, rows, rng) * shares_of_swing((count, rows), rng)
    if count >= REPEAT_FROM:
        share[-1] = share[0]
    return window.away(share)


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


def shares_of_swing(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw how far inputs lie from the middle of the window, relative to its half."""
    return rng.uniform(*_SHARE_OF_SWING, shape)


def balanced_signs(count: int, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Draw signs (count, rows), of orthogonal rows and columns as far as there are.

    Raises:
        InputError: less than one vector or row.
    """
    if count < 1 or rows < 1:
        raise InputError(
            wanted(got=f"{count} vectors for {rows} rows", allowed="1 or more of each", remedy="ask for more")
        )
    blocks = []
    while (left := count - sum(map(len, blocks))) > 0:
        blocks.append(_block_of_signs(rows, min(left, 2 * rows), rng))
    return np.concatenate(blocks)


def _block_of_signs(rows: int, count: int, rng: np.random.Generator) -> np.ndarray:
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
