"""Operating point of an array as the initial state of transients."""

from __future__ import annotations

import numpy as np

from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.newton import Newton
from crosscal.simulated_bench.circuit.kernels.newton_kernels import node_voltages
from crosscal.simulated_bench.circuit.solution import Solution
from crosscal.simulated_bench.circuit.transient.storage import Instant, Storage


def solve_operating_point(
    circuit: Circuit, time_s: float, drive_v: np.ndarray, *, inductive: bool
) -> Instant:
    """Solve for the array at rest under drives [V], (N,); otherwise as `operating_point`.

    Raises:
        RangeError, SolverError: as `solve_dc`.
    """
    cell_a, word_v, bit_v = np.empty((3, 1, *circuit.shape))
    Newton(circuit, 1).solve(drive_v[None], cell_a)
    node_voltages(cell_a, drive_v[None], *circuit.wires, word_v, bit_v)
    solution = Solution(current_a=cell_a[0].sum(axis=0), word_v=word_v[0], bit_v=bit_v[0])
    return operating_point(circuit, time_s, drive_v, cell_a[0], solution, inductive=inductive)


def operating_point(
    circuit: Circuit,
    time_s: float,
    drive_v: np.ndarray,
    cell_a: np.ndarray,
    solution: Solution,
    *,
    inductive: bool,
) -> Instant:
    """Turn a direct-current solution into an instant: no current into capacitors, no voltage on inductors.

    Args:
        circuit: the array.
        time_s: when that is [s].
        drive_v: voltages of the rows' drivers [V], (N,).
        cell_a: current of each cell [A], (N, M).
        solution: the solution at these drives.
        inductive: whether the wires have inductors.
    """
    state, rate = (Storage.empty(circuit.shape, inductive=inductive) for _ in range(2))
    state.row[:], state.column[:] = solution.word_v.T[::-1], solution.bit_v
    if inductive:
        state.row_segment[:] = -np.cumsum(cell_a.T[::-1], axis=0)
        state.column_segment[:] = np.cumsum(cell_a, axis=0)
    across_v, slope_s, law_a = solution.cell_v, np.empty_like(cell_a), np.empty_like(cell_a)
    circuit.device.evaluate(circuit.conductance_s, across_v[None], law_a[None], slope_s[None])
    return Instant(time_s, drive_v, cell_a, across_v, slope_s, state, rate, solution.current_a)
