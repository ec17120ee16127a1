"""Derivatives of the column currents by the drives, and the transfer matrix of a linear array."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.simulated_bench.circuit import Circuit
from crosscal.simulated_bench.devices.law import CellLaw
from crosscal.simulated_bench.devices.ohmic import Ohmic
from crosscal.simulated_bench.direct_current import solve_dc
from crosscal.simulated_bench.linear_kernels import prepare
from crosscal.simulated_bench.newton import DOUBLE, ITERATIONS_MOST
from crosscal.simulated_bench.sensitivity_kernels import responses
from crosscal.simulated_bench.wires import Wires
from crosscal.simulated_bench.workers import share, worker_count

PART = 1e-14  # of the driven line's currents that may change in a further sweep


def transfer_matrix(conductance_s: np.ndarray, *, wires: Wires) -> np.ndarray:
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
    return linear_transfer(circuit, circuit.conductance_s)


def sensitivity(
    conductance_s: np.ndarray, voltage_v: np.ndarray, *, wires: Wires, device: CellLaw
) -> np.ndarray:
    """Derivatives of the column currents by the drives, at given drives.

    Exact up to rounding: the equations of the solved circuit are differentiated, not the solution.

    Args:
        conductance_s: nominal conductance of each cell [S], (N, M).
        voltage_v: drives at which to differentiate [V], (N,) or (B, N).
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.

    Returns:
        `J[..., j, i]`, change of column j's current by row i's drive [S], (M, N) or (B, M, N).

    Raises:
        ShapeError, RangeError, InputError, SolverError: as `solve_dc`.
    """
    circuit = Circuit.of(conductance_s, wires, device)
    across_v = solve_dc(conductance_s, voltage_v, wires=wires, device=device).cell_v
    batch_v = np.ascontiguousarray(across_v.reshape(-1, *circuit.shape))
    law_a, slope_s = np.empty_like(batch_v), np.empty_like(batch_v)
    device.evaluate(circuit.conductance_s, batch_v, law_a, slope_s)
    jacobian_s = np.array([linear_transfer(circuit, one_s) for one_s in slope_s])
    rows, columns = circuit.shape
    return jacobian_s.reshape(*across_v.shape[:-2], columns, rows)


def linear_transfer(circuit: Circuit, slope_s: np.ndarray) -> np.ndarray:
    """Transfer matrix [S], (M, N), of the circuit's wires with these conductances [S], (N, M), as cells.

    The fewer of rows and columns are driven one after another; the wires are factored once.
    """
    n, m = circuit.shape
    columns, rows = np.empty((n, m)), np.empty((m, n))
    prepare(slope_s, *circuit.wires, columns, rows)
    transfer_s = np.empty((m, n))
    count = min(n, m)

    def begin() -> Callable[[slice], None]:
        def drive(piece: slice) -> None:
            lines = n <= m, piece.start, piece.stop
            prepared = slope_s, *circuit.wires, columns, rows
            responses(*prepared, *lines, PART, DOUBLE, ITERATIONS_MOST, transfer_s)

        return drive

    share(count, -(-count // (4 * worker_count())), begin)
    return transfer_s
