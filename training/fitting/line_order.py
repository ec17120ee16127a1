"""Order of rows, columns, vectors and matrices of a run, by the pattern of targets in its currents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from crosscal.core.array_types import Float
from crosscal.training.measurements import Measurements

CORRECTIONS_OF_ORDER = ("vectors", "rows", "columns", "rows-and-columns", "exchange", "matrices")

FEWEST_COLUMNS = 6
"""Columns below which any vector's currents resemble some other vector's."""

Stack = Float[np.ndarray, "matrices vectors columns"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reordered:
    """Another order of a run.

    Attributes:
        correction: name among `CORRECTIONS_OF_ORDER`.
        text: the finding.
        data: the run in that order; targets stay as they are.
        likeness: of that run.
        matched: whether the order was found by matching line with line, not by a guess that fits all of them.
    """

    correction: str
    text: str
    data: Measurements
    likeness: float
    matched: bool = False


def likeness(data: Measurements) -> float:
    """Correlate the patterns of measured and ideal currents, −1 to 1; 0 where there is no pattern."""
    seen, known = (_pattern(data, current_a)[0] for current_a in (data.current_a, data.ideal_a))
    scale = np.linalg.norm(seen) * np.linalg.norm(known)
    return float((seen * known).sum() / scale) if scale > 0.0 else 0.0


def pattern_share(data: Measurements) -> float:
    """Share of the ideal currents' variation, by rms, that their sum of inputs does not explain."""
    return _pattern(data, data.ideal_a)[1]


def reordered(data: Measurements) -> Iterator[Reordered]:
    """Try the orders that files come in: reversed, shifted by one, exchanged, as currents match targets."""
    voltage_v, current_a = data.voltage_v, data.current_a
    yield _tried("vectors", "vectors are reversed", replace(data, voltage_v=voltage_v[:, ::-1]))
    for step, words in ((1, "one place early"), (-1, "one place late")):
        shifted = replace(data, voltage_v=np.roll(voltage_v, -step, axis=1))
        yield _tried("vectors", f"currents stand {words} beside their vectors", shifted)
    yield _tried("rows", "rows are reversed", replace(data, voltage_v=voltage_v[:, :, ::-1]))
    yield _tried("columns", "columns are reversed", replace(data, current_a=current_a[:, :, ::-1]))
    both = replace(data, voltage_v=voltage_v[:, :, ::-1], current_a=current_a[:, :, ::-1])
    yield _tried("rows-and-columns", "rows and columns are reversed", both)
    if data.shape[0] == data.shape[1]:
        exchanged = replace(data, conductance_s=data.conductance_s.swapaxes(1, 2))
        yield _tried("exchange", "rows and columns of the targets are exchanged", exchanged)
    yield from _matched_lines(data)
    if data.shape[1] >= FEWEST_COLUMNS:
        yield _matched_vectors(data)


def _tried(correction: str, text: str, data: Measurements, *, matched: bool = False) -> Reordered:
    return Reordered(correction=correction, text=text, data=data, likeness=likeness(data), matched=matched)


def _pattern(data: Measurements, current_a: Stack) -> tuple[Stack, float]:
    """Take currents about their mean over a matrix's vectors, without the share of the sum of the inputs.

    That sum drives every cell alike: it makes most of a current, and is the same in every order of rows.

    Returns:
        The pattern, each column's variation scaled to 1, and its share of that variation by rms.
    """
    usable = data.usable[:, :, None]
    centred_a = _centred(np.where(usable, current_a, 0.0), usable)
    drive_v = _centred(np.where(usable, data.voltage_v.mean(axis=2, keepdims=True), 0.0), usable)
    energy = float((drive_v**2).sum())
    slope = (centred_a * drive_v).sum(axis=(0, 1)) / energy if energy > 0.0 else 0.0
    spread_a = np.sqrt((centred_a**2).mean(axis=(0, 1)))
    pattern = (centred_a - slope * drive_v) / np.where(spread_a > 0.0, spread_a, 1.0)
    return pattern, float(np.sqrt((pattern**2).mean()))


