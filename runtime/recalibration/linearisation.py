"""Linearisation of a matrix's readings about the cells that it is taken to have.

A surrogate is made for the target. Cells that lie elsewhere carry other currents, and by the wires of their
rows other cells of these rows do, too; scaling every cell's own part of the surrogate leaves that out. So
where cells lie far from their targets the surrogate is computed anew, for the cells as they are believed.
Unknowns count from the target all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from crosscal.core.array_types import Float, Matrix
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.recalibration.cell_model import cell_sensitivity, left_open, with_cells, with_changes
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET, ColumnPosterior, DriveErrors

SurrogateAt = Callable[[Matrix], InverseTensors]
"""Computes the surrogate of cells [S], (N, M)."""

_FAR = 0.01
"""Relative change of cells (rms) from which a surrogate is computed anew. Scaling costs 2 % of the squared
error at 1 %, a fifth at 3 % (32×32, noise 1e-3, cells read back; `python benchmarks/large_drift.py`)."""

_LEAST, _MOST = 0.05, 1.5
"""Of the target: an open or a shorted cell is scaled beyond these; surrogates know no cells that far off."""

_LEAST_OWN = 0.1
"""Least part of a reading's variance that counts as its column's own, beside errors of the inputs. With 0.02
errors over stated deviations on `pcm-24x32` are the same within 0.03."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linearisation:
    """Surrogate about which readings are linear in a column's unknowns.

    Attributes:
        tensors: the surrogate.
        applied: relative change of each cell from its target that is in it, (N, M).
    """

    tensors: InverseTensors
    applied: Float[np.ndarray, "rows columns"]

    @classmethod
    def about(
        cls,
        original: InverseTensors,
        mean: Float[np.ndarray, "columns unknowns"] | None,
        surrogate_at: SurrogateAt | None,
    ) -> Self:
        """Linearise about the likeliest cells.

        Args:
            original: surrogate of the target.
            mean: of each column's unknowns; None where nothing is known.
            surrogate_at: computes others; None where there is none: cells are scaled then.
        """
        still = cls(tensors=original, applied=np.zeros_like(original.conductance))
        if mean is None or surrogate_at is None or mean.shape[1] <= CELLS:
            return still
        # A change that all columns share is their cells'; the rest of a gain is its amplifier's.
        changes = (mean[:, CELLS:] + mean[:, GAIN].mean()).T
        if np.sqrt(np.mean(changes**2)) < _FAR:
            return still
        applied = np.clip(changes, _LEAST - 1.0, _MOST - 1.0)
        there = surrogate_at(original.conductance * (1.0 + applied))
        return cls(tensors=replace(there, conductance=original.conductance), applied=applied)

    def near(self, other: Linearisation) -> bool:
        """Whether another one is about the same cells, as far as it matters."""
        return bool(np.sqrt(np.mean((self.applied - other.applied) ** 2)) < _FAR)

    def beyond(
        self, unknowns: Float[np.ndarray, "columns unknowns"]
    ) -> Float[np.ndarray, "columns unknowns"]:
        """Subtract the unknowns that are in the surrogate."""
        rest = unknowns.copy()
        rest[:, CELLS:] -= self.applied.T
        return rest

    def sensitivity(self, z: Float[np.ndarray, "batch rows"]) -> Float[np.ndarray, "columns batch unknowns"]:
        """Derivative of scaled currents by each column's unknowns, (M, B, N + 2)."""
        by_unknown = cell_sensitivity(self.tensors, z)
        by_unknown[:, :, CELLS:] /= 1.0 + self.applied.T[:, None, :]
        by_unknown[:, :, GAIN] = by_unknown[:, :, CELLS:].sum(axis=2)
        return by_unknown

    def ways(self) -> Float[np.ndarray, "columns ways unknowns"]:
        """Sensitivity at `z` = 0, and by how much each input changes it, (M, N + 1, N + 2).

        For `z` of unit variance, the sum of squares over the N + 1 ways is the mean square sensitivity.
        """
        rows = len(self.applied)
        at = self.sensitivity(np.concatenate([np.zeros((1, rows)), np.eye(rows)]))
        return np.concatenate([at[:, :1], at[:, 1:] - at[:, :1]], axis=1)

    def relative(self, unknowns: Float[np.ndarray, "columns unknowns"]) -> Float[np.ndarray, "rows columns"]:
        """Change of each cell from the one in the surrogate, relative to that, (N, M)."""
        total = (unknowns[:, GAIN, None] + unknowns[:, CELLS:]).T
        return (1.0 + total) / (1.0 + self.applied) - 1.0

    def with_unknowns(self, unknowns: Float[np.ndarray, "columns unknowns"]) -> InverseTensors:
        """Return the surrogate of these unknowns, as predictions have it."""
        return with_cells(self.tensors, offset=unknowns[:, OFFSET], relative=self.relative(unknowns))


