"""Step-size control of transients."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from crosscal.core.errors import SolverError, wanted
from crosscal.simulated_bench.circuit.transient.runge_kutta import ERROR_ORDER
from crosscal.simulated_bench.circuit.transient.stepper import Step, Stepper
from crosscal.simulated_bench.circuit.transient.storage import Instant

FIRST_PART = 1e-3  # of the first interval, for the first step
SAFETY, SHRINK_MOST, GROW_MOST = 0.9, 0.2, 4.0
"""As Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I (1993), II.4, have them: 0.8 or
0.9, and growth by 1.5 to 5 at most."""
LEAST_ERROR = 1e-9  # in parts of the tolerance: growth is limited anyway
LEAST_COLUMN_PART = 1e-3  # of the largest column: fainter ones are asked for no more digits
FAR_TOO_LONG, CAUTIOUS = 8.0, 0.1
"""After a step with an error so many times the allowed one, the next must keep to this part of it: where the
drive jumps or bends between two stages, a formula made for smooth changes estimates too little."""
STEPS_MOST = 20_000  # between two reports; a drive that needs more is noise rather than a waveform


class TimeControl:
    """Advances an array from report to report, by steps as long as the tolerance allows.

    Every report is the end of a step, so that no error of an interpolation adds to it.

    Args:
        stepper: takes the steps.
        begin: the array at the beginning.
        scales: sizes of row voltages [V], column voltages [V] and column currents [A] that errors are parts
            of; where larger ones are met, they count.
        tolerance: largest error of a step.
        taken: told of every step that is taken.
    """

    def __init__(
        self,
        stepper: Stepper,
        begin: Instant,
        scales: np.ndarray,
        tolerance: float,
        taken: Callable[[Step], None] | None = None,
    ) -> None:
        self._taken = taken
        self._stepper, self._now, self._scales, self._tolerance = stepper, begin, scales, tolerance
        self._before: Step | None = None
        self._planned_s = 0.0
        self._allowed = 1.0  # part of the tolerance
        self._worst = "where wires and cells find no agreement"

    def advance(self, time_s: float) -> Instant:
        """Step on to a time [s] and return the array then.

        Raises:
            SolverError: the tolerance cannot be met.
        """
        self._planned_s = self._planned_s or FIRST_PART * (time_s - self._now.time_s)
        for _ in range(STEPS_MOST):
            rest_s = time_s - self._now.time_s
            shortest_s = 4 * np.spacing(max(abs(time_s), rest_s))
            if rest_s < shortest_s / 2:  # times this close are the same but for rounding
                return self._now
            self._try(_fitting(self._planned_s, rest_s), shortest_s)
        raise SolverError(self._not_met(f"in {STEPS_MOST} steps"))

    def _try(self, length_s: float, shortest_s: float) -> None:
        """Try a step; take it if it is good, or as short as times can be told apart: the drive jumps."""
        step = self._stepper.step(self._now, length_s, self._before)
        error = math.inf if step is None else self._error(step) / self._allowed
        factor = SAFETY * max(error, LEAST_ERROR) ** (-1 / ERROR_ORDER)
        longer_s = length_s * min(GROW_MOST, max(SHRINK_MOST, factor))
        finest = length_s <= shortest_s
        if step is None and finest:
            raise SolverError(self._not_met(f"by steps of {length_s:.3g} s"))
        if step is None or (error > 1 and not finest):
            self._planned_s = longer_s
            self._allowed = CAUTIOUS if error > FAR_TOO_LONG else self._allowed
            return
        self._scales = np.maximum(self._scales, sizes(step.end))
        self._before, self._now, self._allowed = step, step.end, 1.0
        if self._taken is not None:
            self._taken(step)
        cut_short = length_s < self._planned_s and error <= 1
        self._planned_s = max(self._planned_s, longer_s) if cut_short else longer_s

    def _error(self, step: Step) -> float:
        """Estimate the error relative to the tolerance."""
        each = step.row_error_v, step.column_error_v, step.current_error_a
        errors = np.array([np.abs(error).max() for error in each])
        allowed = self._tolerance * np.maximum(self._scales, sizes(step.end))
        parts = np.divide(errors, allowed, out=np.zeros(3), where=allowed > 0)
        error, kind = float(parts.max()), int(parts.argmax())
        self._worst = _place(kind, each[kind])
        return error if math.isfinite(error) else math.inf

    def _not_met(self, how: str) -> str:
        time_s = f"t = {self._now.time_s:.6g} s"
        got = f"an error above the tolerance {self._tolerance:g} near {time_s}, largest {self._worst}, "
        allowed = "drives, devices and ringing that so many or so short steps can follow"
        remedy = "look at the drive near that time, ask for more times, or allow a larger tolerance"
        return wanted(got=f"{got}not to be reduced {how}", allowed=allowed, remedy=remedy)


def _place(kind: int, errors: np.ndarray) -> str:
    """Name the place of the largest error: a row node (row wires' layout), a column node, or a current."""
    index = [int(k) for k in np.unravel_index(np.abs(errors).argmax(), errors.shape)]
    if kind == 0:
        return f"in the row node of cell {[index[1], len(errors) - 1 - index[0]]}"
    return f"in the column node of cell {index}" if kind == 1 else f"in the current of column {index[0]}"


def sizes(instant: Instant) -> np.ndarray:
    """Return the largest row voltage [V], column voltage [V] and column current [A], (3,).

    Columns without resistance rest at 0 V; a thousandth of the rows' voltage stands for theirs at least.
    """
    row_v, column_v = np.abs(instant.state.row).max(), np.abs(instant.state.column).max()
    return np.array([row_v, max(column_v, LEAST_COLUMN_PART * row_v), np.abs(instant.current_a).max()])


def _fitting(length_s: float, rest_s: float) -> float:
    """Step length that leads to the report in equal steps: no splinters, and one circuit for all."""
    return rest_s / math.ceil(rest_s / length_s) if length_s < rest_s else rest_s
