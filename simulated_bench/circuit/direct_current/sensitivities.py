"""Derivatives of the column currents by the drives."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.linear_response import transfer_of_slopes
from crosscal.simulated_bench.circuit.direct_current.solver import solve_dc
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices.law import CellLaw


def sensitivity(conductance_s: Matrix, voltage_v: np.ndarray, *, wires: Wires, device: CellLaw) -> np.ndarray:
    """Differentiate the column currents by the drives, at given drives.

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
    rows, columns = circuit.shape
    jacobian_s = np.empty((len(slope_s), columns, rows))
    for one_s, answer_s in zip(slope_s, jacobian_s, strict=True):
        answer_s[:] = transfer_of_slopes(circuit, one_s)
    return jacobian_s.reshape(*across_v.shape[:-2], columns, rows)
