"""Resistances of a crossbar's wires, drivers and amplifiers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.simulated_bench.circuit.checks import one_number
from crosscal.simulated_bench.circuit.line_faults import BridgedLines, GroundedLine, LineFault, OpenLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """Resistances between the drivers, the cells and the virtual grounds.

    Row `i` is driven at its left end through `source_ohm` and one full segment before the first cell; its
    right end is open. Column `j` is open at the top; one full segment and `sense_ohm` follow its last cell.
    Every resistance may be exactly zero.

    Attributes:
        row_ohm: one segment of a row wire [Ω].
        column_ohm: one segment of a column wire [Ω].
        source_ohm: output resistance of the drivers [Ω]; one number, or one per row.
        sense_ohm: input resistance of the amplifiers [Ω]; one number, or one per column.
        faults: broken segments and shorts, `OpenLine`, `GroundedLine` and `BridgedLines`.

    Raises:
        RangeError: a resistance is negative, infinite or not a number.
        ShapeError: `source_ohm` or `sense_ohm` is neither a number nor a flat list of numbers.
        InputError: something among the faults is none, or is there twice.
    """

    row_ohm: float = 0.0
    column_ohm: float = 0.0
    source_ohm: float | Sequence[float] = 0.0
    sense_ohm: float | Sequence[float] = 0.0
    faults: Sequence[LineFault] = ()

    def __post_init__(self) -> None:
        for name in ("row_ohm", "column_ohm"):
            object.__setattr__(self, name, _resistance(f"Wires.{name}", getattr(self, name)))
        for name in ("source_ohm", "sense_ohm"):
            object.__setattr__(self, name, _resistances(f"Wires.{name}", getattr(self, name)))
        object.__setattr__(self, "faults", _faults(self.faults))

    def source_of_rows_ohm(self, rows: int) -> np.ndarray:
        """Return the driver resistance of every row [Ω], (N,)."""
        return _one_each("Wires.source_ohm", self.source_ohm, rows, "row")

    def sense_of_columns_ohm(self, columns: int) -> np.ndarray:
        """Return the amplifier resistance of every column [Ω], (M,)."""
        return _one_each("Wires.sense_ohm", self.sense_ohm, columns, "column")


def _faults(faults: Sequence[LineFault]) -> tuple[LineFault, ...]:
    if not isinstance(faults, Sequence):
        got, allowed = f"Wires.faults = {faults!r}", "a list of line faults"
        raise InputError(wanted(got=got, allowed=allowed, remedy="put it into a list"))
    for k, fault in enumerate(faults):
        if not isinstance(fault, OpenLine | GroundedLine | BridgedLines):
            got, allowed = f"Wires.faults[{k}] = {fault!r}", "OpenLine, GroundedLine or BridgedLines"
            raise InputError(wanted(got=got, allowed=allowed, remedy="pass one of these"))
        if fault in faults[:k]:
            got, allowed = f"Wires.faults[{k}] = {fault!r} twice", "each fault once"
            raise InputError(wanted(got=got, allowed=allowed, remedy="leave one out"))
    return tuple(faults)


def _resistance(name: str, value: float) -> float:
    ohm = one_number(value)
    if math.isnan(ohm) and not isinstance(value, float):
        raise ShapeError(wanted(got=f"{name} = {value!r}", allowed="one number", remedy="give ohms"))
    if not (math.isfinite(ohm) and ohm >= 0):
        raise RangeError(
            wanted(got=f"{name} = {ohm!r} Ω", allowed="finite, 0 or more", remedy="give a resistance in ohms")
        )
    return ohm


def _resistances(name: str, value: float | Sequence[float]) -> float | tuple[float, ...]:
    """Keep one number; turn a list into a tuple, so that wires can be compared and hashed."""
    if np.ndim(value) == 0:
        return _resistance(name, value)  # pyright: ignore[reportArgumentType]  (rank 0 is a number)
    if np.ndim(value) != 1:
        got = f"{name} of shape {np.shape(value)}"
        raise ShapeError(
            wanted(got=got, allowed="a number or one per line", remedy="give a flat list of ohms")
        )
    values = value.tolist() if isinstance(value, np.ndarray) and not np.ma.isMaskedArray(value) else value
    return tuple(_resistance(f"{name}[{k}]", ohm) for k, ohm in enumerate(values))


def _one_each(name: str, value: float | Sequence[float], count: int, line: str) -> np.ndarray:
    if isinstance(value, Sequence) and len(value) != count:
        got = f"{name} with {len(value)} values for {count} {line}s"
        remedy = f"give one number, or one per {line} of the conductance matrix"
        raise ShapeError(wanted(got=got, allowed=f"1 or {count}", remedy=remedy))
    return np.full(count, value, dtype=np.float64)
