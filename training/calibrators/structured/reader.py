"""Read time: the steps of `crosscal.runtime.inverse.inverse`, for a batch of readings, on any backend.

The runtime's kernel takes the same steps one reading at a time; here they are matrix products over the
batch, so that the ONNX file answers as the kernel does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from crosscal.runtime import InverseTensors
from crosscal.training.calibrators.structured.backend import Array, Backend
from crosscal.training.calibrators.structured.circuit import Circuit
from crosscal.training.calibrators.structured.least_squares import moments
from crosscal.training.calibrators.structured.surrogate import Surrogate

# Insensitive between none and twice as much damping, and with half as many steps; between 0.1 and 1
# (`python benchmarks/constants.py reader`).
_DAMPING = (2.0, 1.0, 0.5, 0.2, 0.2, 0.2, 0.2, 0.2)
_STEP_TOLERANCE = (0.3, 0.3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadRules:
    """Rules for readings of all matrices of a board; see `crosscal.runtime.InverseTensors`.

    Attributes:
        input_bounds: (5,). damping: (S,). step_tolerance: (2,). expansion: (K,). current_scale,
            current_shift: (M,).
    """

    input_bounds: np.ndarray
    damping: np.ndarray
    step_tolerance: np.ndarray
    expansion: np.ndarray
    current_scale: np.ndarray
    current_shift: np.ndarray

    @classmethod
    def of(cls, circuit: Circuit, *, input_bounds: np.ndarray, expansion: np.ndarray) -> ReadRules:
        """Collect the rules for readings of a circuit's board."""
        form, unknowns = circuit.form, circuit.unknowns
        return cls(
            input_bounds=input_bounds,
            damping=np.array(_DAMPING),
            step_tolerance=np.array(_STEP_TOLERANCE),
            expansion=expansion,
            current_scale=1.0 / (form.unit_a * unknowns.gain.double().numpy()),
            current_shift=form.unit_a * unknowns.offset.double().numpy(),
        )


