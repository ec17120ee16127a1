"""Surrogate of one matrix's circuit, fitted at program time, as the tensors of
`crosscal.runtime.inverse.inverse`.

The circuit is relaxed for a fixed set of input vectors, and the surrogate is fitted to its answers by
conjugate gradients on the normal equations, all columns at once. Nothing but matrix products and
elementwise steps, so that it runs as a graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.training.calibrators.structured.backend import Array, Backend
from crosscal.training.calibrators.structured.circuit import (
    CircuitForm,
    CircuitUnknowns,
    Relaxation,
    cell_terms,
)

CHUNK = 32
"""Vectors relaxed at a time: their cells stay in the cache."""

_RIDGE = 1e-7
_COMMON_WEIGHT = 2.0
"""Weight of a vector of common inputs, against 1."""

_PRECONDITIONER_RIDGE = 1e-2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurrogateDesign:
    """The input vectors that the surrogate of every matrix is fitted to.

    Attributes:
        inputs: standardised, (B, N), B a multiple of `CHUNK`; the first `common` rows are vectors of
            common inputs, the rest are drawn one by one as in training.
        common: how many go together.
        drive_v: their drives [V], (B, N).
        orthogonal: (4, 4): row k holds the powers of the k-th polynomial that is orthonormal over the inputs.
        rounds: rounds of conjugate gradients.
    """

    inputs: np.ndarray
    common: int
    drive_v: np.ndarray
    orthogonal: np.ndarray
    rounds: int = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surrogate:
    """The tensors of `InverseTensors` that depend on the matrix, of one backend; columns are (1, M)."""

    polynomial: list[Array]
    coupling: list[Array]
    quadratic: Array
    column_terms: Array
    loading: Array
    constant: Array
    variance: Array
    input_variance: Array
    prediction_bias: Array
    gain: Array
    linear: Array
    offset: Array


def moments(rows: int) -> np.ndarray:
    """Weights along a column that a product's common factor is taken with, (2, N): all alike, and rising."""
    place = (np.arange(rows) - 0.5 * (rows - 1)) * (np.sqrt(12.0) / rows)
    return np.stack([np.ones(rows), place])


def fit_surrogate(
    backend: Backend,
    form: CircuitForm,
    unknowns: CircuitUnknowns,
    design: SurrogateDesign,
    noise: Array,
    conductance_s: Array,
) -> Surrogate:
    """Condense one matrix.

    Args:
        backend: where the arrays live.
        form, unknowns: the circuit; all float64.
        design: the vectors.
        noise: variance of scaled currents that the circuit leaves unexplained, (1, M), float64.
        conductance_s: target [S], (N, M), float64.
    """
    answers = _responses(backend, form, unknowns, design, conductance_s)
    loading = conductance_s * (1.0 / (form.middle_s * np.sqrt(form.rows)))
    fit = _LeastSquares(backend, form, design, loading)
    solution = fit.solve(answers)
    misfit = fit.misfit(answers, solution)
    return _surrogate_of(backend, form, design, loading, solution, answers, noise + misfit)


def _responses(
    backend: Backend,
    form: CircuitForm,
    unknowns: CircuitUnknowns,
    design: SurrogateDesign,
    conductance_s: Array,
) -> Array:
    relaxation = Relaxation(backend, form, unknowns, cell_terms(form, unknowns, conductance_s))
    chunks = backend.constant(design.drive_v.reshape(-1, CHUNK, form.rows, 1))
    stacked = backend.mapped(relaxation.currents, chunks)
    return backend.reshaped(stacked, (-1, form.columns))


