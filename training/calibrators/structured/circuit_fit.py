"""Fit of a board's circuit: Gauss–Newton over batches of measured vectors.

A few hundred unknowns and a hundred thousand measured currents: gradient descent would walk for hours along
the valleys between a wire's resistance and a law's slope, Gauss–Newton steps across.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import torch

from crosscal.training.calibrators.preparation import Kept, PreparationSteps
from crosscal.training.calibrators.structured.circuit import Circuit
from crosscal.training.calibrators.structured.measured_vectors import MeasuredVectors
from crosscal.training.calibrators.structured.normal_equations import (
    NormalEquations,
    groups,
    packed,
    unpacked,
)

logger = logging.getLogger(__name__)

SHARED = ("wires", "law", "kink")
ROWWISE = ("driver", "input_gain", "input_offset")
COLUMNWISE = ("gain", "offset")

# Errors are insensitive to these between 1e-4 and 1, 1e-15 and 1e-6; 24 and 96, 48 and 192; 10 and 50, 1 and
# 6, 0.03 and 0.3; 0.5 and 0.95; 3 and 24, (0.01, 1e8) and (1, 1e4); stated ones are the same within 4 %
# (`python benchmarks/constants.py structured.circuit_fit`).
_DAMPING_FIRST, _DAMPING_LEAST = 1e-2, 1e-12
_FEW, _BATCH = 48, 96
_SHARED_STEPS, _FULL_STEPS, _SETTLED = 25, 3, 0.1
_SAME_POINT = 0.8
_REWEIGHTINGS, _PRECISION_LIMITS = 12, (0.1, 1e6)


def fit_circuit(
    first: Circuit,
    draw: Callable[[int], MeasuredVectors],
    *,
    vectors: int,
    steps: PreparationSteps | None = None,
) -> tuple[Circuit, float]:
    """Find the parameters that explain measured vectors.

    First the parameters that all cells share, then everything, both by damped steps on few vectors; then
    batch after batch of fresh vectors, with normal equations that add up. The scatter of drivers, gains and
    offsets is learned along with them: on a board with drivers that are all alike, they come out alike, and
    the readings inform their common value.

    Args:
        first: where to start.
        draw: returns so many vectors that were not drawn before.
        vectors: vectors to learn from, in all.
        steps: keeps finished steps; a fit that finds some goes on from the last.

    Returns:
        The circuit, and the root mean squared error on the last batch before it was learned from, in
        `unit_a`.
    """
    steps = PreparationSteps() if steps is None else steps
    shared = (*SHARED, *COLUMNWISE)
    circuit = _damped_descent(first, draw(_FEW), shared, _SHARED_STEPS, steps.under("shared"))
    names = (*SHARED, *ROWWISE, *COLUMNWISE)
    batch = min(vectors, _BATCH)
    circuit = _damped_descent(circuit, draw(batch), names, _FULL_STEPS, steps.under("all"))
    precision = np.ones(len(packed(circuit, names)))
    total: NormalEquations | None = None
    error, begin = math.inf, batch
    if (kept := steps.kept("batches")) is not None:
        circuit = circuit.changed(_parameters(circuit, kept))
        precision, error, begin = kept["precision"], kept["error"], kept["seen"]
        total = NormalEquations(
            **{name: kept[name] for name in ("hessian", "pull", "squared_error", "count")}
        )
    for seen in range(batch, vectors, batch):
        data = draw(batch)
        if seen < begin:
            continue
        normal = NormalEquations.at(circuit, data, names)
        # A point left far behind says nothing exact about this one.
        total = normal if total is None or normal.error < _SAME_POINT * error else total.joined(normal)
        error = normal.error
        solution, precision = _reweighted(total, precision, groups(circuit, names))
        circuit = unpacked(circuit, names, solution)
        logger.info("%d vectors: error %.2e of a column's current", seen + batch, error)
        steps.keep(
            "batches", seen=seen + batch, precision=precision, error=error, **asdict(total), **_kept(circuit)
        )
    return circuit, error


def _damped_descent(
    circuit: Circuit, data: MeasuredVectors, names: Sequence[str], most: int, steps: PreparationSteps
) -> Circuit:
    """Take damped Gauss–Newton steps on the same vectors, `most` of them, until they hardly help."""
    damping, begin = _DAMPING_FIRST, 0
    if (kept := steps.kept("descent")) is not None:
        circuit = circuit.changed(_parameters(circuit, kept))
        damping, begin = kept["damping"], kept["taken"]
    if begin == most:
        return circuit
    normal = NormalEquations.at(circuit, data, names)
    for taken in range(begin, most):
        trial = _damped_step(circuit, names, normal, damping)
        found = NormalEquations.at(trial, data, names)
        settled = False
        if found.squared_error < normal.squared_error:
            settled = found.squared_error > (1.0 - _SETTLED) * normal.squared_error
            circuit, normal, damping = trial, found, max(0.1 * damping, _DAMPING_LEAST)
            logger.info("%s: error %.2e of a column's current", names[-3], found.error)
        else:
            damping *= 10.0
        steps.keep("descent", damping=damping, taken=most if settled else taken + 1, **_kept(circuit))
        if settled:
            break
    return circuit


def _damped_step(circuit: Circuit, names: Sequence[str], normal: NormalEquations, damping: float) -> Circuit:
    weight = normal.count / normal.squared_error
    curvature = weight * normal.hessian + np.eye(len(normal.pull))
    here = packed(circuit, names)
    slope = weight * normal.pull - curvature @ here
    damped = curvature + damping * np.diag(np.diag(curvature))
    return unpacked(circuit, names, here + np.linalg.solve(damped, slope))


def _reweighted(
    total: NormalEquations, precision: np.ndarray, of_a_kind: Sequence[slice]
) -> tuple[np.ndarray, np.ndarray]:
    """Solve, and weigh the scatter of parameters of a kind against the data's.

    Reference: D. J. C. MacKay, "Bayesian interpolation", Neural Computation 4 (1992), eq. 4.7–4.10.
    """
    weight = total.count / total.squared_error
    precision, solution = precision.copy(), np.zeros_like(precision)
    for _ in range(_REWEIGHTINGS):
        covariance = np.linalg.inv(weight * total.hessian + np.diag(precision))
        solution = covariance @ (weight * total.pull)
        for group in of_a_kind:
            known = np.sum(1.0 - precision[group] * np.diag(covariance)[group])
            scatter = np.sum(solution[group] ** 2)
            precision[group] = np.clip(known / max(scatter, 1e-30), *_PRECISION_LIMITS)
    return solution, precision


_PARAMETER = "free "


def _kept(circuit: Circuit) -> Kept:
    return {_PARAMETER + name: value.numpy() for name, value in circuit.free.items()}


def _parameters(circuit: Circuit, kept: Kept) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(kept[_PARAMETER + name]) for name in circuit.free}
