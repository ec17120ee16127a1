"""Faulty wires of one specimen: those that its settings name, and those drawn at random."""

from __future__ import annotations

import numpy as np

from crosscal.simulated_bench.circuit.line_faults import BridgedLines, GroundedLine, Line, LineFault, OpenLine
from crosscal.simulated_bench.settings.faults import FaultSettings


def drawn_line_faults(
    faults: FaultSettings, rows: int, columns: int, *, rng: np.random.Generator
) -> tuple[LineFault, ...]:
    """Gather the faulty wires of an array.

    Args:
        faults: named ones, and fractions of random ones.
        rows: N.
        columns: M.
        rng: consumed by the same amount whatever the fractions are.

    Returns:
        Faults counted from 0, each once. A bridge drawn on the last line joins it to
        the one before.
    """
    found: list[LineFault] = [
        _fault(
            one.kind,
            "row" if one.line == "ROW" else "column",
            one.number - 1,
            one.cell - 1,
            faults.line_short_ohm,
        )
        for one in faults.lines
    ]
    kinds = ("OPEN", "GROUND", "BRIDGE")
    limits = np.cumsum([faults.line_open_fraction, faults.line_ground_fraction, faults.line_bridge_fraction])
    both: tuple[tuple[Line, int, int], ...] = ("row", rows, columns), ("column", columns, rows)
    for line, count, cells in both:
        draws, places = rng.random(count), rng.integers(cells, size=count)
        for number in np.flatnonzero(draws < limits[-1]):
            kind = kinds[int(np.searchsorted(limits, draws[number], side="right"))]
            if kind == "BRIDGE" and count == 1:
                continue
            first = min(int(number), count - 2) if kind == "BRIDGE" else int(number)
            fault = _fault(kind, line, first, int(places[number]), faults.line_short_ohm)
            found.append(fault)
    return tuple(dict.fromkeys(found))


def cut_off(line_faults: tuple[LineFault, ...], rows: int, columns: int) -> np.ndarray:
    """Find the cells, (N, M), that a broken wire parts from driver or amplifier: no pulse reaches them."""
    cut = np.zeros((rows, columns), dtype=bool)
    for fault in line_faults:
        if isinstance(fault, OpenLine) and fault.line == "row":
            cut[fault.number, fault.cell :] = True
        elif isinstance(fault, OpenLine):
            cut[: fault.cell + 1, fault.number] = True
    return cut


def _fault(kind: str, line: Line, number: int, cell: int, ohm: float) -> LineFault:
    if kind == "OPEN":
        return OpenLine(line=line, number=number, cell=cell)
    short = GroundedLine if kind == "GROUND" else BridgedLines
    return short(line=line, number=number, cell=cell, ohm=ohm)