class _LeastSquares:
    """Least squares for the surrogate's coefficients, (3 + 6 N, M).

    In this order: a constant, three orthonormal polynomials of each input, the product of each input with
    its column's load, the same with its second polynomial, with its column's load higher up,
    and two powers of a column's load.
    """

    def __init__(self, backend: Backend, form: CircuitForm, design: SurrogateDesign, loading: Array) -> None:
        self._backend, self._form, self._design = backend, form, design
        weight = np.ones((len(design.inputs), 1))
        weight[: design.common] = _COMMON_WEIGHT
        self._weight = backend.constant(weight)
        z = design.inputs
        powers = np.stack([np.ones_like(z), z, z**2, z**3])
        orthogonal = np.tensordot(design.orthogonal[1:], powers, axes=1)
        inputs = backend.constant(z)
        self._orthogonal = orthogonal
        self._alone = backend.constant(np.concatenate([np.ones((len(z), 1)), *orthogonal], axis=1))
        low, high = (inputs @ (loading * backend.constant(moment[:, None])) for moment in moments(form.rows))
        second = backend.constant(orthogonal[1])
        self._products = [(low, inputs), (low, second), (high, inputs)]
        carried = low * (1.0 / np.sqrt(form.rows))
        self._powers = [carried * carried * carried, carried * carried * carried * carried]
        self._alone_turned = backend.swap(self._alone, 2)
        self._turned = [backend.swap(part, 2) for _, part in self._products]

    def predicted(self, solution: Array) -> Array:
        """Currents (B, M) that coefficients give."""
        n, cut = self._form.rows, self._backend.cut
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
        size = backend.sum(left * along, 0)
        solution: Array | None = None
        for _ in range(self._design.rounds):
            image = self._gathered(self.predicted(along) * self._weight) + along * ridge
            reach = size / backend.sum(along * image, 0)
            move = along * reach
            solution = move if solution is None else solution + move
            left = left - image * reach
            eased = likely @ left
            rest = backend.sum(left * eased, 0)
            along = eased + along * (rest / size)
            size = rest
        return solution

    def _preconditioner(self) -> np.ndarray:
        """Invert the normal equations of a column of equal cells: preconditions those of every other."""
        z, rows = self._design.inputs, self._form.rows
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
        coefficients = 3 + 6 * self._form.rows
        kept = max(1.0 - coefficients / total, 0.1)
        return self._backend.sum(wrong * wrong, 0) * (1.0 / ((total - common) * kept**2))


def _surrogate_of(
    backend: Backend,
    form: CircuitForm,
    design: SurrogateDesign,
    loading: Array,
    solution: Array,
    answers: Array,
    variance: Array,
) -> Surrogate:
    n, cut = form.rows, backend.cut
    constant = cut(solution, 0, 0, 1)
    blocks = [cut(solution, 0, 1 + k * n, 1 + (k + 1) * n) for k in range(6)]
    powers = _in_powers(design, dict(enumerate(blocks[:3], start=1)))
    by_second = _in_powers(design, {2: blocks[4]})
    powers[1] = powers[1] + loading * backend.sum(by_second[0], 0)
    column_terms = [
        cut(solution, 0, 1 + 6 * n + j, 2 + 6 * n + j) * float(form.rows ** (-0.5 * (3 + j)))
        for j in range(2)
    ]
    linear = blocks[0] * float(1.0 / _spread(design))
    total = len(design.inputs)
    inputs = cut(backend.constant(design.inputs), 0, design.common, total)
    free = cut(answers, 0, design.common, total) - inputs @ linear
    share = 1.0 / (total - design.common)
    offset = backend.sum(free, 0) * share
    nonlinear = free - offset
    trusted = variance + backend.sum(nonlinear * nonlinear, 0) * share
    seen = backend.swap(linear, 2) @ linear + backend.constant(np.eye(form.columns)) * trusted
    gain = backend.swap(backend.solved(seen, backend.swap(linear, 2), form.columns), 2)
    known = backend.solved(
        backend.swap(linear, 2) @ linear + backend.constant(np.eye(form.columns)) * variance,
        backend.swap(linear, 2),
        form.columns,
    )
    covariance = backend.constant(np.eye(n)) - linear @ known
    input_variance = backend.sum(covariance * backend.constant(np.eye(n)), -1)
    coupling = [blocks[3] + by_second[1], blocks[5]]
    prediction_bias = backend.sum(powers[2] * input_variance, 0)
    for moment, link in zip(moments(n), coupling, strict=True):
        prediction_bias = prediction_bias + backend.sum(
            loading * backend.constant(moment[:, None]) * (covariance @ link), 0
        )
    return Surrogate(
        polynomial=powers[1:],
        coupling=coupling,
        quadratic=by_second[2],
        column_terms=backend.joined(column_terms, 0),
        loading=loading,
        constant=constant + backend.sum(powers[0], 0),
        variance=variance,
        input_variance=input_variance,
        prediction_bias=prediction_bias,
        gain=gain,
        linear=linear,
        offset=offset,
    )


def _in_powers(design: SurrogateDesign, blocks: dict[int, Array]) -> list[Array]:
    """Coefficients of z⁰ … z³ of a sum of orthonormal polynomials, by their number."""
    powers = []
    for p in range(4):
        parts = [block * float(design.orthogonal[k, p]) for k, block in blocks.items()]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        powers.append(total)
    return powers


def _spread(design: SurrogateDesign) -> float:
    """Standard deviation of the inputs drawn one by one: 1, but for sampling."""
    return float(design.inputs[design.common :].std())
