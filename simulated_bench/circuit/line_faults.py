"""Faults of a crossbar's wires: broken segments, and lines stuck to ground or to a neighbour."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from crosscal.core.errors import InputError, RangeError, wanted

Line = Literal["row", "column"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A node on a wire: where the cell `cell` of the line `number` hangs on it, both counted from 0."""

    line: Line
    number: int
    cell: int

    def __post_init__(self) -> None:
        if self.line not in ("row", "column"):
            got = f"{type(self).__name__}.line = {self.line!r}"
            raise InputError(wanted(got=got, allowed="'row' or 'column'", remedy="correct it"))
        for name in ("number", "cell"):
            value = getattr(self, name)
            if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
                got = f"{type(self).__name__}.{name} = {value!r}"
                raise RangeError(wanted(got=got, allowed="a whole number from 0", remedy="correct it"))

    def require_within(self, rows: int, columns: int) -> None:
        """Refuse a place outside an array of N × M.

        Raises:
            RangeError: the message names it.
        """
        lines, cells = (rows, columns) if self.line == "row" else (columns, rows)
        last = lines - 2 if isinstance(self, BridgedLines) else lines - 1
        if self.number > last or self.cell >= cells:
            allowed = f"inside {rows} rows × {columns} columns, counted from 0"
            if isinstance(self, BridgedLines):
                allowed += "; a bridge joins a line and the next"
            raise RangeError(wanted(got=f"{self!r}", allowed=allowed, remedy="correct the place"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLine(_Place):
    """A broken segment: that cell, and all further out, are cut off from their driver or amplifier.

    Of a row the segment left of the cell is broken, of a column that below it.

    Attributes:
        line: `row` or `column`.
        number: of the line, counted from 0.
        cell: first cell cut off, seen from the driver or amplifier, counted from 0 along the line: a
            column of a row, a row of a column.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Short(_Place):
    ohm: float = 1.0

    def __post_init__(self) -> None:
        _Place.__post_init__(self)
        if not 0 < self.ohm < math.inf:
            got = f"{type(self).__name__}.ohm = {self.ohm!r} Ω"
            raise RangeError(
                wanted(got=got, allowed="finite, above 0", remedy="give the short's resistance in ohms")
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedLine(_Short):
    """A line stuck to ground at one of its cells.

    Attributes:
        line, number, cell: the place, as in `OpenLine`.
        ohm: resistance of the short [Ω].
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgedLines(_Short):
    """A line stuck to the next of its kind, at one of its cells.

    Attributes:
        line, number, cell: the place, as in `OpenLine`; the other end is the same cell of line `number + 1`.
        ohm: resistance of the bridge [Ω].
    """


LineFault = OpenLine | GroundedLine | BridgedLines
