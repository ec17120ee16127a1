"""Order of a board's rows and columns: the line of the target that each line of readings looks like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.runtime.board_check.assignment import cheapest_order
from crosscal.runtime.board_check.findings import Finding, fault, good, note, unknown

TEST = "order of rows and columns"

CLIP = 4.0
"""Deviations of a cell beyond which it speaks against its place no louder: a stuck cell is no wrong place.
Insensitive between 3 and 6."""

CERTAIN = 15.0
"""Logarithm of the likelihood by which another order must be better. By chance 3e-7 for each of the orders
that differ by two lines, for white noise."""

SPREAD = (0.02, 0.1)
"""Deviations that cells are first taken to have from their target: in parts of the largest conductance, and
of their own. The residuals then tell."""

RATIOS = (1 / 3, 3.0)
"""Range of a line's currents relative to the other lines': wires and channels leave a third at least."""

ALIKE = 0.5
"""Correlation of readings and target, lines' means removed, that shows that the matrix is there. By chance
two arrays of 50 cells or more stay below (3.5 standard errors of 1/√50)."""

CONTRAST = 3.0
"""Spread of the target over the error of the slopes that lets an order be told."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Order:
    """Finding about the order, and the target in the board's order [S], (N, M)."""

    finding: Finding
    shown_s: Matrix


def find_order(slope_s: Matrix, target_s: Matrix, error_s: float, columns: np.ndarray) -> Order:
    """Find the order that makes a target most likely, and whether it is more so than the target's own.

    Args:
        slope_s: apparent conductances, positive [S], (N, M).
        target_s: [S], (N, M).
        error_s: standard error of the slopes [S].
        columns: number of each column on the board, counted from 0, (M,).
    """
    spread_s = _pattern(target_s).std()
    if spread_s < max(CONTRAST * error_s, 1e-3 * np.abs(target_s).max()):
        return Order(
            finding=unknown(TEST, "the matrix has too little contrast; --program writes one that has enough"),
            shown_s=target_s,
        )
    found = max(_orders(slope_s, target_s, error_s, columns), key=lambda one: one[0])
    alike = _alike(slope_s, target_s)
    if found[0] > CERTAIN and _alike(slope_s, found[2]) > max(alike, ALIKE):
        return Order(finding=fault(TEST, f"{found[1]}; correct the channel map"), shown_s=found[2])
    if alike >= ALIKE:
        return Order(finding=_as_programmed(slope_s, target_s, error_s, columns, alike), shown_s=target_s)
    return Order(
        finding=fault(
            TEST,
            f"readings do not look like the matrix (correlation {alike:.2f}) in any order; check that the "
            "matrix was written, and which cells each channel reaches",
        ),
        shown_s=target_s,
    )


def _orders(
    slope_s: Matrix, target_s: Matrix, error_s: float, numbers: np.ndarray
) -> Iterator[tuple[float, str, Matrix]]:
    """Yield the likeliest orders of each kind: log-likelihood over the target's own, words, target (N, M)."""
    columns = cheapest_order(_costs(slope_s, target_s, error_s))
    rows = cheapest_order(_costs(slope_s.T, target_s.T, error_s))
    ways = [
        (_moves("columns", columns, numbers), target_s[:, columns]),
        (_moves("rows", rows, np.arange(len(rows))), target_s[rows]),
        ("rows and columns are reversed", target_s[::-1, ::-1]),
    ]
    if target_s.shape[0] == target_s.shape[1]:
        ways.append(("rows and columns are exchanged", target_s.T))
    for words, shown_s in ways:
        spread = _spread(slope_s, shown_s, error_s)
        better = [
            _cost(slope_s, matrix_s, spread) + _cost(slope_s.T, matrix_s.T, spread)
            for matrix_s in (target_s, shown_s)
        ]
        # Each cell was counted twice, once along its row and once along its column.
        yield (better[0] - better[1]) / 4.0, words, shown_s


def _as_programmed(
    slope_s: Matrix, target_s: Matrix, error_s: float, columns: np.ndarray, alike: float
) -> Finding:
    """Say that every line is in its place, but for those that cannot be told apart."""
    same = []
    ways = (
        ("rows", np.arange(len(slope_s)), slope_s.T, target_s.T),
        ("columns", columns, slope_s, target_s),
    )
    for lines, numbers, slopes_s, known_s in ways:
        costs = _costs(slopes_s, known_s, error_s)
        own = np.diag(costs)
        swapped = (costs + costs.T - own[:, None] - own[None, :]) / 2.0
        first, second = np.nonzero(np.triu(swapped < CERTAIN, 1))
        if first.size:
            pairs = zip(numbers[first[:4]] + 1, numbers[second[:4]] + 1, strict=True)
            named = ", ".join(f"{one} and {other}" for one, other in pairs)
            more = f" and {first.size - 4} pairs more" if first.size > 4 else ""
            same.append(f"{lines} {named}{more}")
    text = f"as programmed (correlation {alike:.2f})"
    if same:
        return note(
            TEST,
            f"{text}, but in this matrix some are too alike to be told apart: {'; '.join(same)} (counted "
            "from 1); --program writes one that tells more",
        )
    return good(TEST, text)


