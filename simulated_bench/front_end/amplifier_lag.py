"""Amplifiers that follow their currents with a lag of first order."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.transient.runge_kutta import ESTIMATE, IMPLICIT, STAGES
from crosscal.simulated_bench.circuit.transient.stepper import Step, Stepper
from crosscal.simulated_bench.circuit.transient.storage import Instant


class AmplifierLag:
    """Output of the amplifiers, as a current (M,): `τ y' = i − y`.

    Args:
        columns: number of amplifiers, M.

    Attributes:
        output_a: present output [A], (M,); 0 in the beginning.
        time_constant_s: τ [s]; with 0 they follow at once.
    """

    def __init__(self, columns: int) -> None:
        self.output_a = np.zeros(columns)
        self.time_constant_s = 0.0

    def hold(self, current_a: np.ndarray, duration_s: float) -> np.ndarray:
        """Follow constant currents [A], (M,), for some time; return the mean output meanwhile [A], (M,)."""
        lag_s = self.time_constant_s
        if lag_s == 0 or duration_s == 0:
            self.output_a = current_a if lag_s == 0 else self.output_a
            return self.output_a
        off_a, past = self.output_a - current_a, duration_s / lag_s
        self.output_a = current_a + off_a * math.exp(-past)
        return current_a + off_a * (-math.expm1(-past) / past)

    def along(self, step: Step) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Follow the currents of a step by the step's own formula, changing nothing yet.

        Returns:
            Output at its end [A], the integral of the output [A s], and the estimated error of the
            end [A], (M,) each.
        """
        current_a = np.array([stage.current_a for stage in step.stages])
        lag_s, length_s = self.time_constant_s, step.length_s
        if lag_s == 0:
            return current_a[-1], length_s * (STAGES[-1] @ current_a), np.zeros_like(current_a[0])
        shown_a, rate = np.empty_like(current_a), np.empty_like(current_a)
        own = IMPLICIT * length_s / lag_s
        for k in range(len(current_a)):
            if k == 0:
                shown_a[k] = self.output_a
            else:
                ahead_a = self.output_a + length_s * (STAGES[k, :k] @ rate[:k])
                shown_a[k] = (ahead_a + own * current_a[k]) / (1 + own)
            rate[k] = (current_a[k] - shown_a[k]) / lag_s
        error_a = length_s * ((STAGES[-1] - ESTIMATE) @ rate) / (1 + own)
        return shown_a[-1], length_s * (STAGES[-1] @ shown_a), error_a


class ReadingStepper(Stepper):
    """A stepper with steps so short that the amplifiers, too, are followed within the tolerance.

    Args:
        lag: the amplifiers.
        circuit, drive, capacitance_f, inductance_h, tolerance: as of `Stepper`.

    Attributes:
        charge_c: integral of the amplifiers' output over the steps taken [A s], (M,).
    """

    def __init__(
        self,
        lag: AmplifierLag,
        circuit: Circuit,
        drive: Callable[[float], np.ndarray],
        capacitance_f: float,
        inductance_h: float,
        tolerance: float,
    ) -> None:
        super().__init__(circuit, drive, capacitance_f, inductance_h, tolerance)
        self._lag = lag
        self.charge_c = np.zeros_like(lag.output_a)

    def step(self, begin: Instant, length_s: float, before: Step | None = None) -> Step | None:
        """See `Stepper.step`; the error of the currents is the larger of theirs and the amplifiers'."""
        step = super().step(begin, length_s, before)
        if step is None:
            return None
        _, _, error_a = self._lag.along(step)
        larger_a = np.maximum(np.abs(step.current_error_a), np.abs(error_a))
        return Step(length_s, step.stages, step.row_error_v, step.column_error_v, larger_a)

    def take(self, step: Step) -> None:
        """Let the amplifiers follow a step."""
        self._lag.output_a, added_c, _ = self._lag.along(step)
        self.charge_c = self.charge_c + added_c
