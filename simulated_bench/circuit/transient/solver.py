"""Transients: capacitance at every wire node and inductance in every wire segment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.simulated_bench.circuit.checks import element_value, one_number, rising_times
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.solver import solve_dc
from crosscal.simulated_bench.circuit.solution import Solution
from crosscal.simulated_bench.circuit.transient.operating_point import solve_operating_point
from crosscal.simulated_bench.circuit.transient.step_size_control import TimeControl, sizes
from crosscal.simulated_bench.circuit.transient.stepper import Stepper
from crosscal.simulated_bench.circuit.transient.waveform import Waveform
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices.law import CellLaw, require_valid

STAGE_PART = 1e-3  # of the tolerance, for the equations of a stage
TOLERANCES = 1e-10, 0.1  # that may be asked for: rounding adds up to the one, the other is no solution


def solve_transient(
    conductance_s: Matrix,
    drive: Callable[[float], np.ndarray],
    time_s: np.ndarray,
    *,
    wires: Wires,
    device: CellLaw,
    capacitance_f: float = 0.0,
    inductance_h: float = 0.0,
    tolerance: float = 1e-7,
) -> Solution:
    """Solve for the currents and node voltages of a crossbar in time.

    Before `time_s[0]` the array rests at `drive(time_s[0])`. Steps adapt to the tolerance and end at every
    time asked for, so that nothing is overlooked that lasts longer than an interval of `time_s`; a jump of
    the drive is followed as closely as times can be told apart.

    Args:
        conductance_s: nominal conductance of each cell [S], (N, M).
        drive: voltages of the rows [V], (N,), at a time [s]; any waveform, jumps and corners included.
        time_s: when to report [s], (T,), rising.
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.
        capacitance_f: from every row node and every column node to ground [F].
        inductance_h: in series with every wire segment [H].
        tolerance: largest error of one step, in parts of the largest row voltage, column voltage and column
            current, at rest under the strongest drive or met so far; 1e-10 to 0.1. Errors of many steps add
            up: the default gives currents to about 1e-5.

    Returns:
        Currents (T, M) into the amplifiers and node voltages (T, N, M).

    Raises:
        ShapeError, RangeError, InputError: an argument that cannot be used, or a drive that gives no finite
            voltage per row; the message names the place or the time.
        SolverError: the tolerance cannot be met.
    """
    circuit = Circuit.of(conductance_s, wires, device)
    circuit.require_sound_wires("a transient")
    times_s = _times(time_s)
    waveform = Waveform(drive, circuit.shape[0])
    farad, henry = element_value("capacitance_f", capacitance_f), element_value("inductance_h", inductance_h)
    _require_tolerance(tolerance)
    drives_v = np.array([waveform(t) for t in times_s])
    if farad == henry == 0:
        return solve_dc(conductance_s, drives_v, wires=wires, device=device)
    strongest_v = drives_v[np.abs(drives_v).max(axis=1).argmax()]
    begin, strongest = (
        solve_operating_point(circuit, times_s[0], drive_v, inductive=henry > 0)
        for drive_v in (drives_v[0], strongest_v)
    )
    stepper = Stepper(circuit, waveform, farad, henry, STAGE_PART * tolerance)
    control = TimeControl(stepper, begin, sizes(strongest), tolerance)
    shape = (len(times_s), *circuit.shape)
    current_a, word_v, bit_v = np.empty((shape[0], shape[2])), np.empty(shape), np.empty(shape)
    for k, t in enumerate(times_s):
        instant = begin if k == 0 else control.advance(t)
        require_valid(device, circuit.conductance_s, instant.across_v[None])
        current_a[k], word_v[k], bit_v[k] = instant.current_a, instant.word_v(), instant.bit_v
    return Solution(current_a=current_a, word_v=word_v, bit_v=bit_v)


def _times(time_s: np.ndarray) -> list[float]:
    times_s = rising_times(time_s)
    if len(times_s) == 0:
        raise ShapeError(wanted(got="no times", allowed="one or more", remedy="give the times to report"))
    return times_s.tolist()


def _require_tolerance(tolerance: float) -> None:
    least, most = TOLERANCES
    if not least <= one_number(tolerance) <= most:
        got, allowed = f"tolerance = {tolerance!r}", f"{least:g} to {most:g}"
        raise RangeError(wanted(got=got, allowed=allowed, remedy="choose one that double precision can meet"))
