"""Arrays of resistors, solved once for all inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.faulty_newton import FaultyNewton
from crosscal.simulated_bench.circuit.direct_current.newton import DOUBLE, ITERATIONS_MOST
from crosscal.simulated_bench.circuit.kernels.line_by_line_kernels import row_contributions, unit_currents
from crosscal.simulated_bench.circuit.kernels.linear_kernels import prepare
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.circuit.workers import run_in_pieces, worker_count
from crosscal.simulated_bench.devices.ohmic import Ohmic

PART = 1e-14  # of the driven line's currents that may change in a further sweep
LIMITS = PART, DOUBLE, ITERATIONS_MOST
CELLS_AT_ONCE = 2**20  # currents that a worker holds at a time


def transfer_matrix(conductance_s: Matrix, *, wires: Wires) -> Matrix:
    """Solve an array of resistors once for all inputs: `current_a = transfer @ voltage_v`.

    Args:
        conductance_s: conductance of each cell [S], (N, M).
        wires: resistances of wires, drivers and amplifiers.

    Returns:
        Current of each column per volt on each row [S], (M, N); a batch is `voltage_v @ transfer.T`.

    Raises:
        ShapeError, RangeError, InputError: an argument that cannot be used; the message names the place.
    """
    circuit = Circuit.of(conductance_s, wires, Ohmic())
    return transfer_of_slopes(circuit, circuit.conductance_s)


def transfer_of_slopes(circuit: Circuit, slope_s: np.ndarray) -> np.ndarray:
    """Solve for the current of each column per volt on each row [S], (M, N), of given slopes [S], (N, M)."""
    if circuit.faults:
        return FaultyNewton(circuit).transfer(slope_s)
    return LinearResponse(circuit, slope_s).transfer()


class LinearResponse:
    """A circuit's wires with conductances as cells; every wire is factored once, together with its cells.

    Args:
        circuit: gives the wires.
        slope_s: conductances of the cells [S], (N, M).
    """

    def __init__(self, circuit: Circuit, slope_s: np.ndarray) -> None:
        self._shape = n, m = circuit.shape
        columns, rows = np.empty((n, m)), np.empty((m, n))
        prepare(slope_s, *circuit.wires, 0.0, columns, rows)
        self._prepared = slope_s, *circuit.wires, columns, rows

    def transfer(self) -> np.ndarray:
        """Solve for the current of each column per volt on each row [S], (M, N).

        The fewer of rows and columns are driven, one after another.
        """
        n, m = self._shape
        transfer_s = np.empty((m, n))

        def by_rows(piece: slice) -> None:
            cell_a = np.empty((piece.stop - piece.start, n, m))
            unit_currents(*self._prepared, piece.start, *LIMITS, cell_a)
            transfer_s[:, piece] = cell_a.sum(axis=1).T

        def by_columns(piece: slice) -> None:
            row_contributions(*self._prepared, piece.start, *LIMITS, transfer_s[piece])

        self._each(min(n, m), by_rows if n <= m else by_columns)
        return transfer_s

    def unit_currents(self) -> np.ndarray:
        """Solve for the currents of all cells per volt on each row [S], (N, N, M)."""
        n, m = self._shape
        cell_a = np.empty((n, n, m))
        self._each(n, lambda piece: unit_currents(*self._prepared, piece.start, *LIMITS, cell_a[piece]))
        return cell_a

    def _each(self, count: int, work: Callable[[slice], None]) -> None:
        few = CELLS_AT_ONCE // (self._shape[0] * self._shape[1])
        run_in_pieces(count, max(1, min(few, count // (4 * worker_count()))), lambda: work)
