"""Equations of a crossbar with faults on its wires.

Without faults, the cells' currents q determine all voltages: `across = drive − A·q`. Each fault adds one
unknown x and one linear condition. For a short x is its current and the condition Ohm's law along it; for a
broken segment x is the floating voltage of the part cut off, and the condition that no current leaves that
part. Both act on the voltages through the same numbers T, because the wires are reciprocal:

    across = drive − A·q + Tᵀ·x        C·drive + T·q + H·x = 0
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from crosscal.core.errors import InputError, wanted
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.line_faults import BridgedLines, GroundedLine, LineFault, OpenLine


class FaultyWires:
    """The matrices of K faults in a circuit of N × M.

    Attributes:
        word_v, bit_v: contribution of one unit of each unknown to the row nodes and column nodes, (K, N, M).
        across_v: their difference T, (K, N, M).
        own: H, each condition's share of each unknown, (K, K).
        drive: C, each condition's share of each drive, (K, N).
        leaving: part of each unknown that leaves through each amplifier, (M, K).
    """

    def __init__(self, circuit: Circuit) -> None:
        """Work out the matrices.

        Raises:
            InputError: a part of a wire is joined to no driver, amplifier or ground; the message names it.
        """
        _require_held(circuit)
        rows, columns = circuit.shape
        count = len(circuit.faults)
        self.word_v, self.bit_v = np.zeros((2, count, rows, columns))
        self.drive, self.leaving = np.zeros((count, rows)), np.zeros((columns, count))
        for k, fault in enumerate(circuit.faults):
            if isinstance(fault, OpenLine):
                self._cut(k, fault)
                continue
            for number, sign in _ends(fault):
                self._draw(circuit, k, fault, number, sign)
        self.across_v = self.word_v - self.bit_v
        self.own = np.zeros((count, count))
        for k, fault in enumerate(circuit.faults):
            if isinstance(fault, OpenLine):
                continue
            for number, sign in _ends(fault):
                node = (number, fault.cell) if fault.line == "row" else (fault.cell, number)
                self.own[k] += sign * (self.word_v if fault.line == "row" else self.bit_v)[:, *node]
            self.own[k, k] -= fault.ohm
        for k, fault in enumerate(circuit.faults):
            if isinstance(fault, OpenLine):
                self.own[k] = self.own[:, k]  # what a short draws from a part counts as the part moves it

    def _cut(self, k: int, fault: OpenLine) -> None:
        if fault.line == "row":
            self.word_v[k, fault.number, fault.cell :] = 1.0
        else:
            self.bit_v[k, : fault.cell + 1, fault.number] = 1.0

    def _draw(self, circuit: Circuit, k: int, fault: LineFault, number: int, sign: float) -> None:
        """Enter the fall of a whole line's voltage for one ampere drawn from one of its nodes."""
        rows, columns = circuit.shape
        if fault.line == "row":
            segments = np.minimum(np.arange(columns), fault.cell) + 1
            self.word_v[k, number] = -sign * (circuit.source_ohm[number] + circuit.row_ohm * segments)
            self.drive[k, number] = sign
        else:
            segments = rows - np.maximum(np.arange(rows), fault.cell)
            self.bit_v[k, :, number] = -sign * (circuit.sense_ohm[number] + circuit.column_ohm * segments)
            self.leaving[number, k] = -sign


def _ends(fault: LineFault) -> list[tuple[int, float]]:
    """List the lines that a short draws its current from, +1, or feeds it into, −1."""
    if isinstance(fault, BridgedLines):
        return [(fault.number, 1.0), (fault.number + 1, -1.0)]
    return [(fault.number, 1.0)]


def _require_held(circuit: Circuit) -> None:
    """Refuse parts of wires that nothing holds: their voltage would be arbitrary.

    Raises:
        InputError: the message names the first node of such a part.
    """
    rows, columns = circuit.shape
    row_part, column_part = (np.zeros((rows, columns), dtype=np.int64) for _ in range(2))
    for fault in circuit.faults:
        if isinstance(fault, OpenLine) and fault.line == "row":
            row_part[fault.number, fault.cell :] += 1
        elif isinstance(fault, OpenLine):
            column_part[: fault.cell + 1, fault.number] += 1
    # one vertex for all that is held, then a block for each line with room for every part it may fall into
    room = len(circuit.faults) + 1
    row_vertex = 1 + room * np.arange(rows)[:, None] + row_part
    column_vertex = 1 + room * (rows + np.arange(columns)) + column_part
    conducts = circuit.conductance_s > 0
    joins = [(row_vertex[conducts], column_vertex[conducts])]
    for vertex, part in ((row_vertex, row_part), (column_vertex, column_part)):
        held = vertex[part == 0]
        joins.append((held, np.zeros_like(held)))
    for fault in circuit.faults:
        if isinstance(fault, OpenLine):
            continue
        vertex = row_vertex if fault.line == "row" else column_vertex.T
        end = vertex[fault.number, fault.cell]
        other = 0 if isinstance(fault, GroundedLine) else vertex[fault.number + 1, fault.cell]
        joins.append((np.array([end]), np.array([other])))
    first, second = (np.concatenate(ends) for ends in zip(*joins, strict=True))
    size = 1 + room * (rows + columns)
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(size, size))
    _, group = connected_components(graph, directed=False)
    for line, vertex in (("row", row_vertex), ("column", column_vertex)):
        floats = group[vertex] != group[0]
        if floats.any():
            i, j = (int(k) for k in np.argwhere(floats)[0])
            got = f"a floating node: the {line} wire at cell [{i}, {j}], cut off from driver and amplifier"
            allowed = "wires that cells or shorts still join to something"
            remedy = "let a cell on that part conduct, or move the break"
            raise InputError(wanted(got=got, allowed=allowed, remedy=remedy))
