"""The direct-current solution of a crossbar with wires."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.simulated_bench.circuit import Circuit
from crosscal.simulated_bench.devices.law import CellLaw
from crosscal.simulated_bench.newton import Newton
from crosscal.simulated_bench.solution import Solution
from crosscal.simulated_bench.wires import Wires
from crosscal.simulated_bench.workers import piece_size, share


def solve_dc(
    conductance_s: np.ndarray,
    voltage_v: np.ndarray,
    *,
    wires: Wires,
    device: CellLaw,
) -> Solution:
    """Solve for the currents and node voltages of a crossbar at rest.

    Args:
        conductance_s: nominal conductance of each cell [S], (N, M), 0 or more.
        voltage_v: input vectors [V], (N,) or (B, N).
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells, such as `Ohmic()` or `Sinh()`.

    Returns:
        Currents (M,) or (B, M) and node voltages (N, M) or (B, N, M). Kirchhoff's law holds at every node to
        1e-12 of the largest column current, or as far as double precision can tell node voltages apart.

    Raises:
        ShapeError, RangeError, InputError: an argument that cannot be used; the message names the place.
        SolverError: no solution of that accuracy was reached.
    """
    circuit = Circuit.of(conductance_s, wires, device)
    vectors_v, batched = circuit.drives(voltage_v)
    count, (rows, columns) = len(vectors_v), circuit.shape
    current_a = np.empty((count, columns))
    word_v, bit_v = np.empty((count, rows, columns)), np.empty((count, rows, columns))
    size = piece_size(count, rows * columns)

    def begin() -> Callable[[slice], None]:
        newton, cells_a = Newton(circuit, size), np.empty((size, rows, columns))

        def solve(piece: slice) -> None:
            cell_a = cells_a[: piece.stop - piece.start]
            newton.solve(vectors_v[piece], cell_a, word_v[piece], bit_v[piece])
            current_a[piece] = cell_a.sum(axis=1)

        return solve

    share(count, size, begin)
    if batched:
        return Solution(current_a=current_a, word_v=word_v, bit_v=bit_v)
    return Solution(current_a=current_a[0], word_v=word_v[0], bit_v=bit_v[0])
