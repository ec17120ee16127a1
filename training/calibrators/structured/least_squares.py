"""Least squares for a surrogate's coefficients, by conjugate gradients on the normal equations."""

from __future__ import annotations

import numpy as np

from crosscal.training.calibrators.structured.backend import Array, Backend
from crosscal.training.calibrators.structured.surrogate_design import SurrogateDesign

_RIDGE = 1e-7  # insensitive between 1e-9 and 1e-5 (`python benchmarks/constants.py RIDGE`)
_LEAST = 1e-37
"""Below anything that a current's square comes to: a column of cells of 0 S is settled from the start. What
single precision takes for 0, onnxruntime would leave out."""

_COMMON_WEIGHT = 2.0
"""Weight of a vector of common inputs, against 1."""

_PRECONDITIONER_RIDGE = 1e-2  # insensitive between 1e-3 and 0.1 (`python benchmarks/constants.py RIDGE`)


def moments(rows: int) -> np.ndarray:
    """Weights along a column that a product's common factor is taken with, (2, N): all alike, and rising."""
    place = (np.arange(rows) - 0.5 * (rows - 1)) * (np.sqrt(12.0) / rows)
    return np.stack([np.ones(rows), place])


class SurrogateLeastSquares:
    """Least squares for the surrogate's coefficients, (3 + 6 N, M).

    In this order: a constant, three orthonormal polynomials of each input, the product of each input with
    its column's load, the same with its second polynomial, with its column's load higher up,
    and two powers of a column's load.
    """

    def __init__(self, backend: Backend, rows: int, design: SurrogateDesign, loading: Array) -> None:
        self._backend, self._rows, self._design = backend, rows, design
        weight = np.ones((len(design.inputs), 1))
        weight[: design.common] = _COMMON_WEIGHT
        self._weight = backend.constant(weight)
        z = design.inputs
        powers = np.stack([np.ones_like(z), z, z**2, z**3])
        orthogonal = np.tensordot(design.orthogonal[1:], powers, axes=1)
        inputs = backend.constant(z)
        self._orthogonal = orthogonal
        self._alone = backend.constant(np.concatenate([np.ones((len(z), 1)), *orthogonal], axis=1))
        low, high = (inputs @ (loading * backend.constant(moment[:, None])) for moment in moments(rows))
        second = backend.constant(orthogonal[1])
        self._products = [(low, inputs), (low, second), (high, inputs)]
        carried = low * (1.0 / np.sqrt(rows))
        self._powers = [carried * carried * carried, carried * carried * carried * carried]
        self._alone_turned = backend.swap(self._alone, 2)
        self._turned = [backend.swap(part, 2) for _, part in self._products]

    def predicted(self, solution: Array) -> Array:
        """Currents (B, M) that coefficients give."""
        n, cut = self._rows, self._backend.cut
        total = self._alone @ cut(solution, 0, 0, 1 + 3 * n)
        for j, (shared, part) in enumerate(self._products):
            start = 1 + (3 + j) * n
            total = total + shared * (part @ cut(solution, 0, start, start + n))
        for j, power in enumerate(self._powers):
            total = total + power * cut(solution, 0, 1 + 6 * n + j, 2 + 6 * n + j)
        return total

    def _gathered(self, errors: Array) -> Array:
        parts = [self._alone_turned @ errors]
        parts += [
            turned @ (shared * errors)
            for turned, (shared, _) in zip(self._turned, self._products, strict=True)
        ]
        parts += [self._backend.sum(power * errors, 0) for power in self._powers]
        return self._backend.joined(parts, 0)

    def solve(self, answers: Array) -> Array:
        backend = self._backend
        ridge = _RIDGE * len(self._design.inputs)
        likely = backend.constant(self._preconditioner())
        left = self._gathered(answers * self._weight)
        along = likely @ left

        def descend(state: tuple[Array, ...]) -> tuple[Array, ...]:
            solution, left, along, size = state
            image = self._gathered(self.predicted(along) * self._weight) + along * ridge
            reach = size / (backend.sum(along * image, 0) + _LEAST)
            left = left - image * reach
            eased = likely @ left
            rest = backend.sum(left * eased, 0)
            return solution + along * reach, left, eased + along * (rest / (size + _LEAST)), rest

        start = (along * 0.0, left, along, backend.sum(left * along, 0))
        return backend.repeated(descend, start, self._design.rounds)[0]

    def _preconditioner(self) -> np.ndarray:
        """Invert the normal equations of a column of equal cells: preconditions those of every other."""
        z, rows = self._design.inputs, self._rows
        low, high = (z @ moment / np.sqrt(rows) for moment in moments(rows))
        second = self._orthogonal[1]
        carried = low / np.sqrt(rows)
        features = np.concatenate(
            [
                np.ones((len(z), 1)),
                *self._orthogonal,
                low[:, None] * z,
                low[:, None] * second,
                high[:, None] * z,
                carried[:, None] ** 3,
                carried[:, None] ** 4,
            ],
            axis=1,
        )
        weight = np.ones((len(z), 1))
        weight[: self._design.common] = _COMMON_WEIGHT
        normal = features.T @ (weight * features)
        return np.linalg.inv(normal + _PRECONDITIONER_RIDGE * len(z) * np.eye(len(normal)))

    def misfit(self, answers: Array, solution: Array) -> Array:
        """Estimate the surrogate's error variance on fresh vectors like those drawn one by one, (1, M)."""
        total, common = len(self._design.inputs), self._design.common
        wrong = self._backend.cut(answers - self.predicted(solution), 0, common, total)
        coefficients = 3 + 6 * self._rows
        kept = max(1.0 - coefficients / total, 0.1)
        return self._backend.sum(wrong * wrong, 0) * (1.0 / ((total - common) * kept**2))
