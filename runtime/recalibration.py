"""Recalibration of a programmed matrix from K known vectors, in closed form: offsets, gains, and the cells.

`I_real − F(v; G) ≈ J δG`, column by column, with δG normal around zero: a linear-Gaussian model whose
posterior helps from K much smaller than N on, and is the next recalibration's prior. What the calibrator
answers still refers to the target matrix, whatever the device has become.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.core.errors import ShapeError, wanted
from crosscal.runtime.given_arrays import known_readings
from crosscal.runtime.inverse import InverseTensors
from crosscal.runtime.recalibration_belief import CELLS, GAIN, OFFSET, ColumnBelief, Depth
from crosscal.runtime.recalibration_evidence import choose_depth
from crosscal.runtime.recalibration_model import (
    cell_sensitivity,
    standardised_inputs,
    with_changes,
)
from crosscal.runtime.recalibration_posterior import ColumnReads, condition
from crosscal.runtime.recalibration_report import RecalibrationReport


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recalibration:
    """What came of a recalibration.

    Attributes:
        tensors: what reads are calibrated with from now on.
        belief: prior for the next time; None when nothing was learned and nothing known before.
        report: how far it went, and from what.
    """

    tensors: InverseTensors
    belief: ColumnBelief | None
    report: RecalibrationReport


def recalibrate(
    original: InverseTensors,
    voltage_v: Vectors,
    current_a: Currents,
    *,
    usable: np.ndarray | None = None,
    belief: ColumnBelief | None = None,
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
    rows, columns = original.conductance.shape
    voltage_v, current_a, present = known_readings(voltage_v, current_a, usable, (rows, columns))
    z = standardised_inputs(original, voltage_v)
    scaled = (np.where(present, current_a, 0.0) - original.current_shift) * original.current_scale
    sensitivity = cell_sensitivity(original, z)
    unknowns = sensitivity.shape[2]
    _require_same_unknowns(belief, columns, unknowns)
    mean = np.zeros((columns, unknowns)) if belief is None else belief.mean
    known = np.einsum("mku,mu->km", sensitivity, mean, optimize=True)
    residual = scaled - original.predicted(z) - known
    reads = ColumnReads(sensitivity=sensitivity, residual=residual.T, present=np.ascontiguousarray(present.T))
    before = None if belief is None else belief.covariance
    found = choose_depth(reads, before, float(np.sqrt(np.median(original.variance))))
    depth, spread, _ = found
    learned = belief
    if depth is not Depth.NOTHING or belief is not None:
        prior = np.broadcast_to(np.diag(spread.variances(unknowns)), (columns, unknowns, unknowns))
        prior = prior if before is None else before + prior
        shift, covariance = condition(reads, prior, spread.noise)
        learned = ColumnBelief(mean=mean + shift, covariance=covariance, noise=spread.noise)
    return Recalibration(
        tensors=original if learned is None else believed_tensors(original, learned),
        belief=learned,
        report=RecalibrationReport.of(found, voltage_v, present),
    )


def believed_tensors(original: InverseTensors, belief: ColumnBelief) -> InverseTensors:
    """Compile the surrogate of what the cells are believed to be.

    What is not known of the cells makes readings scatter beyond their noise. It widens the stated deviations;
    the estimate itself is never made to trust readings less than the calibrator was made to, which on average
    was found to cost more than it saves: the scatter is the same for all reads, where noise averages out.

    Args:
        original: of the target matrix.
        belief: of its columns, cells included.

    Raises:
        ShapeError: a belief of another array.
    """
    rows, columns = original.conductance.shape
    _require_same_unknowns(belief, columns, rows + CELLS)
    honest = belief.noise**2 + _scatter(original, belief)
    used = np.minimum(original.variance, honest)
    return with_changes(
        original,
        offset=belief.mean[:, OFFSET],
        relative=(belief.mean[:, GAIN, None] + belief.mean[:, CELLS:]).T,
        variance=used,
        inflation=original.inflation * np.sqrt(np.mean(honest / used)),
    )


def _scatter(original: InverseTensors, belief: ColumnBelief) -> np.ndarray:
    """Variance (M,) of readings that is not known of the columns, averaged over inputs of unit variance."""
    rows = len(original.pattern)
    at = cell_sensitivity(original, np.concatenate([np.zeros((1, rows)), np.eye(rows)]))
    rest = at[:, :1, :]
    ways = np.concatenate([rest, at[:, 1:, :] - rest], axis=1)
    return np.maximum(((ways @ belief.covariance) * ways).sum(axis=(1, 2)), 0.0)


def _require_same_unknowns(belief: ColumnBelief | None, columns: int, unknowns: int) -> None:
    if belief is not None and belief.mean.shape != (columns, unknowns):
        raise ShapeError(
            wanted(
                got=f"a belief of {belief.mean.shape}",
                allowed=f"{(columns, unknowns)}",
                remedy="use the belief of this very programming, or none",
            )
        )
