"""State of a white-box fit, and its normal equations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.training.calibrators.whitebox.circuit_model import CircuitModel
from crosscal.training.calibrators.whitebox.reads import Reads

GAIN_SPREAD = 0.03
"""Standard deviation of the gains' prior; amplifiers are within some percent before calibration.
Insensitive between 0.01 and 0.1 (`python benchmarks/constants.py GAIN_SPREAD`)."""

OFFSET_SPREAD = 0.1
"""Standard deviation of the offsets' prior, relative to the largest current. Insensitive between 0.01
and 1 (`python benchmarks/constants.py OFFSET_SPREAD`)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitState:
    """Circuit behind amplifiers, and the weight of their prior against the residuals.

    Attributes:
        circuit: wires and law. gain: (M,). offset_a: [A], (M,).
        noise_a: standard deviation of a residual [A].
    """

    circuit: CircuitModel
    gain: Float[np.ndarray, " columns"]
    offset_a: Float[np.ndarray, " columns"]
    noise_a: float

    def cost(self, reads: Reads, bare_a: Currents) -> float:
        """Sum squared residuals and the prior's share [A²]; `bare_a` are the circuit's currents, (B, M)."""
        residual = reads.current_a - self.gain * bare_a - self.offset_a
        prior = self.prior_weights(reads) @ np.concatenate([self.gain - 1.0, self.offset_a]) ** 2
        return float((residual**2).sum() + prior)

    def prior_weights(self, reads: Reads) -> Float[np.ndarray, " amplifiers"]:
        """Weights of the squared deviations of gains and offsets, (2 M,)."""
        spread = np.repeat([GAIN_SPREAD, OFFSET_SPREAD * np.abs(reads.current_a).max()], self.gain.size)
        return (self.noise_a / spread) ** 2

    def moved(self, step: np.ndarray) -> FitState:
        """Go a step in parameters, gains and offsets; resistances stop at 0."""
        count, columns = self.circuit.parameters.size, self.gain.size
        values = self.circuit.parameters + step[:count]
        values[:4] = np.maximum(values[:4], 0.0)
        return replace(
            self,
            circuit=self.circuit.with_parameters(values),
            gain=self.gain + step[count : count + columns],
            offset_a=self.offset_a + step[count + columns :],
        )

    def with_gains_about_one(self) -> FitState:
        """Go along the scale that the data leave open, exactly: no step would, as it gains nothing there."""
        scale = float(self.gain.mean())
        values = self.circuit.parameters
        values[:4] /= scale
        values[4:] *= scale
        return replace(self, circuit=self.circuit.with_parameters(values), gain=self.gain / scale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormalEquations:
    """`matrix · step = slope` for parameters, gains and offsets, in this order, (P + 2 M).

    Attributes:
        matrix, slope: as above.
        scatter: how the slopes of single clusters scatter, (P + 2 M, P + 2 M).
        residual: [A], (B, M).
        cost: of the state they were made at.
    """

    matrix: np.ndarray
    slope: np.ndarray
    scatter: np.ndarray
    residual: Currents
    cost: float

    @classmethod
    def at(cls, state: FitState, reads: Reads) -> NormalEquations:
        """Linearise at a state.

        Raises:
            TrainingError: its circuit cannot be solved.
        """
        bare, tangent = state.circuit.differentiate(reads.conductance_s, reads.matrix, reads.voltage_v)
        residual = reads.current_a - state.gain * bare - state.offset_a
        design = np.concatenate(
            [tangent * state.gain[:, None], bare[:, :, None], np.ones((*bare.shape, 1))], axis=2
        )
        matrix = _spread_out(np.einsum("bmp,bmq->mpq", design, design, optimize=True))
        slopes = np.zeros((len(reads.conductance_s), *design.shape[1:]))
        np.add.at(slopes, reads.matrix, design * residual[:, :, None])
        total = slopes.sum(axis=0)
        slope = np.concatenate([total[:, :-2].sum(axis=0), total[:, -2], total[:, -1]])
        weights = state.prior_weights(reads)
        amplifiers = np.arange(tangent.shape[2], len(matrix))
        matrix[amplifiers, amplifiers] += weights
        slope[amplifiers] -= weights * np.concatenate([state.gain - 1.0, state.offset_a])
        return cls(
            matrix=matrix,
            slope=slope,
            scatter=_spread_out(np.einsum("kmp,kmq->mpq", slopes, slopes, optimize=True)),
            residual=residual,
            cost=state.cost(reads, bare),
        )

    def step(
        self, damping: float, given: np.ndarray | None = None, values: np.ndarray | None = None
    ) -> np.ndarray:
        """Levenberg–Marquardt step, damped in parts of each unknown's own curvature.

        Args:
            damping: how strongly.
            given, values: elements of the step that are not free, and their values.
        """
        scale = np.sqrt(np.maximum(np.diag(self.matrix), np.finfo(float).tiny))
        balanced = self.matrix / scale / scale[:, None]
        balanced[np.diag_indices_from(balanced)] += damping
        step, slope = np.zeros(len(scale)), self.slope / scale
        free = np.ones(len(scale), dtype=bool)
        if given is not None and values is not None:
            free[given] = False
            step[given] = values * scale[given]
            slope = slope - balanced @ step
        step[free] = np.linalg.solve(balanced[np.ix_(free, free)], slope[free])
        return step / scale

    def standard_error(self) -> np.ndarray:
        """Compute those of all unknowns: a sandwich, clustered by matrix and column for shared errors."""
        # In parts of each unknown's own curvature: ohms and volts of weak wires are many powers of ten apart.
        scale = np.sqrt(np.maximum(np.diag(self.matrix), np.finfo(float).tiny))
        unit = np.outer(scale, scale)
        inverse = np.linalg.pinv(self.matrix / unit, hermitian=True) / unit
        return np.sqrt(np.maximum(np.diag(inverse @ self.scatter @ inverse), 0.0))


def _spread_out(blocks: Float[np.ndarray, "columns own own"]) -> np.ndarray:
    """Sum the columns' blocks of shared parameters, and place those of each gain and offset."""
    columns, own, _ = blocks.shape
    count = own - 2
    full = np.zeros((count + 2 * columns, count + 2 * columns))
    full[:count, :count] = blocks[:, :count, :count].sum(axis=0)
    place = [count + k * columns + np.arange(columns) for k in range(2)]
    for k in range(2):
        full[place[k], :count] = blocks[:, count + k, :count]
        full[:count, place[k]] = blocks[:, :count, count + k].T
        for j in range(2):
            full[place[k], place[j]] = blocks[:, count + k, count + j]
    return full
