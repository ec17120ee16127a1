"""What capacitors and inductors of the wires hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.simulated_bench.line_kernels import from_rows


@dataclass(frozen=True, slots=True)
class Storage:
    """One number for each element that stores: row nodes, column nodes, row segments, column segments.

    For states these are capacitor voltages [V] and inductor currents towards the held end [A]; for rates,
    capacitor currents [A] and inductor voltages [V]. Rows are laid out as row wires (M, N), columns (N, M);
    where segments have no inductors, theirs are (0, N) and (0, M).
    """

    row: np.ndarray
    column: np.ndarray
    row_segment: np.ndarray
    column_segment: np.ndarray

    def scaled(self, nodes: float, segments: float) -> Storage:
        """Nodes times one factor, segments times another."""
        row_segment, column_segment = segments * self.row_segment, segments * self.column_segment
        return Storage(nodes * self.row, nodes * self.column, row_segment, column_segment)

    def plus(self, *terms: tuple[float, Storage]) -> Storage:
        """Add weighted others."""
        sums = list(self._arrays())
        for weight, other in terms:
            for k, array in enumerate(other._arrays()):
                if array.size:
                    sums[k] = sums[k] + (array if weight == 1 else weight * array)
        return Storage(*sums)

    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self.row, self.column, self.row_segment, self.column_segment


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
        """Voltage of the row wire at each cell [V], (N, M)."""
        word_v = np.empty(self.cell_a.shape)
        from_rows(self.state.row, word_v)
        return word_v
