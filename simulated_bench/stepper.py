"""One step of a transient, with an estimate of its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.simulated_bench.circuit import Circuit
from crosscal.simulated_bench.companion import Companion
from crosscal.simulated_bench.storage import Instant, Storage
from crosscal.simulated_bench.time_formula import ESTIMATE, IMPLICIT, NODES, STAGES

STAGE_COUNT = len(NODES)
ERROR = (STAGES[-1] - ESTIMATE) / IMPLICIT
POINTS = 4
"""Times through which cell currents are extrapolated, where so many are known."""


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
        stages = [begin]
        known = [begin] if before is None else [*_in_time(before.stages)[-POINTS:-1], begin]
        for k in range(1, STAGE_COUNT):
            history = self._mix(STAGES[k, :k] / IMPLICIT)
            time_s = begin.time_s + float(NODES[k]) * length_s
            stage = self._stage(companion, begin, time_s, history, known)
            if stage is None:
                return None
            rates[k] = stage.rate.each.ravel()
            stages.append(stage)
            known = _in_time([*known, stage])
        errors = companion.filtered(self._mix(ERROR), stages[-1].slope_s)
        return Step(length_s, tuple(stages), *errors)

    def _mix(self, weights: np.ndarray) -> Storage:
        """Weighted sum of the rates of the first stages."""
        mixed = weights @ self._rates[: len(weights)]
        shape = self._circuit.shape
        return Storage(mixed.reshape(-1, shape[0] * shape[1]), shape)

    def _companion_of(self, length_s: float) -> Companion:
        """The last one, if the step is as long; equal reports often make it so."""
        if length_s != self._companion_s:
            per_s = 1 / (IMPLICIT * length_s)
            self._companion = Companion(self._circuit, self._capacitance_f, self._inductance_h, per_s)
            self._companion_s = length_s
        return self._companion

    def _stage(
        self, companion: Companion, begin: Instant, time_s: float, history: Storage, known: list[Instant]
    ) -> Instant | None:
        """Solve a stage from extrapolated currents or else from the last ones: a jump breaks trends."""
        drive_v = self._drive(time_s)
        for guess_a in (_extrapolated(known, time_s), known[-1].cell_a):
            instant = companion.settle(begin, time_s, drive_v, history, guess_a, self._tolerance)
            if instant is not None:
                return instant
        return None


def _in_time(instants: list[Instant] | tuple[Instant, ...]) -> list[Instant]:
    return sorted(instants, key=lambda instant: instant.time_s)


def _extrapolated(known: list[Instant], time_s: float) -> np.ndarray:
    """Cell currents [A], (N, M), by the polynomial through the times nearest to `time_s`."""
    near = sorted(known, key=lambda instant: abs(instant.time_s - time_s))[:POINTS]
    total_a = np.zeros_like(near[0].cell_a)
    for one in near:
        others = [other.time_s for other in near if other is not one]
        weight = math.prod((time_s - other_s) / (one.time_s - other_s) for other_s in others)
        total_a += weight * one.cell_a
    return total_a
