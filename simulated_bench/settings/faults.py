"""Table `[faults]` of a `bench.toml`: faults from the start, and rates of later ones."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from crosscal.simulated_bench.settings.table import Fraction, Lines, NonNegative, Positive, Table


class CellFault(Table, frozen=True, kw_only=True):
    """One broken cell, counted from 1: `OPEN`, `SHORT`, or `STUCK` at the lowest conductance."""

    row: Lines
    column: Lines
    kind: Literal["OPEN", "SHORT", "STUCK"]


class LineFaultSettings(Table, frozen=True, kw_only=True):
    """One faulty wire: its number and cell, counted from 1.

    `OPEN`: broken between that cell and the driver or amplifier; `GROUND`: stuck to ground there; `BRIDGE`:
    stuck to the next line of its kind there.
    """

    line: Literal["ROW", "COLUMN"]
    number: Lines
    cell: Lines
    kind: Literal["OPEN", "GROUND", "BRIDGE"]


class FaultSettings(Table, frozen=True, kw_only=True):
    """`[faults]`: faults from the start, and rates of those that occur as bench time passes.

    The fractions of cells that are stuck at the lowest or highest conductance, open or short (Chen et al.
    2014 report 0.0904 and 0.0175 for the first two), and the fractions of lines that are broken, grounded or
    bridged at one of their cells, are drawn from the board's own seed. The rates are those of each single
    cell or amplifier: a cell breaks open, short, or gets stuck where it stands.
    """

    short_s: Positive = 10e-3
    stuck_low_fraction: Fraction = 0.0
    stuck_high_fraction: Fraction = 0.0
    open_fraction: Fraction = 0.0
    short_fraction: Fraction = 0.0
    cells: tuple[CellFault, ...] = ()
    line_open_fraction: Fraction = 0.0
    line_ground_fraction: Fraction = 0.0
    line_bridge_fraction: Fraction = 0.0
    line_short_ohm: Positive = 1.0
    lines: tuple[LineFaultSettings, ...] = ()
    amplifiers: tuple[Lines, ...] = ()
    open_per_hour: NonNegative = 0.0
    short_per_hour: NonNegative = 0.0
    stuck_per_hour: NonNegative = 0.0
    amplifier_per_hour: NonNegative = 0.0

    def __post_init__(self) -> None:
        of_cells = "stuck_low_fraction", "stuck_high_fraction", "open_fraction", "short_fraction"
        of_lines = "line_open_fraction", "line_ground_fraction", "line_bridge_fraction"
        for names in (of_cells, of_lines):
            if sum(getattr(self, name) for name in names) > 1.0:
                raise ValueError(f"{', '.join(names)}: allowed: at most 1 together")

    def require_within(self, rows: int, columns: int, tile: tuple[int, int]) -> None:
        """Refuse places outside the array, and bridges from one tile to the next.

        Raises:
            ValueError: the message names the key and the place.
        """
        inside = f"inside {rows}×{columns}, counted from 1"
        for fault in self.cells:
            if fault.row > rows or fault.column > columns:
                got = f"row {fault.row}, column {fault.column}"
                raise ValueError(f"faults.cells: got {got}; allowed: {inside}")
        for column in self.amplifiers:
            if column > columns:
                raise ValueError(f"faults.amplifiers: got column {column}; allowed: 1 to {columns}")
        for fault in self.lines:
            of_row = fault.line == "ROW"
            count, cells = (rows, columns) if of_row else (columns, rows)
            last_of_tile = fault.number % tile[0 if of_row else 1] == 0
            if fault.number > count or fault.cell > cells or (fault.kind == "BRIDGE" and last_of_tile):
                got = f"{fault.kind} of {fault.line} {fault.number} at cell {fault.cell}"
                raise ValueError(
                    f"faults.lines: got {got}; allowed: {inside}, a bridge with a line after it in its tile"
                )

    def inside(self, rows: slice, columns: slice) -> FaultSettings:
        """Keep the named faults inside some rows and columns, counted from there; the rest stays."""
        up, left = rows.start, columns.start

        def holds(row: int, column: int) -> bool:
            return rows.start < row <= rows.stop and columns.start < column <= columns.stop

        cells = tuple(
            replace(one, row=one.row - up, column=one.column - left)
            for one in self.cells
            if holds(one.row, one.column)
        )
        lines = []
        for one in self.lines:
            along_row = one.line == "ROW"
            row, column = (one.number, one.cell) if along_row else (one.cell, one.number)
            if holds(row, column):
                row, column = row - up, column - left
                number, cell = (row, column) if along_row else (column, row)
                lines.append(replace(one, number=number, cell=cell))
        amplifiers = tuple(
            column - left for column in self.amplifiers if columns.start < column <= columns.stop
        )
        return replace(self, cells=cells, lines=tuple(lines), amplifiers=amplifiers)

    @property
    def of_lines(self) -> bool:
        """Whether any wire is or may be faulty."""
        drawn = self.line_open_fraction + self.line_ground_fraction + self.line_bridge_fraction
        return bool(self.lines) or drawn > 0
