"""Currents of the columns under fluctuating cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.errors import InputError, wanted
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.linear_response import LinearResponse
from crosscal.simulated_bench.circuit.direct_current.solver import solve_currents, solve_dc
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.circuit.workers import run_in_pieces
from crosscal.simulated_bench.devices import CellLaw, Ohmic
from crosscal.simulated_bench.variability.fluctuation import CellState, Fluctuation, ReadTiming

CONDUCTANCES_AT_ONCE = 2**21
"""Bounds the memory of fluctuating cells; their noise is the same whatever it is."""

RELATIVE_STEP = 1e-4
"""Of a conductance, to differentiate a law by it; central, and laws are nearly linear in it."""


def added_currents(
    fluctuation: Fluctuation,
    cells: CellState,
    pace: ReadTiming,
    voltage_v: Vectors,
    settled_a: Currents,
    warm_s: np.ndarray | None = None,
    *,
    wires: Wires,
    device: CellLaw,
) -> Currents:
    """Read vectors one after another, and return the contribution of the cells' noise to the currents.

    Args:
        fluctuation: of the cells; it goes on by one reading per vector.
        cells: as they are.
        pace: of the vectors.
        voltage_v: [V], (B, N).
        settled_a: currents that flow without noise [A], (B, M).
        warm_s: conductances under each vector [S], (B, N, M); None if they are those of `cells` alone.
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.

    Returns:
        [A], (B, M).

    Raises:
        ShapeError, RangeError, InputError, SolverError: as `solve_dc`.
    """
    added_a = np.empty_like(settled_a)
    few = max(1, CONDUCTANCES_AT_ONCE // cells.conductance_s.size)
    for start in range(0, len(voltage_v), few):
        part = slice(start, start + few)
        factors = fluctuation.factors(cells, pace, len(voltage_v[part]))
        quiet_s = cells.conductance_s if warm_s is None else warm_s[part]
        noisy_a = solve_each(quiet_s * factors, voltage_v[part], wires=wires, device=device)
        added_a[part] = noisy_a - settled_a[part]
    return added_a


def solve_each(conductances_s: np.ndarray, voltage_v: Vectors, *, wires: Wires, device: CellLaw) -> Currents:
    """Solve a batch with conductances of its own for every vector.

    Solved exactly, one by one on all processors, rather than linearised: a single solution costs little more
    than its share of a batch, and telegraph noise is not small.

    Args:
        conductances_s: [S], (B, N, M).
        voltage_v: [V], (B, N).
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.

    Returns:
        Currents [A], (B, M).

    Raises:
        ShapeError, RangeError, InputError, SolverError: as `solve_dc`.
    """
    current_a = np.empty((len(voltage_v), conductances_s.shape[2]))

    def begin() -> Callable[[slice], None]:
        def work(piece: slice) -> None:
            for b in range(piece.start, piece.stop):
                current_a[b] = solve_currents(conductances_s[b], voltage_v[b], wires=wires, device=device)

        return work

    run_in_pieces(len(voltage_v), 1, begin)
    return current_a


def current_covariance(
    conductance_s: Matrix, voltage_v: Vectors, relative_variance: Matrix, *, wires: Wires, device: CellLaw
) -> np.ndarray:
    """Compute the covariance of the columns' currents under small independent fluctuations of the cells.

    Args:
        conductance_s: nominal conductances [S], (N, M).
        voltage_v: inputs [V], (B, N).
        relative_variance: of each cell's conductance, in parts of its square, (N, M).
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.

    Returns:
        [A²], (B, M, M).

    Raises:
        ShapeError, RangeError, InputError, SolverError: as `solve_dc`.
    """
    spread = np.sqrt(relative_variance).ravel()
    columns = conductance_s.shape[1]
    covariance_a2 = np.empty((len(voltage_v), columns, columns))
    changes = cell_sensitivities(conductance_s, voltage_v, wires=wires, device=device)
    for change_a, answer_a2 in zip(changes, covariance_a2, strict=True):
        answer_a2[:] = (change_a * spread) @ (change_a * spread).T
    return covariance_a2


def cell_sensitivities(
    conductance_s: Matrix, voltage_v: Vectors, *, wires: Wires, device: CellLaw
) -> Iterator[np.ndarray]:
    """Compute the change of the columns' currents per relative change of each cell, input by input.

    To first order, by the adjoint of the solved circuit: the effect of a current injected across a cell on
    column j is, by reciprocity, the voltage across that cell while column j is driven in place of the rows.

    Args:
        conductance_s: [S], (N, M).
        voltage_v: inputs [V], (B, N).
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.

    Yields:
        [A], (M, N·M), cells row by row.

    Raises:
        ShapeError, RangeError, InputError, SolverError: as `solve_dc`.
    """
    if wires.faults:
        got, allowed = f"{wires.faults[0]!r}", "wires without faults"
        remedy = "leave the faults or the cells' own noise out"
        raise InputError(wanted(got=got, allowed=allowed, remedy=remedy))
    rows, columns = conductance_s.shape
    conductance_s = np.ascontiguousarray(conductance_s)
    across_v = np.ascontiguousarray(solve_dc(conductance_s, voltage_v, wires=wires, device=device).cell_v)
    slope_s, change_a, spare = (np.empty_like(across_v) for _ in range(3))
    below_a = np.empty_like(across_v)
    device.evaluate(conductance_s * (1.0 - RELATIVE_STEP), across_v, below_a, spare)
    device.evaluate(conductance_s * (1.0 + RELATIVE_STEP), across_v, change_a, spare)
    change_a = (change_a - below_a) / (2.0 * RELATIVE_STEP)  # per relative change of the conductance
    device.evaluate(conductance_s, across_v, spare, slope_s)
    reverse = Wires(
        row_ohm=wires.column_ohm,
        column_ohm=wires.row_ohm,
        source_ohm=tuple(wires.sense_of_columns_ohm(columns)[::-1]),
        sense_ohm=tuple(wires.source_of_rows_ohm(rows)[::-1]),
    )
    for one_s, one_a in zip(slope_s, change_a, strict=True):
        # Turned by half a turn and transposed, the columns' sensed ends are where drivers stand.
        turned = Circuit.of(np.ascontiguousarray(one_s.T[::-1, ::-1]), reverse, Ohmic())
        cell_a = LinearResponse(turned, turned.conductance_s).unit_currents()[::-1, ::-1, ::-1]
        transfer = np.divide(cell_a, one_s.T, out=np.zeros_like(cell_a), where=one_s.T > 0)
        yield (transfer * one_a.T).transpose(0, 2, 1).reshape(columns, -1)
