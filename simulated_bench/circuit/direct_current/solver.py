"""Direct-current solution of a crossbar with wires."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import ShapeError, wanted
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.faulty_newton import FaultyNewton
from crosscal.simulated_bench.circuit.direct_current.linear_response import LinearResponse
from crosscal.simulated_bench.circuit.direct_current.newton import Newton
from crosscal.simulated_bench.circuit.kernels.newton_kernels import column_currents, node_voltages
from crosscal.simulated_bench.circuit.kernels.work_arrays import spaced_arrays
from crosscal.simulated_bench.circuit.solution import Solution
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.circuit.workers import piece_size, run_in_pieces
from crosscal.simulated_bench.devices.law import CellLaw
from crosscal.simulated_bench.devices.ohmic import Ohmic

UNITS_MOST = 2**24  # node voltages of single rows that are kept for superposition: 128 MiB an array


def solve_dc(
    conductance_s: Matrix,
    voltage_v: np.ndarray,
    *,
    wires: Wires,
    device: CellLaw,
    start: Solution | None = None,
) -> Solution:
    """Solve for the currents and node voltages of a crossbar at rest.

    Args:
        conductance_s: nominal conductance of each cell [S], (N, M), 0 or more.
        voltage_v: input vectors [V], (N,) or (B, N).
        wires: resistances of wires, drivers and amplifiers, and faults of the wires if there are any.
        device: current–voltage law of the cells, such as `Ohmic()` or `Sinh()`.
        start: a solution of the same shape to start from, such as that before the cells drifted. The result
            is as accurate without it, only later. Where wires are faulty it is not used.

    Returns:
        Currents (M,) or (B, M) and node voltages (N, M) or (B, N, M). Kirchhoff's law holds at every node to
        1e-12 of the largest column current, or as far as double precision can tell node voltages apart.
        A batch of more vectors than rows on resistors is superposed from one solution per row.

    Raises:
        ShapeError, RangeError, InputError: an argument that cannot be used; the message names the place.
        SolverError: no solution of that accuracy was reached.
    """
    circuit = Circuit.of(conductance_s, wires, device)
    vectors_v, batched = circuit.drives(voltage_v)
    shape = (len(vectors_v), *circuit.shape)
    start_a = None if start is None else _start_currents(circuit, start, shape)
    current_a, word_v, bit_v = np.empty((shape[0], shape[2])), np.empty(shape), np.empty(shape)
    rows = circuit.shape[0]
    if circuit.faults:
        _solve_faulty(circuit, vectors_v, current_a, word_v, bit_v)
    elif isinstance(device, Ohmic) and len(vectors_v) > rows and rows * shape[1] * shape[2] <= UNITS_MOST:
        _superpose(circuit, vectors_v, current_a, word_v, bit_v)
    else:
        _solve(circuit, vectors_v, start_a, current_a, word_v, bit_v)
    if batched:
        return Solution(current_a=current_a, word_v=word_v, bit_v=bit_v)
    return Solution(current_a=current_a[0], word_v=word_v[0], bit_v=bit_v[0])


def solve_currents(
    conductance_s: Matrix, voltage_v: np.ndarray, *, wires: Wires, device: CellLaw
) -> np.ndarray:
    """Solve for the column currents alone: as `solve_dc`, without the memory that node voltages take.

    Args:
        conductance_s: nominal conductance of each cell [S], (N, M), 0 or more.
        voltage_v: input vectors [V], (N,) or (B, N).
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.

    Returns:
        Currents [A], (M,) or (B, M); those of a vector are the same to the bit in whatever batch it stands.

    Raises:
        ShapeError, RangeError, InputError, SolverError: as `solve_dc`.
    """
    circuit = Circuit.of(conductance_s, wires, device)
    vectors_v, batched = circuit.drives(voltage_v)
    current_a = np.empty((len(vectors_v), circuit.shape[1]))
    if circuit.faults:
        _solve_faulty(circuit, vectors_v, current_a)
    else:
        _solve(circuit, vectors_v, None, current_a, None, None)
    return current_a if batched else current_a[0]


def _solve(
    circuit: Circuit,
    voltage_v: np.ndarray,
    start_a: np.ndarray | None,
    current_a: np.ndarray,
    word_v: np.ndarray | None,
    bit_v: np.ndarray | None,
) -> None:
    """Solve drives (B, N) into currents (B, M) and, if wanted, node voltages (B, N, M), on all processors.

    Cell currents (B, N, M) to start from may be given.
    """
    size = piece_size(len(voltage_v), circuit.conductance_s.size)

    def begin() -> Callable[[slice], None]:
        newton, (work_a,) = Newton(circuit, size), spaced_arrays(1, (size, *circuit.shape))

        def solve(piece: slice) -> None:
            drive_v, cell_a = voltage_v[piece], work_a[: piece.stop - piece.start]
            if start_a is not None:
                cell_a[:] = start_a[piece]
            newton.solve(drive_v, cell_a, warm=start_a is not None)
            column_currents(cell_a, current_a[piece])
            if word_v is not None and bit_v is not None:
                node_voltages(cell_a, drive_v, *circuit.wires, word_v[piece], bit_v[piece])

        return solve

    run_in_pieces(len(voltage_v), size, begin)


def _solve_faulty(
    circuit: Circuit,
    voltage_v: np.ndarray,
    current_a: np.ndarray,
    word_v: np.ndarray | None = None,
    bit_v: np.ndarray | None = None,
) -> None:
    """Solve an array with faults on its wires, vector by vector; arguments as in `_solve`."""
    newton = FaultyNewton(circuit)

    def begin() -> Callable[[slice], None]:
        work_v = np.empty((2, *circuit.shape))

        def solve(piece: slice) -> None:
            for b in range(piece.start, piece.stop):
                nodes_v = work_v if word_v is None or bit_v is None else (word_v[b], bit_v[b])
                newton.solve(voltage_v[b], current_a[b], *nodes_v)

        return solve

    run_in_pieces(len(voltage_v), 1, begin)


def _superpose(
    circuit: Circuit, voltage_v: np.ndarray, current_a: np.ndarray, word_v: np.ndarray, bit_v: np.ndarray
) -> None:
    """Solve resistors for one volt on each row, and add up; arguments as in `_solve`."""
    rows, columns = circuit.shape
    unit_a, unit_word_v, unit_bit_v = np.empty((rows, columns)), *np.empty((2, rows, rows, columns))
    start_a = LinearResponse(circuit, circuit.conductance_s).unit_currents()
    _solve(circuit, np.eye(rows), start_a, unit_a, unit_word_v, unit_bit_v)
    np.matmul(voltage_v, unit_a, out=current_a)
    for units, total in ((unit_word_v, word_v), (unit_bit_v, bit_v)):
        np.matmul(voltage_v, units.reshape(rows, -1), out=total.reshape(len(voltage_v), -1))


def _start_currents(circuit: Circuit, start: Solution, shape: tuple[int, ...]) -> np.ndarray:
    """Evaluate the cell currents [A], (B, N, M), at the cell voltages of a start."""
    across_v = np.ascontiguousarray(start.cell_v)
    if across_v.shape not in (shape, shape[1:]) or across_v.size != np.prod(shape):
        got = f"a start with node voltages of shape {across_v.shape}"
        remedy = "start from a solution of as many vectors on an array of that size"
        raise ShapeError(wanted(got=got, allowed=f"{shape}", remedy=remedy))
    start_a, slope_s = np.empty(shape), np.empty(shape)
    circuit.device.evaluate(circuit.conductance_s, across_v.reshape(shape), start_a, slope_s)
    return start_a
