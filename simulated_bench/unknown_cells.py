"""Cells that nobody knows exactly: their scatter on a board, and all that known vectors can tell of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.linear_gaussian import Sensed

LEVELS = 16
"""Parts of the conductance range in which a scatter is told apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scatter:
    """Relative variance of a conductance about the one it is known by, as it depends on that.

    Attributes:
        edges_s: the largest conductance of each level but the last [S], ascending, (L−1,).
        variance: relative to the square, of each level, (L,).
    """

    edges_s: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, known_s: np.ndarray, value_s: np.ndarray) -> Scatter:
        """Estimate a scatter from many matrices, (K, N, M) each [S].

        Errors that return in every matrix, of a column or of a level, are none of it: a calibrator learns
        them.
        """
        found = known_s > 0
        relative = np.divide(value_s, known_s, out=np.ones_like(value_s), where=found) - 1
        # Matrices of few values have fewer levels, none of them empty.
        edges_s = np.unique(np.quantile(known_s[found], np.arange(1, LEVELS) / LEVELS, method="lower"))
        edges_s = edges_s[edges_s < known_s.max()]
        level = np.searchsorted(edges_s, known_s)
        levels = [(level == k) & found for k in range(len(edges_s) + 1)]
        for cells in levels:
            relative[cells] -= relative[cells].mean()
        columns = np.maximum(found.sum(axis=(0, 1)), 1)
        relative -= np.where(found, relative, 0.0).sum(axis=(0, 1)) / columns
        return cls(edges_s=edges_s, variance=np.array([np.mean(relative[cells] ** 2) for cells in levels]))

    def __call__(self, known_s: Matrix) -> Matrix:
        """Give the relative variance of each cell of a matrix, (N, M)."""
        return self.variance[np.searchsorted(self.edges_s, known_s)]


def posterior_covariance(
    prior_variance: Matrix, change_a: np.ndarray | None = None, sensed: Sensed | None = None
) -> np.ndarray:
    """Compute the covariance that known vectors leave of the cells, by the true circuit and noise.

    Args:
        prior_variance: of each cell before, relative to its square, (N, M).
        change_a: of the currents of each known vector, per relative change of each cell [A], (K, M, N·M).
        sensed: noise on those currents; its responses to the inputs are not used, as these are known.

    Returns:
        Relative covariance, (N·M, N·M), cells row by row.
    """
    spread = np.sqrt(prior_variance.ravel())
    if change_a is None or sensed is None or not len(change_a):
        return np.diag(spread**2)
    told = (sensed.whitened(change_a) * spread).reshape(-1, spread.size)
    information = np.eye(spread.size) + told.T @ told
    return spread[:, None] * np.linalg.inv(information) * spread
