"""Fit of the believed circuit to measured currents: Levenberg–Marquardt through the solver's own derivatives.

Unknown are the wires, the law's coefficients, and a gain and an offset per column: `I ≈ gain · F(v; G) +
offset`. Scaling the law up and all resistances down by one factor changes nothing that gains could not undo,
so gains carry a prior around 1, the only place where an assumption enters.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Float, Vectors
from crosscal.core.errors import TrainingError
from crosscal.training.belief_circuit import BelievedCircuit

GAIN_SPREAD = 0.03
"""Standard deviation of the gains' prior; amplifiers are within some percent before calibration."""

OFFSET_SPREAD = 0.1
"""Standard deviation of the offsets' prior, in parts of the largest current."""

_ITERATIONS = 40
_DAMPING_START, _DAMPING_UP, _DAMPING_DOWN, _DAMPING_LIMIT = 1e-3, 8.0, 0.15, 1e8

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reads:
    """Vectors on matrices with what was measured: `matrix[b]` says on which of the K matrices vector `b` was.

    Attributes:
        conductance_s: targets [S], (K, N, M).
        matrix: (B,).
        voltage_v: [V], (B, N).
        current_a: [A], (B, M); finite.
    """

    conductance_s: Float[np.ndarray, "matrices rows columns"]
    matrix: np.ndarray
    voltage_v: Vectors
    current_a: Currents

    def of(self, index: np.ndarray) -> Reads:
        """Pick some vectors."""
        return Reads(
            conductance_s=self.conductance_s,
            matrix=self.matrix[index],
            voltage_v=self.voltage_v[index],
            current_a=self.current_a[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CircuitFit:
    """A believed circuit behind amplifiers.

    Attributes:
        circuit: wires and law.
        gain: per column, (M,).
        offset_a: per column [A], (M,).
        residual_a: root mean square of what is left [A].
        standard_error: of `circuit.parameters`, (P,): robust to errors that the cells of one matrix share.
        settled: whether the iteration came to rest.
    """

    circuit: BelievedCircuit
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


def fit_circuit(start: CircuitFit, reads: Reads, settled_gain: float = 1e-5) -> CircuitFit:
    """Fit wires, law, gains and offsets, beginning at `start`, whose law's form is kept.

    Args:
        start: where to begin.
        reads: measured currents.
        settled_gain: a step that lowers the cost by less than this part of it is the last.

    Raises:
        TrainingError: no step from `start` can be solved.
    """
    state, current = _State.of(start), None
    damping, settled = _DAMPING_START, False
    for iteration in range(_ITERATIONS):
        current, tangent = state.circuit.differentiate(reads.conductance_s, reads.matrix, reads.voltage_v)
        system = _NormalEquations.of(state, reads, current, tangent)
        accepted, damping = _step(state, system, reads, damping)
        if accepted is None:
            settled = True
            break
        gained = 1.0 - accepted.cost(reads) / system.cost
        logger.debug("iteration %d: cost %.6g, gained %.2e", iteration, system.cost, gained)
        state = accepted
        if gained < settled_gain:
            settled = True
            break
    state = state.with_gains_about_one()
    current, tangent = state.circuit.differentiate(reads.conductance_s, reads.matrix, reads.voltage_v)
    system = _NormalEquations.of(state, reads, current, tangent)
    return CircuitFit(
        circuit=state.circuit,
        gain=state.gain,
        offset_a=state.offset_a,
        residual_a=float(np.sqrt(np.mean(system.residual**2))),
        standard_error=system.standard_error(),
        settled=settled,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    circuit: BelievedCircuit
    gain: np.ndarray
    offset_a: np.ndarray
    noise_a: float
    current: np.ndarray | None = None

    @classmethod
    def of(cls, fit: CircuitFit) -> _State:
        return cls(circuit=fit.circuit, gain=fit.gain, offset_a=fit.offset_a, noise_a=fit.residual_a)

    def solved(self, reads: Reads) -> _State:
        current = self.circuit.solve(reads.conductance_s, reads.matrix, reads.voltage_v)
        return _State(
            circuit=self.circuit,
            gain=self.gain,
            offset_a=self.offset_a,
            noise_a=self.noise_a,
            current=current,
        )

    def cost(self, reads: Reads) -> float:
        current = self.current if self.current is not None else self.solved(reads).current
        residual = reads.current_a - self.gain * current - self.offset_a
        return float((residual**2).sum()) + self.penalty(np.abs(reads.current_a).max())

    def penalty(self, full_scale_a: float) -> float:
        gains = ((self.gain - 1.0) / GAIN_SPREAD) ** 2
        offsets = (self.offset_a / (OFFSET_SPREAD * full_scale_a)) ** 2
        return self.noise_a**2 * float(gains.sum() + offsets.sum())

    def with_gains_about_one(self) -> _State:
        """Go along the scale that the data leave open, exactly: no step would, as it gains nothing there."""
        scale = float(self.gain.mean())
        values = self.circuit.parameters
        values[:4] /= scale
        values[4:] *= scale
        return _State(
            circuit=self.circuit.with_parameters(values),
            gain=self.gain / scale,
            offset_a=self.offset_a,
            noise_a=self.noise_a,
        )

    def moved(self, step: np.ndarray) -> _State:
        count = self.circuit.parameters.size
        values = self.circuit.parameters + step[:count]
        values[:4] = np.maximum(values[:4], 0.0)
        columns = self.gain.size
        return _State(
            circuit=self.circuit.with_parameters(values),
            gain=self.gain + step[count : count + columns],
            offset_a=self.offset_a + step[count + columns :],
            noise_a=self.noise_a,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _NormalEquations:
    """`matrix · step = slope` for parameters, gains and offsets, in this order."""

    matrix: np.ndarray
    slope: np.ndarray
    cost: float
    residual: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, state: _State, reads: Reads, current: np.ndarray, tangent: np.ndarray) -> _NormalEquations:
        columns, count = state.gain.size, tangent.shape[2]
        residual = reads.current_a - state.gain * current - state.offset_a
        scaled = tangent * state.gain[:, None]
        full = np.zeros((count + 2 * columns, count + 2 * columns))
        full[:count, :count] = np.einsum("bmp,bmq->pq", scaled, scaled, optimize=True)
        own = np.stack([current, np.ones_like(current)])
        cross = np.einsum("bmp,kbm->kmp", scaled, own, optimize=True).reshape(2 * columns, count)
        full[count:, :count], full[:count, count:] = cross, cross.T
        blocks = np.einsum("kbm,lbm->klm", own, own, optimize=True)
        here = count + np.arange(columns)
        for k in range(2):
            for j in range(2):
                full[here + k * columns, here + j * columns] = blocks[k, j]
        full_scale_a = np.abs(reads.current_a).max()
        weights = np.concatenate(
            [
                np.full(columns, (state.noise_a / GAIN_SPREAD) ** 2),
                np.full(columns, (state.noise_a / (OFFSET_SPREAD * full_scale_a)) ** 2),
            ]
        )
        full[np.arange(count, len(full)), np.arange(count, len(full))] += weights
        scores = _scores(scaled, own, residual, reads.matrix, len(reads.conductance_s))
        slope = scores.sum(axis=0)
        slope[count:] -= weights * np.concatenate([state.gain - 1.0, state.offset_a])
        cost = float((residual**2).sum()) + state.penalty(full_scale_a)
        return cls(matrix=full, slope=slope, cost=cost, residual=residual, scores=scores)

    def solve(self, damping: float) -> np.ndarray:
        scale = np.sqrt(np.maximum(np.diag(self.matrix), np.finfo(float).tiny))
        balanced = self.matrix / scale / scale[:, None]
        balanced[np.diag_indices_from(balanced)] += damping
        return np.linalg.solve(balanced, self.slope / scale) / scale

    def standard_error(self) -> np.ndarray:
        """Sandwich estimate, clustered by matrix and column, whose reads share their programming errors."""
        count = self.scores.shape[1] - 2 * self.residual.shape[1]
        inverse = np.linalg.pinv(self.matrix, hermitian=True)
        spread = self.scores.T @ self.scores
        return np.sqrt(np.maximum(np.diag(inverse @ spread @ inverse)[:count], 0.0))


def _scores(
    scaled: np.ndarray, own: np.ndarray, residual: np.ndarray, matrix: np.ndarray, count: int
) -> np.ndarray:
    """Slope of half the squared error by matrix and column, (matrices · columns, parameters + 2 columns)."""
    columns = residual.shape[1]
    score = np.zeros((count, columns, scaled.shape[2]))
    np.add.at(score, matrix, scaled * residual[:, :, None])
    private = np.zeros((2, count, columns))
    for k in range(2):
        np.add.at(private[k], matrix, own[k] * residual)
    spread = private[:, :, :, None] * np.eye(columns)
    flat = [
        score.reshape(count * columns, -1),
        *(block.reshape(count * columns, columns) for block in spread),
    ]
    return np.concatenate(flat, axis=1)


def _step(
    state: _State, system: _NormalEquations, reads: Reads, damping: float
) -> tuple[_State | None, float]:
    """Find a step that lowers the cost; None when none does, which means that the fit has come to rest."""
    while damping < _DAMPING_LIMIT:
        trial = state.moved(system.solve(damping))
        try:
            trial = trial.solved(reads)
        except TrainingError:
            # A law that does not rise everywhere: the step went too far.
            damping *= _DAMPING_UP
            continue
        if trial.cost(reads) < system.cost:
            return trial, max(damping * _DAMPING_DOWN, 1e-12)
        damping *= _DAMPING_UP
    return None, damping
