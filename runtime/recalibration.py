"""Recalibration of a programmed matrix from K known vectors, in closed form: offsets, gains, and the cells.

`I_real − F(v; G) ≈ J δG`, column by column, with δG normal around zero: a linear-Gaussian model whose
posterior helps from K much smaller than N on, and is the next recalibration's prior. What the calibrator
answers still refers to the target matrix, whatever the device has become.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Float, Vectors
from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.runtime.inverse import InverseTensors
from crosscal.runtime.recalibration_evidence import Depth, choose_depth
from crosscal.runtime.recalibration_model import (
    cell_sensitivity,
    standardised_inputs,
    with_changes,
)
from crosscal.runtime.recalibration_posterior import ColumnReads, Spread, condition


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellBelief:
    """What is known of a programmed matrix beyond its target: the prior of the next recalibration.

    Attributes:
        mean: per column, offset [full scale] and the cells' relative errors, (M, N + 1).
        covariance: of these, (M, N + 1, N + 1).
    """

    mean: Float[np.ndarray, "columns unknowns"]
    covariance: Float[np.ndarray, "columns unknowns unknowns"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recalibration:
    """What came of a recalibration.

    Attributes:
        tensors: what reads are calibrated with from now on.
        belief: prior for the next time; None when nothing was learned and nothing known before.
        depth: how far the evidence went.
        spread: standard deviations of what changed since the belief before, and of a reading.
        evidence: its logarithm for every depth.
        readings_used, readings_missing: of K · M.
        independent_vectors: rank of the known vectors about their mean, plus one: fewer than K when they
            repeat.
    """

    tensors: InverseTensors
    belief: CellBelief | None
    depth: Depth
    spread: Spread
    evidence: dict[Depth, float]
    readings_used: int
    readings_missing: int
    independent_vectors: int


def recalibrate(
    original: InverseTensors,
    voltage_v: Vectors,
    current_a: Currents,
    *,
    usable: np.ndarray | None = None,
    belief: CellBelief | None = None,
) -> Recalibration:
    """Learn from known vectors what the cells, gains and offsets of a programmed matrix have become.

    Args:
        original: of the target matrix, as compiled when it was programmed (also when it was recalibrated
            since).
        voltage_v: known inputs [V], (K, N); `informative_vectors` makes good ones. K = 1 is enough for
            offsets.
        current_a: what was measured [A], (K, M).
        usable: False for a saturated or missing reading, (K, M); NaN is taken as missing in any case.
        belief: of the last recalibration of this programming; None for the first.

    Returns:
        New tensors with the belief behind them. Without evidence of a change, the tensors are the old ones.

    Raises:
        ShapeError: arrays that do not go together, or not with the matrix.
        RangeError: inputs that are not finite or outside the trained range.
        InputError: no usable reading at all.
    """
    voltage_v, current_a = np.asarray(voltage_v, dtype=np.float64), np.asarray(current_a, dtype=np.float64)
    present = _present(original, voltage_v, current_a, usable, belief)
    rows, columns = original.conductance.shape
    z = standardised_inputs(original, voltage_v)
    scaled = (np.where(present, current_a, 0.0) - original.current_shift) * original.current_scale
    sensitivity = cell_sensitivity(original, z)
    mean = np.zeros((columns, rows + 1)) if belief is None else belief.mean
    known = np.einsum("mkn,mn->km", sensitivity, mean, optimize=True)
    residual = scaled - original.predicted(z) - known
    reads = ColumnReads(sensitivity=sensitivity, residual=residual.T, present=np.ascontiguousarray(present.T))
    stated = float(np.sqrt(np.median(original.variance)))
    before = None if belief is None else belief.covariance
    depth, spread, evidence = choose_depth(reads, before, stated)
    learned = belief
    if depth is not Depth.NOTHING or belief is not None:
        prior = np.broadcast_to(spread.covariance(rows), (columns, rows + 1, rows + 1))
        prior = prior if before is None else before + prior
        shift, covariance = condition(reads, prior, spread.noise)
        learned = CellBelief(mean=mean + shift, covariance=covariance)
    centred = voltage_v - voltage_v.mean(axis=0)
    return Recalibration(
        tensors=original if learned is None else believed_tensors(original, learned, spread.noise),
        belief=learned,
        depth=depth,
        spread=spread,
        evidence=evidence,
        readings_used=int(present.sum()),
        readings_missing=int(present.size - present.sum()),
        independent_vectors=1 + int(np.linalg.matrix_rank(centred, tol=1e-6 * np.abs(voltage_v).max())),
    )


def believed_tensors(original: InverseTensors, belief: CellBelief, noise: float) -> InverseTensors:
    """Compile the surrogate of what the cells are believed to be.

    What is not known of the cells makes readings scatter beyond their noise. It widens the stated deviations;
    the estimate itself is never made to trust readings less than the calibrator was made to, which on average
    was
    found to cost more than it saves: the scatter is the same for all reads, where noise averages out.

    Args:
        original: of the target matrix.
        belief: of its cells.
        noise: standard deviation of a reading about the surrogate, in parts of the full scale.
    """
    honest = noise**2 + _scatter(original, belief)
    used = np.minimum(original.variance, honest)
    return with_changes(
        original,
        offset=belief.mean[:, 0],
        relative=belief.mean[:, 1:].T,
        variance=used,
        inflation=original.inflation * np.sqrt(np.mean(honest / used)),
    )


def _scatter(original: InverseTensors, belief: CellBelief) -> np.ndarray:
    """Variance (M,) of readings that unknown cells cause, averaged over inputs.

    A cell carries its resting current and, about it, its slope times an input of unit variance.
    """
    rows = len(original.pattern)
    unit = np.concatenate([np.zeros((1, rows)), np.eye(rows)])
    at = cell_sensitivity(original, unit)
    rest = at[:, 0, :]
    slope = np.diagonal(at[:, 1:, 1:], axis1=1, axis2=2) - rest[:, 1:]
    common = np.einsum("mi,mij,mj->m", rest, belief.covariance, rest, optimize=True)
    own = (slope**2 * np.diagonal(belief.covariance, axis1=1, axis2=2)[:, 1:]).sum(axis=1)
    return np.maximum(common + own, 0.0)


def _present(
    tensors: InverseTensors,
    voltage_v: np.ndarray,
    current_a: np.ndarray,
    usable: np.ndarray | None,
    belief: CellBelief | None,
) -> np.ndarray:
    rows, columns = tensors.conductance.shape
    shapes = voltage_v.shape, current_a.shape, current_a.shape if usable is None else np.shape(usable)
    count = len(voltage_v) if voltage_v.ndim == 2 else 0
    if count < 1 or shapes != ((count, rows), (count, columns), (count, columns)):
        raise ShapeError(
            wanted(
                got=f"known inputs {shapes[0]}, currents {shapes[1]}, usable {shapes[2]}",
                allowed=f"(K, {rows}), (K, {columns}), (K, {columns}) with K of 1 or more",
                remedy="give one row per known vector",
            )
        )
    if belief is not None and belief.mean.shape != (columns, rows + 1):
        raise ShapeError(
            wanted(
                got=f"a belief of {belief.mean.shape}",
                allowed=f"{(columns, rows + 1)}",
                remedy="use the belief of this very programming, or none",
            )
        )
    if not np.isfinite(voltage_v).all():
        raise RangeError(
            wanted(
                got="inputs that are not finite", allowed="volts", remedy="give the vectors that were driven"
            )
        )
    present = np.isfinite(current_a) & (True if usable is None else np.asarray(usable, dtype=bool))
    if not present.any():
        raise InputError(
            wanted(
                got=f"{count} vectors without one usable reading",
                allowed="at least one usable reading",
                remedy="use a higher current range, or repair the amplifiers that report a fault",
            )
        )
    return present
