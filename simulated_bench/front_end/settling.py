"""Settling of array and amplifiers, from one vector to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.core.errors import SolverError, wanted
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.transient.companion import Companion
from crosscal.simulated_bench.circuit.transient.operating_point import solve_operating_point
from crosscal.simulated_bench.circuit.transient.step_size_control import LEAST_COLUMN_PART, TimeControl, sizes
from crosscal.simulated_bench.circuit.transient.storage import Instant, Storage
from crosscal.simulated_bench.circuit.transient.time_constants import (
    characteristic_time_s,
    slowest_time_constant_s,
)
from crosscal.simulated_bench.front_end.amplifier_lag import AmplifierLag, ReadingStepper

TOLERANCE, RINGING_TOLERANCE = 1e-5, 1e-6
"""Largest error of a time step, as of `solve_transient`, without and with inductors: errors of many swings
add up. Readings are then good to 1e-5 of the currents, and to 5e-5 where the array rings."""

STAGE_TOLERANCE = 1e-9  # for the equations of a stage: far below that of a step
E_FOLDS = 40
"""Time constants after which an array is at rest, to all digits that doubles have."""

SKIPPED_PART = 1e-8
"""Part of the change of a current that a reading may miss from the time before it was read."""

MOMENT = 1e-8
"""Part of the array's time scale that stands for the moment of a jump of drives or cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a vector is read.

    Attributes:
        dwell_s: from its drive to the beginning of the reading [s].
        window_s: averaging time of the amplifiers' outputs [s].
        lag_s: time constant of the amplifiers [s].
    """

    dwell_s: float
    window_s: float
    lag_s: float


class Settling:
    """An array with its amplifiers: one vector hands its state on to the next.

    An array is integrated in time only where that shows in a reading; see `skips_settling`. So results
    depend on the vectors and their timing alone, and never on how these are cut into calls.

    Args:
        shape: of the array, (N, M).
        capacitance_f: from every wire node to ground [F].
        inductance_h: in series with every wire segment [H].
    """

    def __init__(self, shape: tuple[int, int], *, capacitance_f: float, inductance_h: float) -> None:
        self._shape, self._storage = shape, (capacitance_f, inductance_h)
        self.discharge()

    def discharge(self) -> None:
        """Put all lines to 0 V for long enough."""
        self._circuit: Circuit | None = None  # as of the last reading
        self._drive_v = np.zeros(self._shape[0])
        self._lag = AmplifierLag(self._shape[1])
        self._now: Instant | None = None  # None: at rest under the present drives
        self._moves_s = 0.0  # how long the array will still move
        self._stepper: ReadingStepper | None = None
        self._control: TimeControl | None = None

    def skips_settling(self, circuit: Circuit, timing: Timing) -> bool:
        """Tell whether a reading shows nothing of the array's own settling.

        So it is where the dwell lasts `E_FOLDS` of the array's slowest time constant, and the amplifiers have
        forgotten the currents before that. The time constant is bounded from above, whatever the cells.
        """
        slowest = slowest_time_constant_s(circuit, *self._storage)
        if timing.dwell_s < E_FOLDS * slowest:
            return False
        if timing.lag_s == 0:
            return True
        return 2 * slowest / timing.lag_s * math.exp(-timing.dwell_s / timing.lag_s) <= SKIPPED_PART

    def read(self, circuit: Circuit, voltage_v: Vectors, settled_a: Currents, timing: Timing) -> Currents:
        """Drive vectors in turn and average the amplifiers' output for each.

        Args:
            circuit: the array as it is now.
            voltage_v: drives [V], (B, N).
            settled_a: currents that flow in the end [A], (B, M).
            timing: of every vector.

        Returns:
            Mean of the amplifiers' outputs over each reading [A], (B, M).

        Raises:
            SolverError: a time step could not be solved.
        """
        self._circuit, self._lag.time_constant_s = circuit, timing.lag_s
        skips_settling = self.skips_settling(circuit, timing)
        shown_a = np.empty_like(settled_a)
        for k, drive_v in enumerate(voltage_v):
            self._apply(circuit, drive_v, settled_a[k], skips_settling=skips_settling)
            self._hold(settled_a[k], timing.dwell_s)
            shown_a[k] = self._hold(settled_a[k], timing.window_s)
        return shown_a

    def wait(self, duration_s: float) -> None:
        """Let time pass under the last drives, with the array as it was then.

        Raises:
            RangeError, SolverError: the array could not be solved.
        """
        circuit = self._circuit
        if circuit is None or (self._now is None and self._lag.time_constant_s == 0):
            return
        settled_a = solve_operating_point(circuit, 0.0, self._drive_v, inductive=False).current_a
        self._apply(circuit, self._drive_v, settled_a, skips_settling=self._now is None)
        self._hold(settled_a, duration_s)

    def _apply(
        self, circuit: Circuit, drive_v: np.ndarray, settled_a: np.ndarray, *, skips_settling: bool
    ) -> None:
        """Change the drives (N,), and the cells to their present state, all of a sudden."""
        before = self._now
        if not skips_settling and before is None:
            before = solve_operating_point(circuit, 0.0, self._drive_v, inductive=self._storage[1] > 0)
        self._drive_v = np.array(drive_v)
        if skips_settling or before is None:
            self._now, self._moves_s = None, 0.0
            return
        self._now = self._after_jump(circuit, before)
        self._moves_s = E_FOLDS * slowest_time_constant_s(circuit, *self._storage)
        peak_v = np.abs(drive_v).max()
        scales = np.array([peak_v, LEAST_COLUMN_PART * peak_v, np.abs(settled_a).max()])
        held_v = self._drive_v
        arguments = circuit, lambda _: held_v, *self._storage, STAGE_TOLERANCE
        self._stepper = ReadingStepper(self._lag, *arguments)
        scales = np.maximum(scales, sizes(before))
        tolerance = RINGING_TOLERANCE if self._storage[1] > 0 else TOLERANCE
        self._control = TimeControl(self._stepper, self._now, scales, tolerance, self._stepper.take)

    def _after_jump(self, circuit: Circuit, before: Instant) -> Instant:
        """Find the array just after a jump: storage keeps its state, all else follows the new circuit.

        Two implicit Euler steps of no length to speak of: the first lets nodes jump that nothing but ideal
        wires hold, the second finds the rates from there on.
        """
        moment_s = MOMENT * characteristic_time_s(circuit, *self._storage)
        companion = Companion(circuit, *self._storage, 1 / moment_s)
        nothing, none = np.zeros(circuit.shape), before.state.scaled(0.0, 0.0)
        idle_v, idle_a = np.zeros(circuit.shape[0]), np.zeros(circuit.shape[1])
        idle = Instant(0.0, idle_v, nothing, nothing, nothing, none, none, idle_a)
        now, state = before, before.state
        for _ in range(2):
            per_s = [element / moment_s for element in self._storage]
            history = state.scaled(*per_s)
            for guess_a in (now.cell_a, self._law_a(circuit, state)):
                moved = companion.settle(idle, 0.0, self._drive_v, history, guess_a, STAGE_TOLERANCE)
                if moved is not None:
                    break
            else:
                got = "no solution just after the drives changed"
                remedy = "look at the device's law, or at capacitance_f and inductance_h of the wires"
                raise SolverError(wanted(got=got, allowed="drives the device is made for", remedy=remedy))
            now, state = moved, moved.state
        return now

    @staticmethod
    def _law_a(circuit: Circuit, state: Storage) -> np.ndarray:
        """Evaluate the currents of the cells at the nodes' voltages [A], (N, M)."""
        across_v = (np.ascontiguousarray(state.row.T[:, ::-1]) - state.column)[None]
        law_a, slope_s = np.empty_like(across_v), np.empty_like(across_v)
        circuit.device.evaluate(circuit.conductance_s, across_v, law_a, slope_s)
        return law_a[0]

    def _hold(self, settled_a: np.ndarray, duration_s: float) -> np.ndarray:
        """Let time pass; return the amplifiers' mean output meanwhile [A], (M,)."""
        moving_s = min(duration_s, self._moves_s)
        if moving_s == 0 or self._now is None or self._control is None or self._stepper is None:
            return self._lag.hold(settled_a, duration_s)
        self._stepper.charge_c = np.zeros_like(settled_a)
        self._now = self._control.advance(self._now.time_s + moving_s)
        charge_c = self._stepper.charge_c
        self._moves_s -= moving_s
        if self._moves_s == 0:
            self._now = None
        still_s = duration_s - moving_s
        return (charge_c + still_s * self._lag.hold(settled_a, still_s)) / duration_s
