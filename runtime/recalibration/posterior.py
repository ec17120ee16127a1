"""Posterior of a board's columns beyond its calibrator: the prior of the next recalibration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import RangeError, ShapeError, wanted

if TYPE_CHECKING:
    from crosscal.runtime.recalibration.evolution import Evolution

OFFSET, GAIN, CELLS = 0, 1, 2
"""Indices of a column's unknowns: its offset, the part that its cells share, from here on each cell."""


_ROUNDING = 1e-6
"""Of a covariance, relative to its largest number: far more than many blocks of vectors leave, and far less
than counts."""


class RecalibrationLevel(StrEnum):
    """Level of a recalibration: the quantities that it corrects."""

    NOTHING = "nothing"
    COLUMNS = "columns"
    CELLS = "cells"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriveErrors:
    """Errors of the inputs as they are driven, such as a converter's steps: all columns read the same ones.

    Known vectors had them, too, and what was taken for cells then errs in all columns as if inputs were
    others than they are.

    Attributes:
        noise_v: standard deviation of an input about the one asked for, from vector to vector [V].
        taken_v2: covariance of the errors that were taken for cells, of each input alike, at 1 and at each
            standardised input, (N + 1, N + 1) [V²].
        row_v2: further variance of single inputs, of rows that broke, (N,) [V²].
    """

    noise_v: float
    taken_v2: Float[np.ndarray, "ways ways"]
    row_v2: Float[np.ndarray, " rows"]

    def __post_init__(self) -> None:
        ways = len(self.row_v2) + 1
        if self.row_v2.ndim != 1 or self.taken_v2.shape != (ways, ways):
            raise ShapeError(f"got errors of {self.row_v2.shape} and of {self.taken_v2.shape} inputs")
        numbers = [self.noise_v, self.taken_v2, self.row_v2]
        if not all(np.isfinite(each).all() for each in numbers) or self._least() < 0.0:
            raise RangeError(
                f"got errors of inputs of {self.noise_v} V and covariances that are none; allowed: finite "
                "numbers, variances of 0 or more, symmetric; recalibrate anew"
            )

    def _least(self) -> float:
        """Return the least of the variances; below 0 where a covariance is none, beyond rounding."""
        largest = float(np.abs(self.taken_v2).max())
        if np.abs(self.taken_v2 - self.taken_v2.T).max() > _ROUNDING * largest:
            return -np.inf
        taken = float(np.linalg.eigvalsh(self.taken_v2)[0]) + _ROUNDING * largest
        return min(self.noise_v, float(self.row_v2.min(initial=0.0)), taken)

    @classmethod
    def untaken(cls, noise_v: float, rows: int) -> Self:
        """Begin before any known vector."""
        return cls(noise_v=noise_v, taken_v2=np.zeros((rows + 1, rows + 1)), row_v2=np.zeros(rows))

    @property
    def variance_v2(self) -> Float[np.ndarray, " rows"]:
        """Variance of every input, averaged over inputs of unit variance, (N,) [V²]."""
        return self.noise_v**2 + np.trace(self.taken_v2) + self.row_v2


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
        drive: errors of driven inputs, which all columns share; None where they are not known.
        averages: of the readings that `noise` is of, relative to one as trained on.
        learned_s: time that the last known vectors took to read [s]; 0 where it is not known.
    """

    mean: Float[np.ndarray, "columns unknowns"]
    covariance: Float[np.ndarray, "columns unknowns unknowns"]
    noise: float
    evolution: Evolution | None = None
    drive: DriveErrors | None = None
    averages: float = 1.0
    learned_s: float = 0.0

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
        if self.drive is not None and self.drive.taken_v2.shape != (shape[1] - 1, shape[1] - 1):
            raise ShapeError(f"got errors of {self.drive.taken_v2.shape} for {shape[1] - CELLS} inputs")
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

    def require_unknowns(self, columns: int, unknowns: int) -> None:
        """Refuse to serve an array of other columns and unknowns.

        Raises:
            ShapeError: it is of another array.
        """
        if self.mean.shape != (columns, unknowns):
            raise ShapeError(
                wanted(
                    got=f"a posterior of {self.mean.shape}",
                    allowed=f"{(columns, unknowns)}",
                    remedy="use the posterior of this very programming, or none",
                )
            )

    def carried(self) -> ColumnPosterior:
        """Return the part that other matrices on the board inherit: offsets, and gains about their mean.

        Errors of cells end when they are programmed anew. So does the common part of all gains: it is the
        mark of devices that drifted together, not of amplifiers: each goes its own way.
        """
        mean, covariance = np.zeros_like(self.mean), np.zeros_like(self.covariance)
        mean[:, :CELLS] = self.mean[:, :CELLS]
        mean[:, GAIN] -= self.mean[:, GAIN].mean()
        covariance[:, :CELLS, :CELLS] = self.covariance[:, :CELLS, :CELLS]
        drive = self.drive and DriveErrors.untaken(self.drive.noise_v, len(self.drive.taken_v2) - 1)
        return ColumnPosterior(
            mean=mean, covariance=covariance, noise=self.noise, drive=drive, averages=self.averages
        )
