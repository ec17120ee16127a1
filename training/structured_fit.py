"""Learning the unknowns of a board's circuit: Gauss–Newton over batches of measured vectors.

A few hundred unknowns and a hundred thousand measured currents: gradient descent would walk for hours along the valleys
between a wire's resistance and a law's slope, Gauss–Newton steps across. Derivatives by unknowns that every cell shares come
from forward differentiation through the relaxation rounds; those by a row's driver follow from the derivative by its input,
and those by an output's gain and offset are known.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.func import jvp

from crosscal.training.structured_backend import TorchBackend
from crosscal.training.structured_circuit import SPREADS, CircuitForm, Relaxation, cell_terms, unknowns_of

logger = logging.getLogger(__name__)

Free = dict[str, torch.Tensor]

SHARED = ("wires", "law", "bend")
ROWWISE = ("driver", "input_gain", "input_offset")
COLUMNWISE = ("gain", "offset")

_CHUNK = 16
"""Vectors relaxed at a time: their cells stay in the cache."""

_DAMPING_FIRST, _DAMPING_LEAST = 1e-2, 1e-12
_FEW = 48
_SHARED_ITERATIONS, _SETTLED = 25, 0.01
_FULL_ITERATIONS, _SAME_POINT = 6, 0.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredVectors:
    """Some measured vectors, each with its own matrix: [S] (B, N, M), [V] (B, N), and currents in `unit_a` (B, M)."""

    conductance_s: torch.Tensor
    voltage_v: torch.Tensor
    current: torch.Tensor


@dataclass(slots=True, eq=False)
class _Normal:
    """Normal equations of one batch about one point, in float64: `hessian x = pull` minimises its squared error."""

    hessian: np.ndarray
    pull: np.ndarray
    squared_error: float
    count: int


def predicted(form: CircuitForm, free: Free, conductance_s: torch.Tensor, voltage_v: torch.Tensor) -> torch.Tensor:
    """Measured currents that the circuit expects, in `unit_a`, (B, M), for a matrix per vector, (B, N, M)."""
    unknowns = unknowns_of(form, free)
    relaxation, drive_v = _relaxed(form, free, conductance_s, voltage_v)
    return relaxation.currents(drive_v)[:, 0] * unknowns.gain + unknowns.offset


def _relaxed(
    form: CircuitForm, free: Free, conductance_s: torch.Tensor, voltage_v: torch.Tensor
) -> tuple[Relaxation, torch.Tensor]:
    unknowns = unknowns_of(form, free)
    relaxation = Relaxation(
        TorchBackend(exact=False), form, unknowns, cell_terms(form, unknowns, conductance_s)
    )
    return relaxation, (voltage_v * unknowns.input_gain + unknowns.input_offset)[:, :, None]


def fit_circuit(
    form: CircuitForm,
    draw: Callable[[int], MeasuredVectors],
    first: Free,
    *,
    vectors: int,
) -> tuple[Free, float]:
    """Find the unknowns that explain measured vectors.

    First what all cells share, from few vectors; then everything, each iteration from vectors of its own. Near the
    solution their normal equations add up, so that all vectors seen there count.

    Args:
        form: what is fixed.
        draw: returns so many vectors that were not drawn before.
        first: where to start.
        vectors: vectors of one iteration of the second part.

    Returns:
        The unknowns, and the root mean squared error on the last vectors before they were learned from, in `unit_a`.
    """
    free, few = dict(first), draw(min(vectors, _FEW))
    names = (*SHARED, *COLUMNWISE)
    damping = _DAMPING_FIRST
    normal = _normal(form, free, few, names)
    for _ in range(_SHARED_ITERATIONS):
        weight = normal.count / normal.squared_error
        trial = _stepped(free, names, normal, weight, damping)
        found = _normal(form, trial, few, names)
        if not found.squared_error < normal.squared_error:
            damping *= 10.0
            continue
        settled = found.squared_error > (1.0 - _SETTLED) * normal.squared_error
        free, normal, damping = trial, found, max(0.1 * damping, _DAMPING_LEAST)
        logger.info("shared unknowns: error %.2e of a column's current", math.sqrt(found.squared_error / found.count))
        if settled:
            break
    names = (*SHARED, *ROWWISE, *COLUMNWISE)
    total: _Normal | None = None
    error = math.inf
    for _ in range(_FULL_ITERATIONS):
        normal = _normal(form, free, draw(vectors), names)
        before = math.sqrt(normal.squared_error / normal.count)
        weight = 1.0 / before**2
        if total is None or before < _SAME_POINT * error:
            total = _Normal(hessian=weight * normal.hessian, pull=weight * normal.pull, squared_error=0.0, count=0)
        else:
            total.hessian += weight * normal.hessian
            total.pull += weight * normal.pull
        error = before
        solution = np.linalg.solve(total.hessian + np.eye(len(total.pull)), total.pull)
        free = {**free, **_unpacked(free, names, solution)}
        logger.info("all unknowns: error %.2e of a column's current", before)
    return free, error


def _stepped(free: Free, names: Sequence[str], normal: _Normal, weight: float, damping: float) -> Free:
    curvature = weight * normal.hessian + np.eye(len(normal.pull))
    here = _packed(free, names)
    slope = weight * normal.pull - curvature @ here
    damped = curvature + damping * np.diag(np.diag(curvature))
    return {**free, **_unpacked(free, names, here + np.linalg.solve(damped, slope))}


def _normal(form: CircuitForm, free: Free, data: MeasuredVectors, names: Sequence[str]) -> _Normal:
    size = sum(free[name].numel() for name in names)
    hessian, gradient, squared, count = np.zeros((size, size)), np.zeros(size), 0.0, 0
    for start in range(0, len(data.current), _CHUNK):
        part = slice(start, start + _CHUNK)
        answer, jacobian = _derivatives(
            form, free, data.conductance_s[part], data.voltage_v[part], names
        )
        wrong = (data.current[part] - answer).double().numpy().ravel()
        jacobian = jacobian.reshape(-1, size)
        hessian += jacobian.T @ jacobian
        gradient += jacobian.T @ wrong
        squared += float(wrong @ wrong)
        count += wrong.size
    return _Normal(
        hessian=hessian, pull=gradient + hessian @ _packed(free, names), squared_error=squared, count=count
    )


def _derivatives(
    form: CircuitForm, free: Free, conductance_s: torch.Tensor, voltage_v: torch.Tensor, names: Sequence[str]
) -> tuple[torch.Tensor, np.ndarray]:
    """Predicted currents (B, M), and their derivatives by the unknowns (B, M, P), float64."""
    batch, columns = len(voltage_v), form.columns
    parts: dict[str, np.ndarray] = {}
    with torch.no_grad():
        answer = predicted(form, free, conductance_s, voltage_v)
    for name in set(names) & set(SHARED):
        parts[name] = _forward_columns(
            lambda z, name=name: predicted(form, {**free, name: z}, conductance_s, voltage_v), free[name]
        )
    if "input_offset" in names:
        by_input = _forward_columns(
            lambda z: predicted(form, {**free, "input_offset": z}, conductance_s, voltage_v), free["input_offset"]
        )
        parts |= _rowwise(form, free, conductance_s, voltage_v, by_input)
    unit = np.eye(columns)
    bare = ((answer - unknowns_of(form, free).offset) / unknowns_of(form, free).gain).double().numpy()
    parts["gain"] = SPREADS["gain"] * bare[:, :, None] * unit
    parts["offset"] = np.broadcast_to(SPREADS["offset"] * unit, (batch, columns, columns))
    return answer, np.concatenate([parts[name] for name in names], axis=2)


def _forward_columns(function: Callable[[torch.Tensor], torch.Tensor], at: torch.Tensor) -> np.ndarray:
    """Derivatives of (B, M) by each element of `at`, (B, M, P)."""
    found = []
    for k in range(at.numel()):
        along = torch.zeros(at.numel())
        along[k] = 1.0
        with torch.no_grad():
            found.append(jvp(function, (at,), (along.reshape(at.shape),))[1].double().numpy())
    return np.stack(found, axis=2)


def _rowwise(
    form: CircuitForm, free: Free, conductance_s: torch.Tensor, voltage_v: torch.Tensor, by_input: np.ndarray
) -> dict[str, np.ndarray]:
    """Gain and driver of a row act as a change of its input: by its volts, and by minus its current."""
    with torch.no_grad():
        unknowns = unknowns_of(form, free)
        row_a = row_currents(form, free, conductance_s, voltage_v).double().numpy()
    volts = by_input / (SPREADS["input_offset"] * form.largest_v)
    driver_ohm = unknowns.driver[:, 0].double().numpy()
    return {
        "input_offset": by_input,
        "input_gain": volts * (SPREADS["input_gain"] * voltage_v.double().numpy())[:, None, :],
        "driver": volts * (-SPREADS["driver"] * driver_ohm * row_a)[:, None, :],
    }


def row_currents(form: CircuitForm, free: Free, conductance_s: torch.Tensor, voltage_v: torch.Tensor) -> torch.Tensor:
    """Current that each driver gives [A], (B, N)."""
    relaxation, drive_v = _relaxed(form, free, conductance_s, voltage_v)
    return relaxation.cell_currents(relaxation.cell_voltages(drive_v)).sum(-1)


def _packed(free: Free, names: Sequence[str]) -> np.ndarray:
    return np.concatenate([free[name].double().numpy().ravel() for name in names])


def _unpacked(free: Free, names: Sequence[str], values: np.ndarray) -> Free:
    ends = np.cumsum([free[name].numel() for name in names])
    parts = np.split(values, ends[:-1])
    return {
        name: torch.from_numpy(part.reshape(free[name].shape)).to(free[name].dtype)
        for name, part in zip(names, parts, strict=True)
    }
