"""One step of a transient, with an estimate of its error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.kernels.transient_kernels import blend
from crosscal.simulated_bench.circuit.transient.companion import Companion
from crosscal.simulated_bench.circuit.transient.runge_kutta import ESTIMATE, IMPLICIT, NODES, STAGES
from crosscal.simulated_bench.circuit.transient.storage import Instant, Storage

STAGE_COUNT = len(NODES)
# Weights of the stages in the estimate of the error.
ERROR = (STAGES[-1] - ESTIMATE) / IMPLICIT
POINTS = 4
"""Times that cell currents are extrapolated through, if so many are known."""


@dataclass(frozen=True, slots=True)
class Step:
    """A finished step.

    Attributes:
        length_s: from its beginning to its end [s].
        stages: the array at each of the formula's nodes, the beginning included.
        row_error_v, column_error_v, current_error_a: estimated error of the end, (M, N), (N, M), (M,).
    """

    length_s: float
    stages: tuple[Instant, ...]
    row_error_v: np.ndarray
    column_error_v: np.ndarray
    current_error_a: np.ndarray

    @property
    def end(self) -> Instant:
        """The array at the end of the step."""
        return self.stages[-1]


class Stepper:
    """Advances an array in time, by the formula of `time_formula`.

    Args:
        circuit: the array.
        drive: voltages of the rows at a time.
        capacitance_f: from every wire node to ground [F].
        inductance_h: in series with every wire segment [H].
        tolerance: how far wires and cells may disagree in a stage, in parts of the cell currents.
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
        kinds = 4 if inductance_h > 0 else 2
        self._rates = np.empty((STAGE_COUNT, kinds * circuit.conductance_s.size))
        self._known_s: list[float] = []
        self._known_a = np.empty((POINTS - 1 + STAGE_COUNT, *circuit.shape))

    def step(self, begin: Instant, length_s: float, before: Step | None = None) -> Step | None:
        """Take a step.

        Args:
            begin: the array at its beginning.
            length_s: of the step [s].
            before: the step that led there, to extrapolate from.

        Returns:
            The step; None if a stage could not be solved.
        """
        companion = self._companion_of(length_s)
        rates = self._rates
        rates[0] = begin.rate.each.ravel()
        self._known_s.clear()
        stages = [begin]
        self._remember([*([] if before is None else _last_of(before.stages)), begin])
        for k in range(1, STAGE_COUNT):
            history = self._mix(STAGES[k, :k] / IMPLICIT)
            time_s = begin.time_s + float(NODES[k]) * length_s
            stage = self._stage(companion, begin, time_s, history)
            if stage is None:
                return None
            rates[k] = stage.rate.each.ravel()
            stages.append(stage)
            self._remember([stage])
        errors = companion.filtered(self._mix(ERROR), stages[-1].slope_s)
        return Step(length_s, tuple(stages), *errors)

    def _mix(self, weights: np.ndarray) -> Storage:
        """Return the weighted sum of the rates of the first stages."""
        mixed = weights @ self._rates[: len(weights)]
        shape = self._circuit.shape
        return Storage(mixed.reshape(-1, shape[0] * shape[1]), shape)

    def _companion_of(self, length_s: float) -> Companion:
        """Return the last circuit if the step is as long, as equal reports often make it; else a new one."""
        if length_s != self._companion_s:
            per_s = 1 / (IMPLICIT * length_s)
            self._companion = Companion(self._circuit, self._capacitance_f, self._inductance_h, per_s)
            self._companion_s = length_s
        return self._companion

    def _stage(self, companion: Companion, begin: Instant, time_s: float, history: Storage) -> Instant | None:
        """Solve a stage from extrapolated currents or else from the last ones: a jump breaks trends."""
        drive_v, last_a = self._drive(time_s), self._known_a[len(self._known_s) - 1]
        for guess_a in (self._extrapolated(time_s), last_a):
            instant = companion.settle(begin, time_s, drive_v, history, guess_a, self._tolerance)
            if instant is not None:
                return instant
        return None

    def _remember(self, instants: Sequence[Instant]) -> None:
        """Keep the cell currents of these times to extrapolate from."""
        for instant in instants:
            self._known_a[len(self._known_s)] = instant.cell_a
            self._known_s.append(instant.time_s)

    def _extrapolated(self, time_s: float) -> np.ndarray:
        """Extrapolate cell currents [A], (N, M), by the polynomial through the times nearest to `time_s`."""
        known_s = self._known_s
        places = {known_s[k]: k for k in range(len(known_s))}  # stages of the shortest steps share times
        near = sorted(places.values(), key=lambda k: abs(known_s[k] - time_s))[:POINTS]
        weights = np.zeros(len(known_s))
        for k in near:
            others = [known_s[other] for other in near if other != k]
            weights[k] = math.prod((time_s - other_s) / (known_s[k] - other_s) for other_s in others)
        guess_a = np.empty(self._circuit.shape)
        blend(weights, self._known_a, guess_a)
        return guess_a


def _last_of(stages: tuple[Instant, ...]) -> list[Instant]:
    """Return the last stages in time before the end, as many as an extrapolation needs besides."""
    return sorted(stages, key=lambda instant: instant.time_s)[-POINTS:-1]