def _centred(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    count = np.maximum(usable.sum(axis=1, keepdims=True), 1)
    return np.where(usable, values - (usable * values).sum(axis=1, keepdims=True) / count, 0.0)


def _apparent_s(data: Measurements) -> Float[np.ndarray, "matrices rows columns"]:
    """Apparent conductances of every matrix about their mean over all, from the inputs' covariance in all."""
    usable = data.usable[:, :, None]
    inputs_v = _centred(np.where(usable, data.voltage_v, 0.0), usable)
    currents_a = _centred(np.where(usable, data.current_a, 0.0), usable)
    covariance = np.einsum("kvn,kvp->np", inputs_v, inputs_v) / data.matrices
    return np.linalg.pinv(covariance, hermitian=True) @ (inputs_v.swapaxes(1, 2) @ currents_a)


def _about_mean(stack_s: np.ndarray, axis: int) -> np.ndarray:
    """Take out the mean over matrices, which wires and amplifiers leave; of one matrix, that of its lines."""
    return stack_s - stack_s.mean(axis=0 if len(stack_s) > 1 else axis, keepdims=True)


def _matched_lines(data: Measurements) -> Iterator[Reordered]:
    apparent_s = _apparent_s(data)
    for axis, name in ((1, "rows"), (2, "columns")):
        seen = np.moveaxis(_about_mean(apparent_s, axis), axis, 0).reshape(data.shape[axis - 1], -1)
        known = np.moveaxis(_about_mean(data.conductance_s, axis), axis, 0).reshape(data.shape[axis - 1], -1)
        order = _matched(seen, known)
        field, values = ("voltage_v", data.voltage_v) if axis == 1 else ("current_a", data.current_a)
        text = f"{name} stand in another order: {_moves(order)}"
        yield _tried(name, text, replace(data, **{field: values[:, :, np.argsort(order)]}), matched=True)
    if data.matrices > 1:
        seen, known = (_about_mean(s, 0).reshape(data.matrices, -1) for s in (apparent_s, data.conductance_s))
        order = _matched(seen, known)
        taken = {
            name: getattr(data, name)[np.argsort(order)] for name in ("voltage_v", "current_a", "usable")
        }
        text = f"matrices stand in another order than their currents: {_moves(order)}"
        yield _tried("matrices", text, replace(data, **taken), matched=True)


def _matched_vectors(data: Measurements) -> Reordered:
    """Pair each vector of inputs with the reading that looks most like its ideal currents."""
    seen, known = data.current_a.copy(), data.ideal_a
    usable = data.usable[:, :, None]
    scaled = [
        _centred(np.where(usable, stack, 0.0), usable) for stack in (np.where(usable, seen, 0.0), known)
    ]
    order = np.stack([_matched(a, b) for a, b in zip(*scaled, strict=True)])
    inverse = np.argsort(order, axis=1)
    moved = replace(
        data,
        current_a=np.take_along_axis(data.current_a, inverse[:, :, None], axis=1),
        usable=np.take_along_axis(data.usable, inverse, axis=1),
    )
    text = f"vectors stand in another order than their currents: {_moves(order[0])} of the first matrix"
    return _tried("vectors", text, moved, matched=True)


def _matched(seen: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Order that pairs rows of `seen` with rows of `known`: row `i` is known as row `order[i]`."""
    scale = np.linalg.norm(seen, axis=1)[:, None] * np.linalg.norm(known, axis=1)[None, :]
    alike = seen @ known.T / np.where(scale > 0.0, scale, 1.0)
    return linear_sum_assignment(alike, maximize=True)[1]


def _moves(order: np.ndarray, shown: int = 4) -> str:
    moved = [f"{place + 1} is {line + 1}" for place, line in enumerate(order) if place != line]
    return ", ".join(moved[:shown]) + (f" and {len(moved) - shown} more" if len(moved) > shown else "")
