"""One step of a transient by TR-BDF2, with an estimate of its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.simulated_bench.circuit import Circuit
from crosscal.simulated_bench.companion import Companion
from crosscal.simulated_bench.solution import Solution
from crosscal.simulated_bench.storage import Instant, Storage

GAMMA = 2 - math.sqrt(2)  # where the inner stage lies; with this value both stages solve the same circuit
IMPLICIT = GAMMA / 2
EXPLICIT = math.sqrt(2) / 4
# weights of the third-order formula less those of the method, per unit of IMPLICIT (Hosea and Shampine)
ERROR = tuple(
    weight / IMPLICIT
    for weight in (
        (1 - EXPLICIT) / 3 - EXPLICIT,
        (3 * EXPLICIT + 1) / 3 - EXPLICIT,
        IMPLICIT / 3 - IMPLICIT,
    )
)


@dataclass(frozen=True, slots=True)
class Step:
    """A finished step: its inner instant, its end, and the estimated error of the end.

    Attributes:
        inner, end: the array at `begin + GAMMA · length` and at `begin + length`.
        row_error_v, column_error_v, current_error_a: (M, N), (N, M), (M,).
    """

    inner: Instant
    end: Instant
    row_error_v: np.ndarray
    column_error_v: np.ndarray
    current_error_a: np.ndarray


class Stepper:
    """Advances an array in time: a trapezoidal stage, then one of the second backward difference formula.

    Second order and L-stable: the fastest time constants of the wires are damped and do not limit the step.

    Args:
        circuit: the array.
        drive: voltages of the rows at a time.
        capacitance_f: from every wire node to ground [F].
        inductance_h: in series with every wire segment [H].
        tolerance: how far wires and cells may disagree in a stage, in parts of the cell currents.

    Reference:
        Bank et al., IEEE Trans. Electron Devices 32 (1985) 1992; Hosea and Shampine, Appl. Numer. Math. 20
        (1996) 21, for the error estimate.
    """

    def __init__(
        self,
        circuit: Circuit,
        drive: Callable[[float], np.ndarray],
        capacitance_f: float,
        inductance_h: float,
        tolerance: float,
    ) -> None:
        self._circuit, self._drive, self._tolerance = circuit, drive, tolerance
        self._capacitance_f, self._inductance_h = capacitance_f, inductance_h
        self._companion_s = math.nan

    def step(self, begin: Instant, length_s: float, trend_a_per_s: np.ndarray) -> Step | None:
        """Take a step.

        Args:
            begin: the array at its beginning.
            length_s: of the step [s].
            trend_a_per_s: how the cell currents change [A/s], (N, M), to extrapolate with.

        Returns:
            The step; None if a stage could not be solved.
        """
        companion = self._companion_of(length_s)
        ahead_a = begin.cell_a + GAMMA * length_s * trend_a_per_s
        inner_s, end_s = begin.time_s + GAMMA * length_s, begin.time_s + length_s
        inner = self._stage(companion, begin, inner_s, begin.rate, (ahead_a, begin.cell_a))
        if inner is None:
            return None
        part = EXPLICIT / IMPLICIT
        history = begin.rate.scaled(part, part).plus((part, inner.rate))
        ahead_a = begin.cell_a + (inner.cell_a - begin.cell_a) / GAMMA
        end = self._stage(companion, begin, end_s, history, (ahead_a, inner.cell_a))
        if end is None:
            return None
        first, second, third = ERROR
        sources = begin.rate.scaled(first, first).plus((second, inner.rate), (third, end.rate))
        return Step(inner, end, *companion.filtered(sources, end.slope_s))

    def _companion_of(self, length_s: float) -> Companion:
        """The last one, if the step is as long; equal reports often make it so."""
        if length_s != self._companion_s:
            per_s = 1 / (IMPLICIT * length_s)
            self._companion = Companion(self._circuit, self._capacitance_f, self._inductance_h, per_s)
            self._companion_s = length_s
        return self._companion

    def _stage(
        self,
        companion: Companion,
        begin: Instant,
        time_s: float,
        history: Storage,
        guesses_a: tuple[np.ndarray, np.ndarray],
    ) -> Instant | None:
        """Solve a stage from extrapolated currents or else from the last ones: a jump breaks trends."""
        drive_v = self._drive(time_s)
        for guess_a in guesses_a:
            instant = companion.settle(begin, time_s, drive_v, history, guess_a, self._tolerance)
            if instant is not None:
                return instant
        return None


def at_rest(
    circuit: Circuit,
    time_s: float,
    drive_v: np.ndarray,
    cell_a: np.ndarray,
    solution: Solution,
    *,
    inductive: bool,
) -> Instant:
    """The array in its direct-current solution: nothing flows into capacitors or drops across inductors.

    Args:
        circuit: the array.
        time_s: when that is [s].
        drive_v: voltages of the rows' drivers [V], (N,).
        cell_a: current of each cell [A], (N, M).
        solution: the solution at these drives.
        inductive: whether the wires have inductors.
    """
    turned_a, row_v = (np.ascontiguousarray(array.T[::-1]) for array in (cell_a, solution.word_v))
    segments_a = -np.cumsum(turned_a, axis=0), np.cumsum(cell_a, axis=0)
    state = Storage(row_v, solution.bit_v, *(array if inductive else array[:0] for array in segments_a))
    across_v, slope_s, law_a = solution.cell_v, np.empty_like(cell_a), np.empty_like(cell_a)
    circuit.device.evaluate(circuit.conductance_s, across_v[None], law_a[None], slope_s[None])
    rate = state.scaled(0.0, 0.0)
    return Instant(time_s, drive_v, cell_a, across_v, slope_s, state, rate, solution.current_a)
