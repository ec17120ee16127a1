"""Linear assignment: the cheapest way to pair lines with lines (Kuhn 1955, as Jonker and Volgenant 1987)."""

from __future__ import annotations

import numpy as np


def cheapest_order(cost: np.ndarray) -> np.ndarray:
    """Find the order of columns that makes the sum of `cost[line, order[line]]` least, (n,).

    Shortest augmenting paths, O(n³). Equal sums: no other order is taken than the lines' own.

    Args:
        cost: finite, (n, n).
    """
    count = len(cost)
    # The slightest advantage for the lines' own places decides between equal sums.
    padded = cost + (1.0 - np.eye(count)) * 1e-9 * (np.abs(cost).max() or 1.0)
    row_price, column_price = np.zeros(count), np.zeros(count + 1)
    row_of = np.full(count + 1, -1)
    for row in range(count):
        _augment(padded, row, row_price, column_price, row_of)
    order = np.empty(count, dtype=int)
    order[row_of[:count]] = np.arange(count)
    return order


def _augment(
    cost: np.ndarray, row: int, row_price: np.ndarray, column_price: np.ndarray, row_of: np.ndarray
) -> None:
    """Pair one more row along the cheapest path of changes; the last column stands for none."""
    count = len(cost)
    row_of[count] = row
    column = count
    least = np.full(count, np.inf)
    before = np.full(count, count)
    done = np.zeros(count + 1, dtype=bool)
    while row_of[column] >= 0:
        done[column] = True
        at = row_of[column]
        reduced = cost[at] - row_price[at] - column_price[:count]
        closer = ~done[:count] & (reduced < least)
        least[closer], before[closer] = reduced[closer], column
        following = int(np.argmin(np.where(done[:count], np.inf, least)))
        step = least[following]
        row_price[row_of[done]] += step
        column_price[done] -= step
        least[~done[:count]] -= step
        column = following
    while column != count:
        row_of[column] = row_of[before[column]]
        column = before[column]
    row_of[count] = -1
