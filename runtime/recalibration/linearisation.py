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
from crosscal.runtime.recalibration.cell_model import cell_sensitivity, with_cells
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET

SurrogateAt = Callable[[Matrix], InverseTensors]
"""Computes the surrogate of cells [S], (N, M)."""

_FAR = 0.01
"""Relative change of cells (rms) from which a surrogate is computed anew. Scaling costs 2 % of the squared
error at 1 %, a fifth at 3 % (32×32, noise 1e-3, cells read back; `python benchmarks/large_drift.py`)."""

_LEAST, _MOST = 0.05, 1.5
"""Of the target: an open or a shorted cell is scaled beyond these; surrogates know no cells that far off."""


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
