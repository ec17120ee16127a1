"""Order of columns in a tile: outputs beside each other, each with its slices, each slice with its pair."""

from __future__ import annotations

from typing import Literal

import numpy as np


def columns_of(cells: np.ndarray) -> np.ndarray:
    """Lay cells (N, O, S, P) out as the columns of a tile, (N, O·S·P)."""
    return np.ascontiguousarray(cells.reshape(len(cells), -1))


def by_slice(
    given: np.ndarray, slices_and_pair: tuple[int, int], *, pairs: Literal["subtract", "add"] = "subtract"
) -> np.ndarray:
    """Sort columns (…, O·S·P) by slice and output, (…, S, O).

    Args:
        given: what the columns give.
        slices_and_pair: S and P.
        pairs: whether the second of a pair counts negatively, or, as a variance, positively.
    """
    by_output = given.reshape(*given.shape[:-1], -1, *slices_and_pair)
    joined = by_output[..., 0]
    if slices_and_pair[1] == 2:
        joined = joined - by_output[..., 1] if pairs == "subtract" else joined + by_output[..., 1]
    return np.moveaxis(joined, -1, -2)
