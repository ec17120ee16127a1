"""Learning the unknowns of a board's circuit: Gauss–Newton over batches of measured vectors.

A few hundred unknowns and a hundred thousand measured currents: gradient descent would walk for hours along
the valleys between a wire's resistance and a law's slope, Gauss–Newton steps across. The effect of a change
of currents is relaxed as the circuit itself was.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from crosscal.training.calibrators.structured.backend import TorchBackend
from crosscal.training.calibrators.structured.circuit import (
    SPREADS,
    CircuitForm,
    Relaxation,
    cell_terms,
    legendre_powers,
    physical_unknowns,
)

logger = logging.getLogger(__name__)

Free = dict[str, torch.Tensor]

SHARED = ("wires", "law", "kink")
ROWWISE = ("driver", "input_gain", "input_offset")
COLUMNWISE = ("gain", "offset")

_CHUNK = 16
"""Vectors relaxed at a time: their cells stay in the cache."""

_DAMPING_FIRST, _DAMPING_LEAST = 1e-2, 1e-12
_FEW, _BATCH = 48, 96
_SHARED_STEPS, _FULL_STEPS, _SETTLED = 25, 3, 0.1
_SAME_POINT = 0.8
_REWEIGHTINGS, _PRECISION_LIMITS = 12, (0.1, 1e6)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredVectors:
    """Measured vectors, each with its matrix: [S] (B, N, M), [V] (B, N), currents in `unit_a` (B, M)."""

    conductance_s: torch.Tensor
    voltage_v: torch.Tensor
    current: torch.Tensor


@dataclass(slots=True, eq=False)
class _Normal:
    """Normal equations of a batch about a point, float64: `hessian x = pull` minimises its squared error."""

    hessian: np.ndarray
    pull: np.ndarray
    squared_error: float
    count: int

    def joined(self, other: _Normal) -> _Normal:
        """Both batches together, where the points they were taken about are near."""
        return _Normal(
            hessian=self.hessian + other.hessian,
            pull=self.pull + other.pull,
            squared_error=self.squared_error + other.squared_error,
            count=self.count + other.count,
        )


@torch.no_grad()
def predicted(
    form: CircuitForm, free: Free, conductance_s: torch.Tensor, voltage_v: torch.Tensor
) -> torch.Tensor:
    """Measured currents that the circuit expects, in `unit_a`, (B, M), for a matrix per vector, (B, N, M)."""
    unknowns = physical_unknowns(form, free)
    relaxation, drive_v = _relaxed(form, free, conductance_s, voltage_v)
    return relaxation.currents(drive_v)[:, 0] * unknowns.gain + unknowns.offset


def _relaxed(
    form: CircuitForm, free: Free, conductance_s: torch.Tensor, voltage_v: torch.Tensor
) -> tuple[Relaxation, torch.Tensor]:
    unknowns = physical_unknowns(form, free)
    relaxation = Relaxation(TorchBackend(), form, unknowns, cell_terms(form, unknowns, conductance_s))
    return relaxation, (voltage_v * unknowns.input_gain + unknowns.input_offset)[:, :, None]


def fit_circuit(
    form: CircuitForm, draw: Callable[[int], MeasuredVectors], first: Free, *, vectors: int
) -> tuple[Free, float]:
    """Find the unknowns that explain measured vectors.

    First the unknowns that all cells share, then everything, both by damped steps on few vectors; then batch
    after batch of fresh vectors, with normal equations that add up. The scatter of drivers, gains and offsets
    is learned along with them: on a board with drivers that are all alike, they come out alike, and the
    readings inform their common value.

    Args:
        form: fixed properties.
        draw: returns so many vectors that were not drawn before.
        first: where to start.
        vectors: vectors to learn from, in all.

    Returns:
        The unknowns, and the root mean squared error on the last batch before it was learned from, in
        `unit_a`.
    """
    few = draw(_FEW)
    free = _damped_descent(form, first, few, (*SHARED, *COLUMNWISE), _SHARED_STEPS)
    names = (*SHARED, *ROWWISE, *COLUMNWISE)
    batch = min(vectors, _BATCH)
    free = _damped_descent(form, free, draw(batch), names, _FULL_STEPS)
    precision = np.ones(sum(free[name].numel() for name in names))
    total: _Normal | None = None
    error = math.inf
    for seen in range(batch, vectors, batch):
        normal = _normal(form, free, draw(batch), names)
        before = math.sqrt(normal.squared_error / normal.count)
        # A point left far behind says nothing exact about this one.
        total = normal if total is None or before < _SAME_POINT * error else total.joined(normal)
        error = before
        solution, precision = _reweighted(total, precision, _groups(free, names))
        free = {**free, **_unpacked(free, names, solution)}
        logger.info("%d vectors: error %.2e of a column's current", seen + batch, before)
    return free, error


def _damped_descent(
    form: CircuitForm, free: Free, data: MeasuredVectors, names: Sequence[str], steps: int
) -> Free:
    """Take damped Gauss–Newton steps on the same vectors until they hardly help."""
    damping, normal = _DAMPING_FIRST, _normal(form, free, data, names)
    for _ in range(steps):
        trial = _damped_step(free, names, normal, damping)
        found = _normal(form, trial, data, names)
        if not found.squared_error < normal.squared_error:
            damping *= 10.0
            continue
        settled = found.squared_error > (1.0 - _SETTLED) * normal.squared_error
        free, normal, damping = trial, found, max(0.1 * damping, _DAMPING_LEAST)
        logger.info(
            "%s: error %.2e of a column's current", names[-3], math.sqrt(found.squared_error / found.count)
        )
        if settled:
            break
    return free


def _damped_step(free: Free, names: Sequence[str], normal: _Normal, damping: float) -> Free:
    weight = normal.count / normal.squared_error
    curvature = weight * normal.hessian + np.eye(len(normal.pull))
    here = _packed(free, names)
    slope = weight * normal.pull - curvature @ here
    damped = curvature + damping * np.diag(np.diag(curvature))
    return {**free, **_unpacked(free, names, here + np.linalg.solve(damped, slope))}


def _reweighted(
    total: _Normal, precision: np.ndarray, groups: Sequence[slice]
) -> tuple[np.ndarray, np.ndarray]:
    """Solve, and weigh each group's scatter against the data's.

    Reference: D. J. C. MacKay, "Bayesian interpolation", Neural Computation 4 (1992), eq. 4.7–4.10.
    """
    weight = total.count / total.squared_error
    precision, solution = precision.copy(), np.zeros_like(precision)
    for _ in range(_REWEIGHTINGS):
        covariance = np.linalg.inv(weight * total.hessian + np.diag(precision))
        solution = covariance @ (weight * total.pull)
        for group in groups:
            known = np.sum(1.0 - precision[group] * np.diag(covariance)[group])
            scatter = np.sum(solution[group] ** 2)
            precision[group] = np.clip(known / max(scatter, 1e-30), *_PRECISION_LIMITS)
    return solution, precision


def _groups(free: Free, names: Sequence[str]) -> list[slice]:
    """Group unknowns of a kind by their common scatter; wires and the law itself keep their wide prior."""
    groups, start = [], 0
    for name in names:
        size = free[name].numel()
        if name == "law":
            row = free[name].shape[1]
            groups += [slice(start + q, start + q + row) for q in range(row, size, row)]
        elif name != "wires" and size:
            groups.append(slice(start, start + size))
        start += size
    return groups


@torch.no_grad()
def _normal(form: CircuitForm, free: Free, data: MeasuredVectors, names: Sequence[str]) -> _Normal:
    size = sum(free[name].numel() for name in names)
    hessian, gradient, squared, count = np.zeros((size, size)), np.zeros(size), 0.0, 0
    for start in range(0, len(data.current), _CHUNK):
        part = slice(start, start + _CHUNK)
        answer, jacobian = circuit_derivatives(
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


def circuit_derivatives(
    form: CircuitForm, free: Free, conductance_s: torch.Tensor, voltage_v: torch.Tensor, names: Sequence[str]
) -> tuple[torch.Tensor, np.ndarray]:
    """Predicted currents (B, M), and their derivatives by the unknowns (B, M, P), float64."""
    point = _Point(form, free, conductance_s, voltage_v)
    parts = point.by_law() | point.by_wires() | point.by_channel()
    if "driver" in names:
        parts |= point.by_row()
    return point.answer, np.concatenate([parts[name] for name in names], axis=2)


class _Point:
    """Relaxed batch and the derivatives of its currents, by the implicit function theorem."""

    def __init__(
        self, form: CircuitForm, free: Free, conductance_s: torch.Tensor, voltage_v: torch.Tensor
    ) -> None:
        self._form, self._unknowns = form, physical_unknowns(form, free)
        self._conductance_s, self._input_v = conductance_s, voltage_v
        self._relaxation, drive_v = _relaxed(form, free, conductance_s, voltage_v)
        self._cell_v = self._relaxation.cell_voltages(drive_v)
        self._cell_a = self._relaxation.cell_currents(self._cell_v)
        self._slopes_s = self._relaxation.cell_slopes(self._cell_v)
        self._bare = self._cell_a.sum(-2) / form.unit_a
        self.answer = self._bare * self._unknowns.gain + self._unknowns.offset

    def by_law(self) -> dict[str, np.ndarray]:
        """A law's coefficient adds current in every cell."""
        form, scaled = self._form, self._cell_v / self._form.largest_v
        gamma = (self._conductance_s - form.middle_s) / form.half_s
        law = [
            [
                self._by_current(self._conductance_s * gamma**q * self._cell_v * scaled**p)
                for p in range(form.voltage_degree)
            ]
            for q in range(form.conductance_degree + 1)
        ]
        powers = SPREADS["law"] * legendre_powers(form.voltage_degree).numpy()
        below = self._cell_v.clamp(max=0.0)
        kink = [
            self._by_current(self._conductance_s * below * (SPREADS["kink"] * scaled**p))
            for p in range(form.kink_degree)
        ]
        return {
            "law": np.concatenate([np.stack(row, axis=2) @ powers.T for row in law], axis=2),
            "kink": np.stack(kink, axis=2) if kink else np.zeros((*self.answer.shape, 0)),
        }

    def by_wires(self) -> dict[str, np.ndarray]:
        """A resistance, by its logarithm, costs volts."""
        parts = self._unknowns.losses(self._form, self._cell_a)
        return {"wires": np.stack([self._by_volts(-part) for part in parts], axis=2)}

    def by_row(self) -> dict[str, np.ndarray]:
        """Gain and driver of a row act as its offset does: by its volts, and by minus its driver's loss."""
        rows = []
        for n in range(self._form.rows):
            cause = torch.zeros_like(self._cell_v)
            cause[:, n] = 1.0
            rows.append(self._by_volts(cause))
        volts = np.stack(rows, axis=2)
        loss_v = (self._cell_a.sum(-1) * self._unknowns.driver[:, 0]).double().numpy()
        return {
            "input_offset": SPREADS["input_offset"] * self._form.largest_v * volts,
            "input_gain": volts * (SPREADS["input_gain"] * self._input_v.double().numpy())[:, None, :],
            "driver": volts * (-SPREADS["driver"] * loss_v)[:, None, :],
        }

    def by_channel(self) -> dict[str, np.ndarray]:
        """Gain and offset of a column act on it alone."""
        unit = np.eye(self._form.columns)
        gain = SPREADS["gain"] * self._bare.double().numpy()[:, :, None] * unit
        return {"gain": gain, "offset": np.broadcast_to(SPREADS["offset"] * unit, gain.shape)}

    def _by_current(self, cause_a: torch.Tensor) -> np.ndarray:
        return self._by_volts(-self._relaxation.lost(cause_a), cause_a)

    def _by_volts(self, cause_v: torch.Tensor, cause_a: torch.Tensor | float = 0.0) -> np.ndarray:
        change = self._relaxation.changes(self._slopes_s, cause_v) * self._slopes_s + cause_a
        return (change.sum(-2) * (self._unknowns.gain / self._form.unit_a)).double().numpy()


def _packed(free: Free, names: Sequence[str]) -> np.ndarray:
    return np.concatenate([free[name].double().numpy().ravel() for name in names])


def _unpacked(free: Free, names: Sequence[str], values: np.ndarray) -> Free:
    ends = np.cumsum([free[name].numel() for name in names])
    parts = np.split(values, ends[:-1])
    return {
        name: torch.from_numpy(part.reshape(free[name].shape)).to(free[name].dtype)
        for name, part in zip(names, parts, strict=True)
    }
