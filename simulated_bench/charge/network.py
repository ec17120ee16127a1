"""Network of cells, wires and stray capacitances between drivers and charge amplifiers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.charge.parasitics import ChargeParasitics
from crosscal.simulated_bench.charge.settling import settled


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeNetwork:
    """Cells, wires and stray capacitances, linear: `(s·C + G)·V = charges held before the step`.

    Potentials are numbered: drivers, wires, inputs of the amplifiers, ground. A wire without resistance is
    one node, and one with the driver or the amplifier at its end where nothing lies between. The amplifier's
    output is the unknown in place of its input, which is `offset − output / gain`: that stays regular for an
    infinite gain.

    Attributes:
        capacitance_f, conductance_s: charge and current out of each potential per volt; for an amplifier's
            input, out of its whole column. That a column keeps its charge is then an equation of its own,
            and not the small difference of large currents in a wire.
        rows, columns: N and M.
        wire_nodes: number of potentials of wires that are unknown.
    """

    capacitance_f: csr_array
    conductance_s: csr_array
    rows: int
    columns: int
    wire_nodes: int

    @classmethod
    def of(cls, capacitance_f: Matrix, parasitics: ChargeParasitics) -> ChargeNetwork:
        """Join the elements; the arguments have been checked."""
        n, m = capacitance_f.shape
        wires = parasitics.wires
        source_ohm = wires.source_of_rows_ohm(n) + wires.row_ohm
        sense_ohm = wires.sense_of_columns_ohm(m) + wires.column_ohm
        grid = np.arange(n * m).reshape(n, m)
        word = n + (grid if wires.row_ohm else np.broadcast_to(np.arange(n)[:, None], (n, m)))
        words = n * m if wires.row_ohm else n
        bit = n + words + (grid if wires.column_ohm else np.broadcast_to(np.arange(m), (n, m)))
        bits = n * m if wires.column_ohm else m
        inputs = n + words + bits + np.arange(m)
        ground = int(inputs[-1]) + 1
        nodes = np.arange(ground + 1)
        # A wire without any resistance to its end is that end.
        nodes[word[source_ohm == 0, 0]] = np.flatnonzero(source_ohm == 0)
        nodes[bit[-1, sense_ohm == 0]] = inputs[sense_ohm == 0]
        resistors = [
            (np.arange(n), word[:, 0], source_ohm),
            (bit[-1], inputs, sense_ohm),
        ]
        if wires.row_ohm:
            resistors.append((word[:, :-1], word[:, 1:], np.full((n, m - 1), wires.row_ohm)))
        if wires.column_ohm:
            resistors.append((bit[:-1], bit[1:], np.full((n - 1, m), wires.column_ohm)))
        conductors = [(a, b, np.divide(1.0, r, where=r > 0, out=np.zeros_like(r))) for a, b, r in resistors]
        conductors.append((word, bit, np.full((n, m), parasitics.leakage_s)))
        capacitors = [
            (word, bit, capacitance_f),
            (word, np.full((n, m), ground), np.full((n, m), parasitics.row_line_f)),
            (bit, np.full((n, m), ground), np.full((n, m), parasitics.column_line_f)),
            (inputs, np.full(m, ground), np.full(m, parasitics.input_f)),
        ]
        column_of = np.full(ground + 1, -1)
        column_of[bit], column_of[inputs] = inputs, inputs
        # Merged nodes leave their numbers empty: close the ranks, in order.
        kept, number = np.unique(nodes, return_inverse=True)
        column_of = np.where(column_of >= 0, number[column_of], -1)
        return cls(
            capacitance_f=_balances(capacitors, number, column_of),
            conductance_s=_balances(conductors, number, column_of),
            rows=n,
            columns=m,
            wire_nodes=len(kept) - n - m - 1,
        )

    def outputs_v(
        self,
        voltage_v: np.ndarray,
        *,
        feedback_f: np.ndarray,
        per_gain: float,
        offset_v: np.ndarray,
        window_s: float,
    ) -> np.ndarray:
        """Return the outputs of the amplifiers at the end of the window [V], (B, M).

        Args:
            voltage_v: of the rows, from the step on [V], (B, N).
            feedback_f: feedback capacitors [F], (M,).
            per_gain: 1 / gain.
            offset_v: input offsets [V], (M,).
            window_s: time since the step [s].
        """
        n, m, free = self.rows, self.columns, self.wire_nodes
        unknown = slice(n, n + free + m)
        nodes = n + free + m + 1
        held_v = np.zeros(nodes)
        # In reset the output is the input, and columns rest there.
        reset_v = offset_v / (1.0 + per_gain)
        held_v[n + free : n + free + m] = reset_v
        held_v[n : n + free] = self._resting(reset_v)
        driven_v = np.zeros((nodes, len(voltage_v)))
        driven_v[:n] = voltage_v.T
        driven_v[n + free : n + free + m] = offset_v[:, None]
        held_c = (self.capacitance_f @ held_v)[unknown]
        step_c = (self.capacitance_f @ driven_v)[unknown]
        step_a = (self.conductance_s @ driven_v)[unknown]
        # The feedback capacitor hangs between input and output, and was empty.
        step_c[free:] += (feedback_f * offset_v)[:, None]
        # Columns of the amplifiers stand for outputs, not inputs.
        of_outputs = diags_array(np.concatenate([np.ones(free), np.full(m, -per_gain)]))
        loop_f = diags_array(np.concatenate([np.zeros(free), -feedback_f * (1.0 + per_gain)]))
        inner_f = self.capacitance_f[unknown, unknown] @ of_outputs + loop_f
        inner_s = self.conductance_s[unknown, unknown] @ of_outputs

        def transform(frequency: complex) -> np.ndarray:
            right_c = held_c[:, None] - step_c - step_a / frequency
            return splu((inner_f * frequency + inner_s).tocsc()).solve(right_c.astype(complex))[free:]

        return settled(transform, window_s).T

    def _resting(self, reset_v: np.ndarray) -> np.ndarray:
        """Solve for the potentials of the wires before the step, rows at 0 V and columns in reset."""
        n, m, free = self.rows, self.columns, self.wire_nodes
        if free == 0 or not reset_v.any():
            return np.zeros(free)
        inner_s = self.conductance_s[n : n + free, n : n + free].tocsc()
        inputs_a = self.conductance_s[n : n + free, n + free : n + free + m] @ reset_v
        return splu(inner_s).solve(-inputs_a)


Elements = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def _balances(elements: Elements, number: np.ndarray, column_of: np.ndarray) -> csr_array:
    """Assemble two-ended elements.

    Args:
        elements: ends and values.
        number: of the potential that stands for each node.
        column_of: for each node of a column, the number of the amplifier's input; −1 for others.
    """
    size = int(number.max()) + 1
    inputs = np.unique(column_of[column_of >= 0])
    rows, columns, entries = [], [], []
    for one, other, value in elements:
        for near, far in ((one, other), (other, one)):
            own, across = number[near], column_of[near] != column_of[far]
            for row, counted in (
                (own, ~np.isin(own, inputs)),
                (column_of[near], across & (column_of[near] >= 0)),
            ):
                rows += [row[counted], row[counted]]
                columns += [number[near][counted], number[far][counted]]
                entries += [value[counted], -value[counted]]
    places = np.concatenate(rows), np.concatenate(columns)
    return coo_array((np.concatenate(entries), places), shape=(size, size)).tocsr()
