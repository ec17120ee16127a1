"""Readings of one matrix as observations of its cells, and how probable they are for given sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.runtime import CellLaw, InverseTensors
from crosscal.runtime.recalibration.cell_model import cell_sensitivity, standardised_inputs, with_changes
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET
from crosscal.training.calibrators.read_back_law import beyond_expected
from crosscal.training.measurements import Measurements

# Enough for five numbers: twice as many columns or vectors move them by less than a tenth on `lab-12x16`.
_VECTORS = 48
_COLUMNS_OF_SIZES = 12

Sizes = dict[str, float]
"""Standard deviations by name: `noise` and `offset` relative to full scale, `gain` and `relative` (of a
cell's read-back, or of the cell where there is none) relative, `absolute` relative to a cell of middle
conductance."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellReads:
    """Readings of columns of one matrix, against the calibrator's model of it.

    Attributes:
        column: which columns, (m,).
        sensitivity: (m, K, U).
        residual: readings less predictions, without the second-order effect of the cells' changes, (m, K).
        slope: change with each input [1/V], (m, N).
        target_s: targets [S], (m, N).
        observed: relative deviations of read-backs beyond the expected, (m, N); 0 without one.
        total: their standard deviation by the law of all, (m, N); 0 without one.
    """

    column: np.ndarray
    sensitivity: np.ndarray
    residual: np.ndarray
    slope: np.ndarray
    target_s: np.ndarray
    observed: np.ndarray
    total: np.ndarray

    def thinned(self) -> CellReads:
        """Keep columns evenly, enough for numbers that all share."""
        few = _spread_out(np.arange(len(self.column)), _COLUMNS_OF_SIZES)
        return CellReads(
            column=self.column[few],
            sensitivity=self.sensitivity[few],
            residual=self.residual[few],
            slope=self.slope[few],
            target_s=self.target_s[few],
            observed=self.observed[few],
            total=self.total[few],
        )


def read_cells(
    tensors_of: Callable[[Matrix], dict[str, np.ndarray]],
    data: Measurements,
    k: int,
    law: CellLaw,
    total: np.ndarray,
) -> CellReads:
    """Compare the usable readings of matrix `k` with the calibrator's model.

    Args:
        tensors_of: fits the surrogate of a target [S], (N, M).
        data: measurements.
        k: the matrix.
        law: expected read-backs.
        total: standard deviation of read-backs about these, at the law's knots.
    """
    target_s = data.conductance_s[k]
    tensors = InverseTensors.from_mapping(tensors_of(target_s))
    chosen = _spread_out(np.flatnonzero(data.usable[k]), _VECTORS)
    z = standardised_inputs(tensors, data.voltage_v[k, chosen])
    scaled = (data.current_a[k, chosen] - tensors.current_shift) * tensors.current_scale
    residual = (scaled - tensors.predicted(z)).T
    observed, deviation = np.zeros_like(target_s), np.zeros_like(target_s)
    if law.read_back is not None and data.read_back_s is not None:
        observed = beyond_expected(law, target_s, data.read_back_s[k])
        deviation = np.where(observed != 0.0, np.interp(target_s, law.knots_s, total), 0.0)
        residual = residual - _bent(tensors, z, observed)
    return CellReads(
        column=np.arange(target_s.shape[1]),
        sensitivity=cell_sensitivity(tensors, z),
        residual=residual,
        slope=tensors.linear.T / tensors.expansion[1],
        target_s=np.maximum(target_s, law.least_s()).T,
        observed=observed.T,
        total=deviation.T,
    )


def prior_of(
    reads: CellReads, sizes: Sizes, middle_s: float, read_back: bool, *, scatters: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Variances of columns' unknowns, (m, U), and the mean of cells' errors by read-backs, (m, N)."""
    own = sizes["relative"] ** 2 + (sizes["absolute"] * middle_s / reads.target_s) ** 2
    prior, mean = np.zeros((len(own), reads.sensitivity.shape[2])), np.zeros_like(own)
    prior[:, OFFSET], prior[:, GAIN] = sizes["offset"] ** 2, sizes["gain"] ** 2
    if scatters:
        prior[:, CELLS:] = own
        if read_back:
            cells = np.maximum(reads.total**2 - own, 0.0)
            share = cells / (cells + own)
            prior[:, CELLS:], mean = share * own, share * reads.observed
    return prior, mean


def factor_of(reads: CellReads, prior: np.ndarray, noise: float) -> np.ndarray:
    """Cholesky factor of the residuals' covariance, (m, K, K)."""
    s = reads.sensitivity
    covariance = (s * prior[:, None, :]) @ s.swapaxes(1, 2)
    here = np.arange(s.shape[1])
    # Rounding counts as noise, so that every matrix stays positive definite.
    covariance[:, here, here] += noise**2 + 1e-13 * np.trace(covariance, axis1=1, axis2=2)[:, None]
    return np.linalg.cholesky(covariance)


def residual_about(reads: CellReads, mean: np.ndarray) -> np.ndarray:
    """Residuals once the cells' mean errors (m, N) are taken into account, (m, K)."""
    return reads.residual - (reads.sensitivity[:, :, CELLS:] @ mean[:, :, None])[:, :, 0]


def log_density(reads: CellReads, sizes: Sizes, middle_s: float, read_back: bool, *, scatters: bool) -> float:
    """Logarithm of the density of a matrix's residuals, up to a constant."""
    prior, mean = prior_of(reads, sizes, middle_s, read_back, scatters=scatters)
    factor = factor_of(reads, prior, sizes["noise"])
    white = np.linalg.solve(factor, residual_about(reads, mean)[:, :, None])
    return float(-0.5 * (white**2).sum() - np.log(np.diagonal(factor, axis1=1, axis2=2)).sum())


def _bent(tensors: InverseTensors, z: np.ndarray, relative: Matrix) -> np.ndarray:
    """Effect of cells' changes on readings beyond the first order, (M, K)."""
    changed = with_changes(
        tensors,
        offset=np.zeros(relative.shape[1]),
        relative=relative,
        variance=tensors.variance,
        inflation=tensors.inflation,
    )
    first = np.einsum("mkn,nm->mk", cell_sensitivity(tensors, z)[:, :, CELLS:], relative, optimize=True)
    return (changed.predicted(z) - tensors.predicted(z)).T - first


def _spread_out(indices: np.ndarray, most: int) -> np.ndarray:
    return indices[np.unique(np.linspace(0, len(indices) - 1, min(most, len(indices))).round().astype(int))]
