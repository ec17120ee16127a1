"""Posterior of a board's columns beyond its calibrator: the prior of the next recalibration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import RangeError, ShapeError, wanted

if TYPE_CHECKING:
    from crosscal.runtime.recalibration.evolution import Evolution

OFFSET, GAIN, CELLS = 0, 1, 2
"""Indices of a column's unknowns: its offset, the part that its cells share, from here on each cell."""


class RecalibrationLevel(StrEnum):
    """Level of a recalibration: the quantities that it corrects."""

    NOTHING = "nothing"
    COLUMNS = "columns"
    CELLS = "cells"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnPosterior:
    """Normal distribution over the changes of each column.

    Attributes:
        mean: per column its offset, its relative gain error and, where cells can be told apart, each cell's
            relative error on top of that, (M, 2) or (M, N + 2).
        covariance: of these, (M, U, U).
        noise: standard deviation of a reading about it. Offsets and noise are relative to full scale
            where cells are told apart, in amperes where they are not.
        evolution: how fast the matrix changes, as its recalibrations tell; None in files of before.
    """

    mean: Float[np.ndarray, "columns unknowns"]
    covariance: Float[np.ndarray, "columns unknowns unknowns"]
    noise: float
    evolution: Evolution | None = None

    def __post_init__(self) -> None:
        shape = self.mean.shape
        if len(shape) != 2 or shape[1] < CELLS or self.covariance.shape != (*shape, shape[-1]):
            raise ShapeError(
                wanted(
                    got=f"a posterior of mean {shape} and covariance {self.covariance.shape}",
                    allowed="(M, U) and (M, U, U) with U of 2 or more",
                    remedy="use what a recalibration returned",
                )
            )
        known = np.isfinite(self.mean).all() and np.isfinite(self.covariance).all()
        if not known or not (np.isfinite(self.noise) and self.noise > 0.0):
            raise RangeError(
                wanted(
                    got=f"a posterior with noise {self.noise} and numbers that are not finite",
                    allowed="finite numbers, noise above 0",
                    remedy="use what a recalibration returned",
                )
            )

    @property
    def cells_known(self) -> bool:
        """Whether it tells the cells of a column apart."""
        return self.mean.shape[1] > CELLS

    @property
    def level(self) -> RecalibrationLevel:
        """How far it goes."""
        if not self.mean.any() and not self.covariance.any():
            # Noise alone is known.
            return RecalibrationLevel.NOTHING
        if (np.diagonal(self.covariance, axis1=1, axis2=2)[:, CELLS:] > 0.0).any():
            return RecalibrationLevel.CELLS
        return RecalibrationLevel.COLUMNS

    def carried(self) -> ColumnPosterior:
        """Return the part that other matrices on the board inherit: offsets, and gains about their mean.

        Errors of cells end when they are programmed anew. So does the common part of all gains: it is the
        mark of devices that drifted together, not of amplifiers: each goes its own way.
        """
        mean, covariance = np.zeros_like(self.mean), np.zeros_like(self.covariance)
        mean[:, :CELLS] = self.mean[:, :CELLS]
        mean[:, GAIN] -= self.mean[:, GAIN].mean()
        covariance[:, :CELLS, :CELLS] = self.covariance[:, :CELLS, :CELLS]
        return ColumnPosterior(mean=mean, covariance=covariance, noise=self.noise)