def _costs(slope_s: Matrix, target_s: Matrix, error_s: float) -> np.ndarray:
    """Twice the negative log-likelihood that column m of the slopes is column k of the target, (M, M)."""
    rough = (max(error_s, SPREAD[0] * float(np.abs(target_s).max())), SPREAD[1])
    order = cheapest_order(_columns_costs(slope_s, target_s, rough))
    return _columns_costs(slope_s, target_s, _spread(slope_s, target_s[:, order], error_s))


def _cost(slope_s: Matrix, target_s: Matrix, spread: tuple[float, float]) -> float:
    """Twice the negative log-likelihood that every column is in its place."""
    known_s = _rows_scaled(slope_s, target_s)
    return float(_column_costs(slope_s, known_s, _variance(known_s, spread)).sum())


def _columns_costs(slope_s: Matrix, target_s: Matrix, spread: tuple[float, float]) -> np.ndarray:
    known_s = _rows_scaled(slope_s, target_s)
    variance_s2 = _variance(known_s, spread)
    return np.stack(
        [
            _column_costs(np.broadcast_to(column_s[:, None], known_s.shape), known_s, variance_s2)
            for column_s in slope_s.T
        ]
    )


def _column_costs(slope_s: Matrix, known_s: Matrix, variance_s2: Matrix) -> np.ndarray:
    """Sum squared deviations of each pair of columns, one ratio for each fitted, (M,)."""
    norm = np.sum(known_s**2 / variance_s2, axis=0)
    ratio = np.sum(slope_s * known_s / variance_s2, axis=0) / np.maximum(norm, np.finfo(float).tiny)
    left_s = slope_s - np.clip(ratio, *RATIOS) * known_s
    return np.minimum(left_s**2 / variance_s2, CLIP**2).sum(axis=0)


def _rows_scaled(slope_s: Matrix, target_s: Matrix) -> Matrix:
    """Scale a target's rows to the currents of the rows, whatever the order of the columns."""
    known_s, seen_s = target_s.sum(axis=1), slope_s.sum(axis=1)
    overall = seen_s.sum() / known_s.sum()
    certain = known_s > 1e-3 * known_s.mean()
    ratio = np.where(certain, seen_s / np.where(certain, known_s, 1.0), overall)
    return target_s * np.clip(ratio, 0.0, RATIOS[1] * overall)[:, None]


def _variance(known_s: Matrix, spread: tuple[float, float]) -> Matrix:
    return spread[0] ** 2 + (spread[1] * known_s) ** 2


def _spread(slope_s: Matrix, target_s: Matrix, error_s: float) -> tuple[float, float]:
    """Estimate how cells deviate from a target: absolutely [S], by the small ones, and relatively."""
    known_s = _rows_scaled(slope_s, target_s)
    norm = np.maximum(np.sum(known_s**2, axis=0), np.finfo(float).tiny)
    ratio = np.clip(np.sum(slope_s * known_s, axis=0) / norm, *RATIOS)
    left_s = np.abs(slope_s - ratio * known_s)
    large = known_s > 0.3 * known_s.max()
    relative = 1.5 * float(np.median(left_s[large] / known_s[large]))
    absolute_s = 1.5 * float(np.median(left_s[~large])) if (~large).sum() >= 4 else 0.0
    return max(error_s, absolute_s, 1e-3 * float(known_s.max())), max(relative, 0.01)


def _moves(lines: str, order: np.ndarray, numbers: np.ndarray) -> str:
    places = np.arange(len(order))
    if (order == places[::-1]).all():
        return f"{lines} are reversed"
    moved = [f"{numbers[at] + 1} shows {numbers[order[at]] + 1}" for at in places if order[at] != at]
    more = f" and {len(moved) - 6} more" if len(moved) > 6 else ""
    return f"{lines} are permuted: {', '.join(moved[:6])}{more} (counted from 1)"


def _alike(slope_s: Matrix, target_s: Matrix) -> float:
    """Correlate two arrays, the parts that follow from their rows' and columns' sums removed."""
    lines = np.ix_(_answers(slope_s, target_s, 1), _answers(slope_s, target_s, 0))
    seen, known = _pattern(slope_s[lines]), _pattern(target_s[lines])
    scale = np.linalg.norm(seen) * np.linalg.norm(known)
    return float(np.sum(seen * known) / scale) if scale > 0.0 else 0.0


def _answers(slope_s: Matrix, target_s: Matrix, axis: int) -> np.ndarray:
    """Find lines that answer at all, relative to the others: dead ones show no pattern."""
    share = slope_s.sum(axis=axis) / np.maximum(target_s.sum(axis=axis), 1e-3 * target_s.mean())
    return share > 0.05 * np.median(share)


def _pattern(matrix_s: Matrix) -> Matrix:
    """Take off the product of row and column sums: wires and channel gains hardly enter [S]."""
    total_s = matrix_s.sum()
    return matrix_s - np.outer(matrix_s.sum(axis=1), matrix_s.sum(axis=0)) / (total_s or 1.0)
