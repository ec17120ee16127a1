"""State of the wires' capacitors and inductors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.simulated_bench.circuit.kernels.line_kernels import from_rows


@dataclass(frozen=True, slots=True)
class Storage:
    """One number for each element that stores: row nodes, column nodes, row segments, column segments.

    For states these are capacitor voltages [V] and inductor currents towards the held end [A]; for rates,
    capacitor currents [A] and inductor voltages [V].

    Attributes:
        each: the four kinds one after another, (4, N·M); (2, N·M) where segments have no inductors.
        shape: of the array, (N, M).
    """

    each: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def empty(cls, shape: tuple[int, int], *, inductive: bool) -> Storage:
        """Make room for the elements of an array (N, M), with or without inductors."""
        return cls(np.zeros((4 if inductive else 2, shape[0] * shape[1])), shape)

    @property
    def row(self) -> np.ndarray:
        """Of the row nodes, laid out as row wires, (M, N)."""
        return self.each[0].reshape(self.shape[::-1])

    @property
    def column(self) -> np.ndarray:
        """Of the column nodes, (N, M)."""
        return self.each[1].reshape(self.shape)

    @property
    def row_segment(self) -> np.ndarray:
        """Of the row segments, laid out as row wires, (M, N)."""
        return self.each[2].reshape(self.shape[::-1])

    @property
    def column_segment(self) -> np.ndarray:
        """Of the column segments, (N, M)."""
        return self.each[3].reshape(self.shape)

    def scaled(self, nodes: float, segments: float) -> Storage:
        """Multiply nodes by one factor, segments by another."""
        factors = np.array([nodes, nodes, segments, segments])[: len(self.each), None]
        return Storage(factors * self.each, self.shape)


@dataclass(frozen=True, slots=True)
class Instant:
    """Everything there is to know of the array at one time.

    Attributes:
        time_s: when [s].
        drive_v: voltages of the rows' drivers [V], (N,).
        cell_a: current of each cell [A], (N, M).
        across_v: voltage across each cell [V], (N, M).
        slope_s: slope of each cell's law [S], (N, M).
        state: voltages of the nodes [V] and currents of the segments [A].
        rate: currents into the nodes' capacitors [A] and voltages across the segments' inductors [V].
        current_a: out of each column [A], (M,).
    """

    time_s: float
    drive_v: np.ndarray
    cell_a: np.ndarray
    across_v: np.ndarray
    slope_s: np.ndarray
    state: Storage
    rate: Storage
    current_a: np.ndarray

    @property
    def bit_v(self) -> np.ndarray:
        """Voltage of the column wire at each cell [V], (N, M)."""
        return self.state.column

    def word_v(self) -> np.ndarray:
        """Return the voltage of the row wire at each cell [V], (N, M)."""
        word_v = np.empty(self.cell_a.shape)
        from_rows(self.state.row, word_v)
        return word_v