def posterior_tensors(
    original: InverseTensors, posterior: ColumnPosterior, surrogate_at: SurrogateAt | None = None
) -> InverseTensors:
    """Compile the surrogate of the likeliest cells.

    Uncertainty of the cells makes readings scatter beyond their noise. It widens the stated deviations;
    the estimate itself is not made to trust readings less for it, which on average was found to cost more
    than it saves: the scatter is the same for all reads, where noise averages out. Noise that has grown is
    noise: readings are trusted less.

    Args:
        original: of the target matrix.
        posterior: of its columns, cells included.
        surrogate_at: as for `recalibrate`.

    Raises:
        ShapeError: a posterior of another array.
    """
    rows, columns = original.conductance.shape
    posterior.require_unknowns(columns, rows + CELLS)
    about = Linearisation.about(original, posterior.mean, surrogate_at)
    honest = posterior.noise**2 + _scatter(about, posterior)
    drive = posterior.drive or DriveErrors.untaken(0.0, rows)
    volts2 = float(original.expansion[1]) ** 2
    noise = own_variance(posterior.noise**2, drive.noise_v**2 / volts2, about.tensors)
    honest = own_variance(honest, drive.variance_v2 / volts2, about.tensors)
    stated = own_variance(original.variance, drive.noise_v**2 / volts2, original)
    changed = with_changes(
        about.tensors,
        offset=posterior.mean[:, OFFSET],
        relative=about.relative(posterior.mean),
        variance=np.maximum(np.minimum(stated, honest), noise),
        inflation=original.inflation,
    )
    told_apart = replace(original, variance=stated, drive_variance=drive.noise_v**2 / volts2)
    scale = np.sqrt(_answer_variance(original) / _answer_variance(told_apart))
    changed = replace(changed, drive_variance=drive.variance_v2 / volts2)
    return replace(changed, inflation=original.inflation * scale * _widening(changed, honest))


def own_variance(
    variance: np.ndarray | float, drive_variance: np.ndarray | float, tensors: InverseTensors
) -> np.ndarray:
    """Part of the readings' variances (M,) that is each column's own, where inputs err by the other.

    Noise is known as one number for all columns, and so inputs' part of it is taken as their mean.
    """
    caused = (np.atleast_1d(drive_variance)[:, None] * tensors.linear**2).sum(axis=0).mean()
    return np.maximum(variance - caused, _LEAST_OWN * variance)


def _answer_variance(tensors: InverseTensors) -> float:
    """Sum over columns of the answers' variances, by the linear prediction, up to a common factor."""
    left = left_open(tensors) + tensors.drive_covariance
    return float((tensors.conductance * (left @ tensors.conductance)).sum())


def _widening(tensors: InverseTensors, honest: np.ndarray) -> float:
    """Factor of the answers' deviations where readings scatter by variances (M,) other than they are taken
    to: only the part of an error that comes from readings grows, not the one that the prior leaves.
    """
    weight = left_open(tensors) @ (tensors.linear / tensors.variance)
    by_readings = ((tensors.conductance.T @ weight) ** 2 * (honest - tensors.variance)).sum()
    return float(np.sqrt(1.0 + by_readings / _answer_variance(tensors)))


def _scatter(about: Linearisation, posterior: ColumnPosterior) -> np.ndarray:
    """Variance (M,) of readings that is not known of the columns, averaged over inputs of unit variance."""
    ways = about.ways()
    return np.maximum(((ways @ posterior.covariance) * ways).sum(axis=(1, 2)), 0.0)
