"""Snapshot of a bench: target, actual array, node voltages, currents and readings."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.core.short_repr import ShortRepr
from crosscal.core.validation import real_array
from crosscal.firmware_models.board_settings import power_on_protection_v
from crosscal.simulated_bench.bench import Bench
from crosscal.simulated_bench.circuit.direct_current.solver import solve_dc
from crosscal.simulated_bench.circuit.solution import Solution
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices.law import CellLaw

TOLERANCE, ITERATIONS_MOST = 0.01, 50
"""Of write-verify, as a board has them after power-on."""

ROOM = 0.95  # of a range that currents may take when one is chosen for them
APERTURE_S = 1e-3  # the contract's power-on value (decision 11)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Snapshot(ShortRepr):
    """A bench with a matrix programmed and vectors applied.

    Attributes:
        target_s: target of the programming [S], (N, M).
        conductance_s: actual conductances [S], (N, M); 0 where open.
        cell_faults: `OPEN`, `SHORT`, `STUCK` or nothing, (N, M).
        amplifier_faults: whether an amplifier is broken, (M,).
        voltage_v: rounded drives [V], (B, N).
        wires: resistances, those of the amplifiers in their range included.
        device: the cells' law.
        range_a: full scale of the amplifiers [A].
        solution: true column currents (B, M), summed over the tiles if there are several, and node voltages
            (B, N, M), inside each tile.
        cell_a: current of every cell [A], (B, N, M).
        reading_a: readings of the board [A], (B, M); NaN where an amplifier is broken.
    """

    target_s: Matrix
    conductance_s: Matrix
    cell_faults: np.ndarray
    amplifier_faults: np.ndarray
    voltage_v: np.ndarray
    wires: Wires
    device: CellLaw
    range_a: float
    solution: Solution
    cell_a: np.ndarray
    reading_a: np.ndarray

    @property
    def ideal_a(self) -> np.ndarray:
        """Currents of the target without wires, on ohmic cells [A], (B, M)."""
        return self.voltage_v @ self.target_s


def program_bench(bench: Bench, target_s: Matrix) -> None:
    """Write a matrix by the bench's own write-verify.

    Raises:
        ShapeError, RangeError: a matrix that the board cannot be programmed to; the message names the cell.
    """
    facts = bench.facts
    target_s = real_array(target_s, "conductances")
    if target_s.shape != (facts.rows, facts.columns):
        got, allowed = f"a matrix of shape {target_s.shape}", f"({facts.rows}, {facts.columns})"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy="give one conductance per cell"))
    outside = ~((target_s >= facts.conductance_min_s) & (target_s <= facts.conductance_max_s))
    if outside.any():
        i, j = np.argwhere(outside)[0]
        got = f"target_s[{i}, {j}] = {target_s[i, j]:g} S"
        allowed = f"{facts.conductance_min_s:g} to {facts.conductance_max_s:g} S on this board"
        raise RangeError(wanted(got=got, allowed=allowed, remedy="correct that cell"))
    bench.begin_programming(array("d", target_s.ravel().tolist()), TOLERANCE)
    for _ in range(ITERATIONS_MOST):
        if bench.programming_iteration().finished:
            return


def take_snapshot(bench: Bench, target_s: Matrix, voltage_v: np.ndarray) -> Snapshot:
    """Solve the array of a programmed bench, and read it.

    The amplifiers stand in the smallest range that holds all currents.

    Args:
        bench: programmed to `target_s`.
        target_s: target of the programming [S], (N, M).
        voltage_v: vectors to apply [V], (B, N), within the board's protection after power-on; the drivers
            round them.

    Raises:
        ShapeError, RangeError: vectors that do not fit, or go beyond the protection.
        SolverError: no solution of the circuit was found.
    """
    vectors_v = real_array(voltage_v, "voltages")
    if vectors_v.ndim != 2 or vectors_v.shape[1] != bench.facts.rows or not len(vectors_v):
        got, allowed = f"vectors of shape {vectors_v.shape}", f"(batch, {bench.facts.rows})"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy="give one voltage per row"))
    protection_v = power_on_protection_v(bench.facts)
    require_protected(vectors_v, protection_v)
    rounded = bench.round_voltage(array("d", vectors_v.ravel().tolist()), protection_v)
    driven_v = np.asarray(rounded).reshape(vectors_v.shape)
    conductance_s = np.asarray(bench.true_conductance()).reshape(np.shape(target_s))
    range_index, solution = _in_smallest_range(bench, conductance_s, driven_v)
    reading = bench.measure(
        array("d", driven_v.ravel().tolist()),
        range_index=range_index,
        aperture_s=bench.round_aperture(APERTURE_S),
        averages=1,
        dwell_s=0.0,
    )
    return Snapshot(
        target_s=real_array(target_s, "conductances"),
        conductance_s=conductance_s,
        cell_faults=bench.cell_faults,
        amplifier_faults=bench.amplifier_faults,
        voltage_v=driven_v,
        wires=bench.wires(range_index),
        device=bench.device,
        range_a=bench.facts.ranges_a[range_index],
        solution=solution,
        cell_a=_cell_currents(bench, conductance_s, solution),
        reading_a=np.array(reading.current_a).reshape(len(driven_v), -1),
    )


def require_protected(voltage_v: np.ndarray, protection_v: float) -> None:
    """Refuse vectors (B, N) that a board would refuse.

    Raises:
        RangeError: a voltage beyond the protection; the message names row and vector, counted from 1.
    """
    beyond = np.argwhere(~(np.abs(voltage_v) <= protection_v))
    if len(beyond):
        k, i = (int(index) for index in beyond[0])
        got = f"{voltage_v[k, i]:g} V on row {i + 1} of vector {k + 1}"
        allowed = f"±{protection_v:g} V, the board's protection after power-on"
        raise RangeError(wanted(got=got, allowed=allowed, remedy="use smaller inputs"))


def _in_smallest_range(bench: Bench, conductance_s: Matrix, driven_v: np.ndarray) -> tuple[int, Solution]:
    """Find the range that holds the currents of every amplifier, and the solution in it."""
    ranges_a = bench.facts.ranges_a
    for index, range_a in enumerate(ranges_a[:-1]):
        solution, largest_a = _solved(bench, conductance_s, driven_v, index)
        if largest_a <= ROOM * range_a:
            return index, solution
    last = len(ranges_a) - 1
    return last, _solved(bench, conductance_s, driven_v, last)[0]


def _solved(
    bench: Bench, conductance_s: Matrix, driven_v: np.ndarray, range_index: int
) -> tuple[Solution, float]:
    """Solve all arrays of a board; return the largest current of an amplifier, too [A]."""
    batch, (rows, columns) = len(driven_v), conductance_s.shape
    current_a, nodes_v = np.zeros((batch, columns)), np.empty((2, batch, rows, columns))
    largest_a = 0.0
    for its_rows, its_columns, part in bench.arrays():
        wires, device = part.wires(range_index), part.device
        part_s = conductance_s[its_rows, its_columns]
        solution = solve_dc(part_s, driven_v[:, its_rows], wires=wires, device=device)
        current_a[:, its_columns] += solution.current_a
        nodes_v[:, :, its_rows, its_columns] = solution.word_v, solution.bit_v
        largest_a = max(largest_a, float(np.abs(solution.current_a).max()))
    return Solution(current_a=current_a, word_v=nodes_v[0], bit_v=nodes_v[1]), largest_a


def _cell_currents(bench: Bench, conductance_s: Matrix, solution: Solution) -> np.ndarray:
    """Evaluate the current of every cell [A], (B, N, M), by the law of its array."""
    cell_a = np.empty(solution.word_v.shape)
    for rows, columns, part in bench.arrays():
        part_s = np.ascontiguousarray(conductance_s[rows, columns])
        across_v = np.ascontiguousarray(solution.cell_v[:, rows, columns])
        part_a, slope_s = np.empty(across_v.shape), np.empty(across_v.shape)
        part.device.evaluate(part_s, across_v, part_a, slope_s)
        cell_a[:, rows, columns] = part_a
    return cell_a
