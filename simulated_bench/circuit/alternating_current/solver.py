"""Small alternating signals on top of a direct-current solution: how the array answers, by frequency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import RangeError, ShapeError, SolverError, wanted
from crosscal.simulated_bench.circuit.alternating_current.ladder import Ladders
from crosscal.simulated_bench.circuit.checks import checked_array, element_value
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.solver import solve_dc
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.circuit.workers import run_in_pieces
from crosscal.simulated_bench.devices.law import CellLaw

NUMBERS_AT_ONCE = 2**20  # complex numbers that a worker holds for the rows it works on


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternatingResponse:
    """Response of the columns to small sinusoids on the rows' drivers.

    Attributes:
        frequency_hz: where [Hz], (F,).
        transfer_s: complex current of each column per volt on each row [S], (F, M, N); magnitude and phase
            of peak values, time going as `exp(+j 2π f t)`.
    """

    frequency_hz: np.ndarray
    transfer_s: np.ndarray

    def current_a(self, drive_v: np.ndarray) -> np.ndarray:
        """Compute complex column currents [A], (F, M), for amplitudes of the drives [V], (N,).

        Raises:
            ShapeError: not one amplitude per row.
        """
        rows = self.transfer_s.shape[2]
        if np.shape(drive_v) != (rows,):
            got, remedy = f"drive_v of shape {np.shape(drive_v)}", "give one amplitude per row"
            raise ShapeError(wanted(got=got, allowed=f"({rows},)", remedy=remedy))
        return self.transfer_s @ np.asarray(drive_v)


def solve_ac(
    conductance_s: Matrix,
    bias_v: np.ndarray,
    frequency_hz: np.ndarray,
    *,
    wires: Wires,
    device: CellLaw,
    capacitance_f: float = 0.0,
    inductance_h: float = 0.0,
) -> AlternatingResponse:
    """Solve for the answer of a crossbar to small alternating drives.

    The cells are linearised where the bias holds them. The array is eliminated exactly, line by line, so the
    result is good to rounding; the time grows as rows · columns · the smaller of the two squared.

    Args:
        conductance_s: nominal conductance of each cell [S], (N, M).
        bias_v: constant voltages of the rows [V], (N,), around which the drives alternate.
        frequency_hz: where to solve [Hz], (F,), 0 or more, in any order; at 0 this is `sensitivity`.
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.
        capacitance_f: from every row node and every column node to ground [F].
        inductance_h: in series with every wire segment [H].

    Returns:
        Transfer from every row to every column, at each frequency.

    Raises:
        ShapeError, RangeError, InputError: an argument that cannot be used; the message names the place.
        SolverError: no bias point was reached, or the array resonates without any loss at a frequency.
    """
    circuit = Circuit.of(conductance_s, wires, device)
    circuit.require_sound_wires("an alternating drive")
    farad, henry = element_value("capacitance_f", capacitance_f), element_value("inductance_h", inductance_h)
    frequencies_hz = _frequencies(frequency_hz)
    checked_array("bias_v", bias_v, ranks=(1,), axes="rows")
    across_v = solve_dc(conductance_s, bias_v, wires=wires, device=device).cell_v[None]
    law_a, slope_s = np.empty_like(across_v), np.empty_like(across_v)
    device.evaluate(circuit.conductance_s, across_v, law_a, slope_s)
    rows, columns = circuit.shape
    transfer_s = np.empty((len(frequencies_hz), columns, rows), dtype=np.complex128)

    def begin() -> Callable[[slice], None]:
        def solve(piece: slice) -> None:
            for k in range(piece.start, piece.stop):
                transfer_s[k] = _at_one(circuit, slope_s[0], farad, henry, frequencies_hz[k])

        return solve

    run_in_pieces(len(frequencies_hz), 1, begin)
    return AlternatingResponse(frequency_hz=frequencies_hz, transfer_s=transfer_s)


def _at_one(
    circuit: Circuit, slope_s: np.ndarray, farad: float, henry: float, frequency_hz: float
) -> np.ndarray:
    """Solve for the transfer at one frequency [S], (M, N)."""
    row_ohm, column_ohm, source_ohm, sense_ohm = circuit.wires
    per_s = 2j * np.pi * frequency_hz
    row, column, ground_s = row_ohm + per_s * henry, column_ohm + per_s * henry, per_s * farad
    try:
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            if circuit.shape[0] >= circuit.shape[1]:
                transfer_s = _eliminated(slope_s, row, column, source_ohm, sense_ohm, ground_s)
            else:  # the array is reciprocal: turned about, columns are rows and the matrices are smaller
                turned = slope_s[::-1, ::-1].T, column, row, sense_ohm[::-1], source_ohm[::-1], ground_s
                transfer_s = _eliminated(*turned)[::-1, ::-1].T
    except np.linalg.LinAlgError:
        transfer_s = np.array([np.nan])
    if not np.isfinite(transfer_s).all():
        got = f"no finite answer at {frequency_hz:g} Hz"
        remedy = "give wires, drivers or amplifiers some resistance, or leave that frequency out"
        raise SolverError(wanted(got=got, allowed="arrays that lose energy there", remedy=remedy))
    return transfer_s


def _eliminated(
    slope_s: np.ndarray,
    row_ohm: complex,
    column_ohm: complex,
    source_ohm: np.ndarray,
    sense_ohm: np.ndarray,
    ground_s: complex,
) -> np.ndarray:
    """Solve for the transfer [S], (M, N), by elimination down all columns at once, from their open ends.

    Seen from the next row of nodes, everything behind is an admittance matrix (M, M), and per driven row a
    current into each column. Only impedances of wires occur and nothing is divided by them.
    """
    rows, columns = slope_s.shape
    unit = np.eye(columns)
    behind_s = np.zeros((columns, columns), dtype=np.complex128)
    fed_s = np.zeros((columns, rows), dtype=np.complex128)
    at_once = max(1, NUMBERS_AT_ONCE // columns**2)
    for first in range(0, rows, at_once):
        piece = slice(first, min(first + at_once, rows))
        ladders = Ladders(columns, row_ohm, source_ohm[piece], ground_s)
        loaded = unit + slope_s[piece, :, None] * ladders.impedance_ohm
        through_s = np.linalg.solve(loaded, slope_s[piece, :, None] * unit)  # of the cells and their row
        for i, admittance_s, reaching in zip(
            range(piece.start, piece.stop), through_s, ladders.reaching, strict=True
        ):
            fed_s[:, i] = admittance_s @ reaching
            total_s = admittance_s + ground_s * unit + behind_s
            ohm = column_ohm + (sense_ohm if i == rows - 1 else 0.0)
            passed = np.linalg.solve(unit + total_s * ohm, np.hstack([total_s, fed_s[:, : i + 1]]))
            behind_s, fed_s[:, : i + 1] = passed[:, :columns], passed[:, columns:]
    return fed_s


def _frequencies(frequency_hz: np.ndarray) -> np.ndarray:
    frequencies_hz = checked_array("frequency_hz", frequency_hz, ranks=(1,), axes="frequencies")
    below = np.flatnonzero(frequencies_hz < 0)
    if len(below):
        got = f"frequency_hz[{below[0]}] = {frequencies_hz[below[0]]:g} Hz"
        raise RangeError(wanted(got=got, allowed="0 or more", remedy="correct that frequency"))
    return frequencies_hz