class Reader:
    """Finds the likeliest inputs of readings of one matrix."""

    def __init__(
        self, backend: Backend, surrogate: Surrogate, rules: ReadRules, shape: tuple[int, int]
    ) -> None:
        self._backend, self._surrogate, self._rules = backend, surrogate, rules
        self._rows, self._columns = shape
        self._loadings = [
            surrogate.loading * backend.constant(moment[:, None]) for moment in moments(self._rows)
        ]
        self._column_terms = [backend.cut(surrogate.column_terms, 0, j, j + 1) for j in range(2)]

    def calibrated(self, current_a: Array, conductance_s: Array) -> Array:
        """Calibrated currents [A], (B, M), of measured ones and the target [S], (N, M); all float64."""
        shift = self._backend.constant(self._rules.current_shift[None])
        scale = self._backend.constant(self._rules.current_scale[None])
        y = (current_a - shift) * scale - self._surrogate.prediction_bias
        return self._volts(self._inputs(y)) @ conductance_s

    def _inputs(self, y: Array) -> Array:
        low, high, penalty, least, most = (float(bound) for bound in self._rules.input_bounds)
        backend, surrogate = self._backend, self._surrogate
        turned = backend.swap(surrogate.gain, 2)
        z = backend.clipped((y - surrogate.offset) @ turned, least, most)
        y_linear = y - self._predicted(z) + z @ surrogate.linear
        z = backend.clipped(y_linear @ turned, least, most)
        moving: Array | None = None
        usual = backend.sum(surrogate.variance, -1) * (float(self._rules.step_tolerance[1]) / self._columns)
        for damping in self._rules.damping:
            wrong = y - self._predicted(z)
            unexplained = backend.sum(wrong * wrong, -1) * (float(damping) ** 2 / self._columns)
            weight = 1.0 / (surrogate.variance + unexplained)
            stiffness = backend.beyond(z, low, high) * penalty + 1.0
            pull = (backend.clipped(z, low, high) - z) * penalty - z
            slope = self._slope(z)
            force = backend.reshaped(wrong * weight, (-1, self._columns, 1))
            gradient = slope @ force + backend.reshaped(pull, (-1, self._rows, 1))
            move = self._solved(slope, weight, backend.reshaped(stiffness, (-1, self._rows, 1)), gradient)
            move = backend.reshaped(move, (-1, self._rows))
            onward = z + (move if moving is None else move * moving)
            z = backend.clipped(onward, least, most)
            moved = backend.sum(backend.reshaped(gradient, (-1, self._rows)) * move, -1)
            far = backend.beyond(moved, -math.inf, float(self._rules.step_tolerance[0]) * self._rows)
            doubted = backend.beyond(unexplained - usual, -math.inf, 0.0)
            goes_on = far + doubted - far * doubted
            moving = goes_on if moving is None else moving * goes_on
        return z

    def _predicted(self, z: Array) -> Array:
        first, second, third = self._surrogate.polynomial
        total = z @ first + (z * z) @ second + (z * z * z) @ third + self._surrogate.constant
        for loading, coupling in zip(self._loadings, self._surrogate.coupling, strict=True):
            total = total + (z @ loading) * (z @ coupling)
        carried, (cubic, quartic) = z @ self._surrogate.loading, self._column_terms
        return total + carried * (
            (z * z) @ self._surrogate.quadratic + carried * carried * (cubic + carried * quartic)
        )

    def _slope(self, z: Array) -> Array:
        """Derivative of the prediction, (B, N, M)."""
        first, second, third = self._surrogate.polynomial
        backend = self._backend
        upright = backend.reshaped(z, (-1, self._rows, 1))
        total = (third * 3.0 * upright + second * 2.0) * upright + first
        for loading, coupling in zip(self._loadings, self._surrogate.coupling, strict=True):
            along = backend.reshaped(z @ loading, (-1, 1, self._columns))
            across = backend.reshaped(z @ coupling, (-1, 1, self._columns))
            total = total + coupling * along + loading * across
        carried, (cubic, quartic) = z @ self._surrogate.loading, self._column_terms
        steep = (z * z) @ self._surrogate.quadratic + carried * carried * (
            cubic * 3.0 + carried * quartic * 4.0
        )
        total = total + self._surrogate.quadratic * upright * (
            backend.reshaped(carried, (-1, 1, self._columns)) * 2.0
        )
        return total + self._surrogate.loading * backend.reshaped(steep, (-1, 1, self._columns))

    def _solved(self, slope: Array, weight: Array, stiffness: Array, gradient: Array) -> Array:
        """`(J W Jᵀ + Λ)⁻¹ gradient` for `slope` J (B, N, M), by whichever side is smaller."""
        backend = self._backend
        turned = backend.swap(slope, 3)
        across = backend.reshaped(weight, (-1, 1, self._columns))
        if self._rows <= self._columns:
            own = backend.constant(np.eye(self._rows)) * stiffness
            return backend.solved((slope * across) @ turned + own, gradient, self._rows)
        soft = slope / stiffness
        start = gradient / stiffness
        own = backend.constant(np.eye(self._columns)) * (1.0 / across)
        middle = backend.solved(turned @ soft + own, turned @ start, self._columns)
        return start - soft @ middle

    def _volts(self, z: Array) -> Array:
        """Compute mean volts of likely inputs: their own and half the curvature times the variance of `z`."""
        bend = np.polynomial.polynomial.polyder(self._rules.expansion, 2)
        soft = self._backend.reshaped(self._surrogate.input_variance, (1, -1))
        return self._powers(z, self._rules.expansion) + self._powers(z, bend) * soft * 0.5

    def _powers(self, z: Array, coefficients: np.ndarray) -> Array:
        *lower, highest = (float(c) for c in coefficients)
        total = z * highest + lower[-1]
        for c in lower[-2::-1]:
            total = total * z + c
        return total


def tensors_of(
    surrogate: Surrogate, rules: ReadRules, inflation: float, shape: tuple[int, int]
) -> dict[str, object]:
    """Name every tensor of `InverseTensors` but the target; stacks are lists still."""
    found = {field.name: getattr(part, field.name) for part in (surrogate, rules) for field in fields(part)}
    found |= {"moment": moments(shape[0]), "inflation": np.array([inflation])}
    return {field.name: found[field.name] for field in fields(InverseTensors) if field.name in found}
