"""Names of what broke: cells and lines that lie far beyond the board's programming, by all that is known.

Readings that contradict what was known tell of a break now; a read-back or earlier vectors told of others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from crosscal.core.array_types import Float
from crosscal.runtime.recalibration.breaks.finding import ANYWHERE, BREAKS, Breaks
from crosscal.runtime.recalibration.outliers import NORMAL_DEVIATION
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET, ColumnPosterior

_NAMED_FROM = 0.2
"""Relative change from which a cell is named: what moved less is part of how well the board programs."""

_EXACT = 1e-4  # relative: cells are programmed no better than this

_ALIKE_CELLS = 32
"""Cells of similar conductance that tell how far such cells have moved; their median is some 15 % off."""

_OPEN_BELOW, _SHORT_ABOVE = 0.1, 3.0  # of the target: what a break is called, and no more


class BreakKind(StrEnum):
    """Kind of a broken cell or line."""

    OPEN = "open"
    SHORT = "short"
    MOVED = "moved"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenCell:
    """A cell that lies far from its target.

    Attributes:
        row, column: counted from 1.
        kind: open, short, or moved: stuck, or relaxed far.
        ratio: of its conductance to that which it was taken to have.
        probability: that it is this very cell.
    """

    row: int
    column: int
    kind: BreakKind
    ratio: float
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenLine:
    """A row or a column of which most cells carry nothing, or all of them far more or less than they should.

    Attributes:
        line: counted from 1.
        kind: open, short, or moved; unexplained for a column whose readings no change of its cells explains,
            as with a short that pulls a row and a column together.
        probability: that it is the line.
    """

    line: int
    kind: BreakKind
    probability: float


Broken = tuple[tuple[BrokenCell, ...], tuple[BrokenLine, ...], tuple[BrokenLine, ...]]
"""Broken cells, rows and columns."""


def name_breaks(
    breaks: Breaks,
    posterior: ColumnPosterior,
    unexplained: np.ndarray,
    usual: Float[np.ndarray, "columns rows"],
    conductance_s: Float[np.ndarray, "rows columns"],
) -> Broken:
    """Name broken cells, rows and columns, once the readings were learned from.

    Args:
        breaks: as the readings contradict what was known before.
        posterior: given the readings.
        unexplained: whether a column's readings remain unexplained, (M,); its cells are not named.
        usual: standard deviation of cells' relative errors by the board's law.
        conductance_s: target [S].
    """
    likely = breaks.probability.copy()
    likely[:, CELLS:] = np.maximum(likely[:, CELLS:], _known_far(posterior, usual, conductance_s.T))
    likely[unexplained] = 0.0
    likely[:, OFFSET] = 0.0
    likely[np.abs(posterior.mean) < _NAMED_FROM] = 0.0
    total = posterior.mean[:, CELLS:] + posterior.mean[:, GAIN, None]
    rows = _lines(np.maximum(breaks.row_probability, _of_line(likely[:, CELLS:], axis=0)), total.T)
    columns = [
        BrokenLine(line=int(m) + 1, kind=BreakKind.UNEXPLAINED, probability=1.0)
        for m in np.flatnonzero(unexplained)
    ]
    columns += _lines(np.maximum(likely[:, GAIN], _of_line(likely[:, CELLS:], axis=1)), total)
    in_lines = {row.line for row in rows}, {column.line for column in columns}
    cells = [
        BrokenCell(
            row=int(n) + 1,
            column=int(m) + 1,
            kind=_kind(total[m, n]),
            ratio=max(1.0 + float(total[m, n]), 0.0),
            probability=float(likely[m, CELLS + n]),
        )
        for n, m in zip(*np.nonzero(likely[:, CELLS:].T > 0.5), strict=True)
        if n + 1 not in in_lines[0] and m + 1 not in in_lines[1]
    ]
    return tuple(cells), tuple(rows), tuple(columns)


def _lines(probability: np.ndarray, total: np.ndarray) -> list[BrokenLine]:
    """Lines that broke by their probabilities, (L,), and the changes of their cells, (L, cells)."""
    change = np.median(total, axis=1)
    return [
        BrokenLine(line=int(n) + 1, kind=_kind(change[n]), probability=float(probability[n]))
        for n in np.flatnonzero((probability > 0.5) & (np.abs(change) >= _NAMED_FROM))
    ]


def _of_line(likely: np.ndarray, *, axis: int) -> np.ndarray:
    """Probability that a line broke, by those of its cells: if most did, none is named one by one."""
    return np.where((likely > 0.5).mean(axis=axis) > 0.5, np.median(likely, axis=axis), 0.0)


def _known_far(
    posterior: ColumnPosterior, usual: np.ndarray, conductance_s: np.ndarray
) -> Float[np.ndarray, "columns rows"]:
    """Probability that a cell broke by where it is known to lie, against how far cells like it lie."""
    change = posterior.mean[:, CELLS:]
    known = np.diagonal(posterior.covariance, axis1=1, axis2=2)[:, CELLS:]
    moved = _moved(np.abs(change), conductance_s)
    narrow = np.maximum(np.maximum(usual, moved), _EXACT) ** 2 + known
    wide = np.maximum(ANYWHERE**2, change**2) + known
    log_odds = np.log(BREAKS) + 0.5 * np.log(narrow / wide) + 0.5 * change**2 * (1.0 / narrow - 1.0 / wide)
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -500.0, 500.0)))


def _moved(size: np.ndarray, conductance_s: np.ndarray) -> np.ndarray:
    """Scatter of cells like each one, relative: where all moved, by drift or a bake, none is broken for it.

    Cells of similar conductance tell; among them, drift moves all alike, or small cells relatively more.
    """
    found = np.empty(size.size)
    order = np.argsort(conductance_s, axis=None)
    for alike in np.array_split(order, max(1, size.size // _ALIKE_CELLS)):
        own_s = np.maximum(conductance_s.flat[alike], np.finfo(float).tiny)
        relative = np.median(size.flat[alike])
        found[alike] = np.maximum(relative, np.median(size.flat[alike] * own_s) / own_s)
    return NORMAL_DEVIATION * found.reshape(size.shape)


def _kind(change: float) -> BreakKind:
    if 1.0 + change < _OPEN_BELOW:
        return BreakKind.OPEN
    return BreakKind.SHORT if 1.0 + change > _SHORT_ABOVE else BreakKind.MOVED
