"""Closed-form posterior of a column's cells, and the evidence that says how much of the residual is theirs.

A column's unknowns are an offset and the relative errors of its cells, in this order, N + 1 of them; a gain
error is what all its cells share. With the sensitivities `S` (K, N + 1) of K readings, the prior covariance
`P` and the read noise's variance `R`, everything follows from the K × K matrix `S P Sᵀ + R`: nothing of size
N is ever inverted, and K much smaller than N is no special case. All columns go through LAPACK together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float

_UNREAD = 1e4
"""Noise variance of a reading that is missing, in parts of the full scale squared: it then says nothing."""

_COLUMNS_FOR_EVIDENCE = 24
_VECTORS_FOR_EVIDENCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard deviations before anything was read: what may have changed, and by how much.

    Attributes:
        cell: of a cell's own relative error.
        gain: of the relative error that the cells of a column share.
        offset: of a column's offset, in parts of the full scale.
        noise: of a reading, in parts of the full scale.
    """

    cell: float
    gain: float
    offset: float
    noise: float

    def covariance(self, rows: int) -> Float[np.ndarray, "unknowns unknowns"]:
        """Covariance of a column's unknowns, (N + 1, N + 1)."""
        full = np.full((rows + 1, rows + 1), float(self.gain) ** 2)
        full[0, :], full[:, 0] = 0.0, 0.0
        full[np.arange(1, rows + 1), np.arange(1, rows + 1)] += self.cell**2
        full[0, 0] = self.offset**2
        return full


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnReads:
    """Readings of known vectors, column by column.

    Attributes:
        sensitivity: derivative of a reading by each unknown, (M, K, N + 1).
        residual: reading less prediction, in parts of the full scale, (M, K); anything where missing.
        present: whether there is a reading, (M, K).
    """

    sensitivity: Float[np.ndarray, "columns vectors unknowns"]
    residual: Float[np.ndarray, "columns vectors"]
    present: np.ndarray

    def thinned(self) -> tuple[ColumnReads, np.ndarray]:
        """Evenly chosen columns and vectors, enough for a few numbers that all share, and which columns."""
        m = np.unique(np.linspace(0, len(self.residual) - 1, _COLUMNS_FOR_EVIDENCE).round().astype(int))
        count = self.residual.shape[1]
        k = np.unique(np.linspace(0, count - 1, min(count, _VECTORS_FOR_EVIDENCE)).round().astype(int))
        few = ColumnReads(
            sensitivity=self.sensitivity[np.ix_(m, k)],
            residual=self.residual[np.ix_(m, k)],
            present=self.present[np.ix_(m, k)],
        )
        return few, m

    def covariance(self, prior: np.ndarray, noise: float) -> np.ndarray:
        """Covariance of the residuals, (M, K, K), under a prior (N + 1, N + 1) or (M, N + 1, N + 1)."""
        full = self.sensitivity @ prior @ self.sensitivity.swapaxes(1, 2)
        here = np.arange(full.shape[1])
        full[:, here, here] += np.where(self.present, noise**2, _UNREAD)
        return full


def log_evidence(reads: ColumnReads, covariance: Float[np.ndarray, "columns vectors vectors"]) -> float:
    """Logarithm of the density of the present residuals, up to a constant of their number."""
    residual = np.where(reads.present, reads.residual, 0.0)
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, residual[:, :, None])
    diagonal = np.diagonal(factor, axis1=1, axis2=2)
    return float(-0.5 * (white**2).sum() - np.log(diagonal).sum())


def condition(
    reads: ColumnReads, prior: Float[np.ndarray, "columns unknowns unknowns"], noise: float
) -> tuple[Float[np.ndarray, "columns unknowns"], Float[np.ndarray, "columns unknowns unknowns"]]:
    """Posterior mean and covariance of every column's unknowns.

    Args:
        reads: residuals of predictions with the prior's mean.
        prior: covariance, (M, N + 1, N + 1).
        noise: of a reading, in parts of the full scale.
    """
    covariance = reads.covariance(prior, noise)
    spread = reads.sensitivity @ prior
    gain = np.linalg.solve(covariance, spread).swapaxes(1, 2)
    residual = np.where(reads.present, reads.residual, 0.0)
    mean = (gain @ residual[:, :, None])[:, :, 0]
    posterior = prior - gain @ spread
    return mean, (posterior + posterior.swapaxes(1, 2)) / 2
