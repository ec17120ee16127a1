"""Transients: capacitance at every wire node and inductance in every wire segment."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from crosscal.core.errors import RangeError, ShapeError, SolverError, wanted
from crosscal.simulated_bench.circuit import Circuit, checked_array
from crosscal.simulated_bench.devices.law import CellLaw
from crosscal.simulated_bench.direct_current import solve_dc
from crosscal.simulated_bench.newton import Newton
from crosscal.simulated_bench.solution import Solution
from crosscal.simulated_bench.stepper import GAMMA, Step, Stepper, at_rest
from crosscal.simulated_bench.storage import Instant
from crosscal.simulated_bench.wires import Wires

FIRST_PART = 1e-3  # of the first interval, for the first step
SAFETY, SHRINK_MOST, GROW_MOST = 0.9, 0.2, 4.0
STAGE_PART = 1e-3  # of the tolerance, for the equations of a stage
SHORTEST_PART = 1e-13  # of the time that has to be covered: shorter steps drown in rounding
LEAST_TOLERANCE = 1e-11


def solve_transient(
    conductance_s: np.ndarray,
    drive: Callable[[float], np.ndarray],
    time_s: np.ndarray,
    *,
    wires: Wires,
    device: CellLaw,
    capacitance_f: float = 0.0,
    inductance_h: float = 0.0,
    tolerance: float = 1e-6,
) -> Solution:
    """Solve for the currents and node voltages of a crossbar in time.

    Before `time_s[0]` the array rests at `drive(time_s[0])`. Steps adapt to the tolerance and are never longer
    than the longest interval of `time_s`, so that nothing is overlooked that lasts as long.

    Args:
        conductance_s: nominal conductance of each cell [S], (N, M).
        drive: voltages of the rows [V], (N,), at a time [s]; any waveform, steps and corners included.
        time_s: when to report [s], (T,), rising.
        wires: resistances of wires, drivers and amplifiers.
        device: current–voltage law of the cells.
        capacitance_f: from every row node and every column node to ground [F].
        inductance_h: in series with every wire segment [H].
        tolerance: largest error of one step, in parts of the largest row voltage, column voltage and column
            current, at rest under the strongest drive or met so far.

    Returns:
        Currents (T, M) into the amplifiers and node voltages (T, N, M).

    Raises:
        ShapeError, RangeError, InputError: an argument that cannot be used, or a drive that gives no finite
            voltage per row; the message names the place or the time.
        SolverError: the tolerance cannot be met.
    """
    circuit = Circuit.of(conductance_s, wires, device)
    times_s = _times(time_s)
    waveform = _Waveform(drive, circuit.shape[0])
    capacitance_f, inductance_h = _storage("capacitance_f", capacitance_f), _storage("inductance_h", inductance_h)
    _require_tolerance(tolerance)
    if capacitance_f == 0 and inductance_h == 0:
        return solve_dc(conductance_s, np.array([waveform(t) for t in times_s]), wires=wires, device=device)
    stepper = Stepper(circuit, waveform, capacitance_f, inductance_h, STAGE_PART * tolerance)
    record = _Record(times_s, circuit.shape)
    begin = _rest(circuit, float(times_s[0]), waveform)
    record.first(begin)
    drives_v = np.array([waveform(t) for t in times_s])
    strongest = times_s[np.abs(drives_v).max(axis=1).argmax()]
    _Run(stepper, record, tolerance, _rest(circuit, float(strongest), waveform)).until_end(begin)
    return record.solution


class _Run:
    """Steps through the time with steps as long as the tolerance allows."""

    def __init__(self, stepper: Stepper, record: _Record, tolerance: float, strongest: Instant) -> None:
        self._stepper, self._record, self._tolerance = stepper, record, tolerance
        self._scales = _sizes(strongest)

    def until_end(self, begin: Instant) -> None:
        times_s = self._record.times_s
        intervals_s = np.diff(times_s)
        if len(intervals_s) == 0:
            return
        longest_s, end_s = intervals_s.max(), times_s[-1]
        shortest_s = SHORTEST_PART * (end_s - times_s[0]) + 4 * np.spacing(np.abs(times_s).max())
        length_s, trend_a_per_s = FIRST_PART * intervals_s[0], np.zeros_like(begin.cell_a)
        while begin.time_s < end_s:
            length_s = min(length_s, longest_s)
            rest_s = end_s - begin.time_s
            if length_s > rest_s / 2:  # two equal steps rather than a long one and a splinter
                length_s = rest_s if length_s >= rest_s else rest_s / 2
            step = self._stepper.step(begin, length_s, trend_a_per_s)
            error = math.inf if step is None else self._error(step)
            if error <= 1 and step is not None:
                self._record.add(begin, step)
                trend_a_per_s = (step.end.cell_a - step.inner.cell_a) / ((1 - GAMMA) * length_s)
                begin = step.end
            elif length_s <= shortest_s:
                raise SolverError(_not_met(begin.time_s, length_s, self._tolerance))
            length_s *= min(GROW_MOST, max(SHRINK_MOST, SAFETY * max(error, 1e-9) ** (-1 / 3)))

    def _error(self, step: Step) -> float:
        """Estimated error in parts of what is allowed."""
        scales = np.maximum(self._scales, _sizes(step.end))
        errors = [np.abs(x).max() for x in (step.row_error_v, step.column_error_v, step.current_error_a)]
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.where(np.array(errors) == 0, 0.0, errors / (self._tolerance * scales))
        error = float(parts.max())
        if error <= 1:
            self._scales = scales
        return error if math.isfinite(error) else math.inf


class _Record:
    """Reports at the times asked for, by the parabola through the three instants of a step."""

    def __init__(self, times_s: np.ndarray, shape: tuple[int, int]) -> None:
        self.times_s = times_s
        rows, columns = shape
        self._current_a = np.empty((len(times_s), columns))
        self._word_v, self._bit_v = np.empty((len(times_s), rows, columns)), np.empty((len(times_s), rows, columns))
        self._done = 0

    @property
    def solution(self) -> Solution:
        return Solution(current_a=self._current_a, word_v=self._word_v, bit_v=self._bit_v)

    def first(self, instant: Instant) -> None:
        self._put(0, [(1.0, instant)])
        self._done = 1

    def add(self, begin: Instant, step: Step) -> None:
        """Report what lies in a step."""
        instants = begin, step.inner, step.end
        nodes_s = np.array([instant.time_s for instant in instants])
        while self._done < len(self.times_s) and self.times_s[self._done] <= step.end.time_s:
            weights = _lagrange(nodes_s, self.times_s[self._done])
            self._put(self._done, list(zip(weights, instants, strict=True)))
            self._done += 1

    def _put(self, index: int, terms: list[tuple[float, Instant]]) -> None:
        self._current_a[index] = sum(weight * instant.current_a for weight, instant in terms)
        self._word_v[index] = sum(weight * instant.word_v() for weight, instant in terms)
        self._bit_v[index] = sum(weight * instant.bit_v for weight, instant in terms)


class _Waveform:
    """A drive whose every answer is checked."""

    def __init__(self, drive: Callable[[float], np.ndarray], rows: int) -> None:
        self._drive, self._rows = drive, rows

    def __call__(self, time_s: float) -> np.ndarray:
        name = f"drive({time_s!r})"
        drive_v = checked_array(name, self._drive(time_s), ranks=(1,), axes="rows")
        if drive_v.shape != (self._rows,):
            got, remedy = f"{name} of shape {drive_v.shape}", "return one voltage per row of the conductance matrix"
            raise ShapeError(wanted(got=got, allowed=f"({self._rows},)", remedy=remedy))
        return drive_v


def _sizes(instant: Instant) -> np.ndarray:
    """Largest row voltage [V], column voltage [V] and column current [A]."""
    return np.array([np.abs(x).max() for x in (instant.state.row, instant.state.column, instant.current_a)])


def _rest(circuit: Circuit, time_s: float, waveform: _Waveform) -> Instant:
    cell_a, word_v, bit_v = np.empty((3, 1, *circuit.shape))
    Newton(circuit, 1).solve(waveform(time_s)[None], cell_a, word_v, bit_v)
    return at_rest(circuit, time_s, cell_a[0], word_v[0], bit_v[0])


def _lagrange(nodes_s: np.ndarray, time_s: float) -> list[float]:
    a, b, c = nodes_s
    return [
        (time_s - b) * (time_s - c) / ((a - b) * (a - c)),
        (time_s - a) * (time_s - c) / ((b - a) * (b - c)),
        (time_s - a) * (time_s - b) / ((c - a) * (c - b)),
    ]


def _times(time_s: np.ndarray) -> np.ndarray:
    times_s = checked_array("time_s", time_s, ranks=(1,), axes="times")
    if len(times_s) == 0:
        raise ShapeError(wanted(got="no times", allowed="one or more", remedy="give the times to report"))
    falls = np.flatnonzero(np.diff(times_s) <= 0)
    if len(falls):
        k = int(falls[0])
        got = f"time_s[{k + 1}] = {times_s[k + 1]:g} s after {times_s[k]:g} s"
        raise RangeError(wanted(got=got, allowed="rising times", remedy="sort them and leave out doubles"))
    return times_s


def _storage(name: str, value: float) -> float:
    if not (np.ndim(value) == 0 and math.isfinite(value) and value >= 0):
        raise RangeError(wanted(got=f"{name} = {value!r}", allowed="one finite number, 0 or more", remedy="correct it"))
    return float(value)


def _require_tolerance(tolerance: float) -> None:
    if not LEAST_TOLERANCE <= tolerance <= 0.1:
        got, allowed = f"tolerance = {tolerance!r}", f"{LEAST_TOLERANCE:g} to 0.1"
        raise RangeError(wanted(got=got, allowed=allowed, remedy="choose one that double precision can meet"))


def _not_met(time_s: float, length_s: float, tolerance: float) -> str:
    return wanted(
        got=f"an error above the tolerance {tolerance:g} at t = {time_s:.6g} s, even with a step of {length_s:.3g} s",
        allowed="drives and devices that a short enough step can follow",
        remedy="look at the drive near that time, or allow a larger tolerance",
    )
