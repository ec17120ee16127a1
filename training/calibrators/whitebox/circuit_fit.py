"""Fit of the circuit model to measured currents: Levenberg–Marquardt through the solver's own derivatives.

Unknown are the wires, the law's coefficients, and a gain and an offset per column: `I ≈ gain · F(v; G) +
offset`. Scaling the law up and all resistances down by one factor changes nothing that gains could not undo,
so gains carry a prior around 1, the only place where an assumption enters.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, replace

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.core.errors import TrainingError
from crosscal.training.calibrators.preparation import PreparationSteps
from crosscal.training.calibrators.whitebox.circuit_model import CircuitModel
from crosscal.training.calibrators.whitebox.fit_state import FitState, NormalEquations
from crosscal.training.calibrators.whitebox.reads import Reads

# Errors are insensitive to these between 10 and 40; 1e-5 and 0.1; 2 and 16; 0.05 and 0.5; 1e-15 and 1e-9, and
# the fit takes up to a third longer at the ends (`python benchmarks/constants.py whitebox.circuit_fit`). At
# the limit the step is 1e-8 of a gradient step: none that is longer lowers the cost.
_ITERATIONS = 40
_DAMPING_START, _DAMPING_UP, _DAMPING_DOWN = 1e-3, 8.0, 0.15
_DAMPING_LEAST, _DAMPING_LIMIT = 1e-12, 1e8

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CircuitFit:
    """Circuit model behind amplifiers.

    Attributes:
        circuit: wires and law.
        gain: per column, (M,).
        offset_a: per column [A], (M,).
        residual_a: root mean square of the residuals [A].
        standard_error: of `circuit.parameters`, (P,): robust to errors that the cells of one matrix share.
        settled: whether the iteration came to rest.
    """

    circuit: CircuitModel
    gain: Float[np.ndarray, " columns"]
    offset_a: Float[np.ndarray, " columns"]
    residual_a: float
    standard_error: Float[np.ndarray, " parameters"]
    settled: bool

    def predict(self, reads: Reads) -> Currents:
        """Currents that the board should measure [A], (B, M)."""
        return (
            self.gain * self.circuit.solve(reads.conductance_s, reads.matrix, reads.voltage_v) + self.offset_a
        )


def fit_circuit(
    start: CircuitFit, reads: Reads, settled_gain: float = 1e-5, steps: PreparationSteps | None = None
) -> CircuitFit:
    """Fit wires, law, gains and offsets, beginning at `start`; the form of its law is kept.

    Args:
        start: where to begin.
        reads: measured currents.
        settled_gain: a step that lowers the cost by less than this part of it is the last.
        steps: keeps each iteration and the result; a fit that finds some goes on from there.

    Raises:
        TrainingError: no step from `start` can be solved.
    """
    steps = PreparationSteps() if steps is None else steps
    if (done := steps.kept("fit")) is not None:
        return replace(start, circuit=start.circuit.with_parameters(done.pop("parameters")), **done)
    state = FitState(
        circuit=start.circuit, gain=start.gain, offset_a=start.offset_a, noise_a=start.residual_a
    )
    damping, settled, begin = _DAMPING_START, False, 0
    if (kept := steps.kept("iteration")) is not None:
        damping, settled, begin = kept["damping"], kept["settled"], kept["finished"]
        circuit = start.circuit.with_parameters(kept["parameters"])
        state = replace(state, circuit=circuit, gain=kept["gain"], offset_a=kept["offset_a"])
    for iteration in range(_ITERATIONS if settled else begin, _ITERATIONS):
        system = NormalEquations.at(state, reads)
        accepted, cost, damping = _step(state, system, reads, damping)
        gained = 1.0 - cost / system.cost
        logger.debug("iteration %d: cost %.6g, gained %.2e", iteration, system.cost, gained)
        state, settled = accepted, gained < settled_gain
        steps.keep(
            "iteration",
            parameters=state.circuit.parameters,
            gain=state.gain,
            offset_a=state.offset_a,
            damping=damping,
            settled=settled,
            finished=iteration + 1,
        )
        if settled:
            break
    state = state.with_gains_about_one()
    system = NormalEquations.at(state, reads)
    fit = CircuitFit(
        circuit=state.circuit,
        gain=state.gain,
        offset_a=state.offset_a,
        residual_a=float(np.sqrt(np.mean(system.residual**2))),
        standard_error=system.standard_error()[: state.circuit.parameters.size],
        settled=settled,
    )
    results = {field.name: getattr(fit, field.name) for field in fields(fit) if field.name != "circuit"}
    steps.keep("fit", parameters=fit.circuit.parameters, **results)
    return fit


def _within_bounds(state: FitState, system: NormalEquations, damping: float) -> np.ndarray:
    """Step that takes no resistance below 0: the others move as they should when those stop there."""
    step, wires = system.step(damping), state.circuit.parameters[:4]
    stopped = np.flatnonzero(wires + step[:4] < 0.0)
    return step if not stopped.size else system.step(damping, stopped, -wires[stopped])


def _step(
    state: FitState, system: NormalEquations, reads: Reads, damping: float
) -> tuple[FitState, float, float]:
    """Find a step that lowers the cost; return where it leads, the cost there and the next damping.

    Where no step lowers the cost the fit has come to rest: the state is returned as it is.
    """
    while damping < _DAMPING_LIMIT:
        trial = state.moved(_within_bounds(state, system, damping))
        try:
            bare = trial.circuit.solve(reads.conductance_s, reads.matrix, reads.voltage_v)
        except TrainingError:
            # A law that does not rise everywhere: the step went too far.
            damping *= _DAMPING_UP
            continue
        if (cost := trial.cost(reads, bare)) < system.cost:
            return trial, cost, max(damping * _DAMPING_DOWN, _DAMPING_LEAST)
        damping *= _DAMPING_UP
    return state, system.cost, damping
