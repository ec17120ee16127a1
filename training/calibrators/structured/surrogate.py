"""Surrogate of one matrix's circuit, fitted at program time, as the tensors of
`crosscal.runtime.inverse.inverse`.

The circuit is relaxed for a fixed set of input vectors, and the surrogate is fitted to its answers. Nothing
but matrix products and elementwise steps, so that it runs as a graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.runtime import SurrogateTensors
from crosscal.training.calibrators.structured.backend import Array, Backend
from crosscal.training.calibrators.structured.circuit import Circuit, CircuitForm
from crosscal.training.calibrators.structured.least_squares import SurrogateLeastSquares, moments
from crosscal.training.calibrators.structured.relaxation import Relaxation
from crosscal.training.calibrators.structured.surrogate_design import CHUNK, SurrogateDesign


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surrogate(SurrogateTensors[Array]):
    """Tensors of one matrix on one backend: of columns (1, M), of inputs (N, 1), stacks as lists."""


def fit_surrogate(
    backend: Backend,
    circuit: Circuit,
    design: SurrogateDesign,
    noise: Array,
    conductance_s: Array,
) -> Surrogate:
    """Fit the surrogate of one matrix.

    Args:
        backend: where the arrays live.
        circuit: in float32, on this backend: it is relaxed in single precision, an order below the noise of
            any board, in half the time.
        design: the vectors.
        noise: variance of scaled currents that the circuit leaves unexplained, (1, M), float64.
        conductance_s: target [S], (N, M), float64.
    """
    form, answers = circuit.form, _responses(backend, circuit, design, conductance_s)
    loading = conductance_s * (1.0 / (form.middle_s * np.sqrt(form.rows)))
    fit = SurrogateLeastSquares(backend, form.rows, design, loading)
    solution = fit.solve(answers)
    misfit = fit.misfit(answers, solution)
    return _surrogate_of(backend, form, design, loading, solution, answers, noise + misfit)


def _responses(backend: Backend, circuit: Circuit, design: SurrogateDesign, conductance_s: Array) -> Array:
    relaxation = Relaxation(backend, circuit, backend.single(conductance_s))
    drive_v = design.drive_v.astype(np.float32)
    chunks = backend.constant(drive_v.reshape(-1, CHUNK, circuit.form.rows, 1))
    stacked = backend.mapped(relaxation.currents, chunks)
    return backend.double(backend.reshaped(stacked, (-1, circuit.form.columns)))


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
