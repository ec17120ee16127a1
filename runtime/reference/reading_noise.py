"""Noise of readings by the time they take: a white part, and fluctuations of cells that averaging leaves.

Cells fluctuate with correlation times spread evenly in their logarithm, from `fastest_s` on: 1/f noise, and
traps of many times. Within a reading the fastest average out; between known vectors and a later read all that
are shorter than the time between them are others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import RangeError
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.recalibration.cell_model import resting_currents

_FOLDS = 0.5  # between two correlation times of a sum; 0.25 changes variances by less than a hundredth
_REMEMBERED = 1e4
"""Times the longest time asked for, up to which correlation times count: slower noise changes by 1e-4."""

_LEAST_LEFT = 1e-3
"""Of a reading's variance, at least, after averaging: the white part is known to some percent only."""

MOST_AVERAGES = 65_536  # as many as boards take

_PAYS = 0.1
"""Share of the cells' fluctuations below which white noise adds less than 5 % to a reading's deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingNoise:
    """Law of the noise of a board's readings; checked on construction.

    Attributes:
        white: variance of one reading as trained on, relative to full scale squared; of n averages 1/n of it.
        cell_per_fold: variance of a cell's conductance, relative to it squared, per factor e of correlation
            times; 0 of noise that is white.
        fastest_s: shortest correlation time [s].
        reading_s, spacing_s: length of a reading as trained on, and from one to the next [s].
    """

    white: float
    cell_per_fold: float
    fastest_s: float
    reading_s: float
    spacing_s: float

    def __post_init__(self) -> None:
        times = self.fastest_s, self.reading_s, self.spacing_s
        if not all(math.isfinite(each) for each in (self.white, self.cell_per_fold, *times)):
            raise RangeError(f"got {self}; allowed: finite numbers; train again")
        if min(self.white, self.cell_per_fold) < 0.0 or min(times) <= 0.0 or self.spacing_s < self.reading_s:
            raise RangeError(
                f"got {self}; allowed: variances of 0 or more, times above 0, readings no longer than spaced"
            )

    @classmethod
    def of_white(cls, deviation: float) -> Self:
        """Law of a calibrator that knows no other noise than a reading's deviation relative to full scale."""
        return cls(white=deviation**2, cell_per_fold=0.0, fastest_s=1.0, reading_s=1.0, spacing_s=1.0)

    def spaced_s(self, averages: float) -> float:
        """Time from one reading of so many averages to the next [s]."""
        return self.spacing_s + (averages - 1.0) * self.reading_s

    def cell_variance(self, averages: float, within_s: float) -> float:
        """Variance of a cell over readings of so many averages, by correlation times up to `within_s` [s]."""
        if within_s <= self.fastest_s:
            return 0.0
        times_s, folds = _times(self.fastest_s, within_s)
        return self.cell_per_fold * float((averaged(averages * self.reading_s / times_s) * folds).sum())

    def cell_change(self, learned_s: float, later_s: float) -> float:
        """Variance of a cell that known vectors, read over `learned_s`, do not tell of one `later_s` after.

        Faster fluctuations were noise among the known vectors, and are noise of reads, too.
        """
        start_s = max(learned_s, self.fastest_s)
        times_s, folds = _times(start_s, _REMEMBERED * max(start_s, later_s))
        return self.cell_per_fold * float(-(np.expm1(-2.0 * later_s / times_s) * folds).sum())

    def covariance(self, count: int) -> Float[np.ndarray, "readings readings"]:
        """Covariance of a cell's readings as trained on, per `cell_per_fold`, in a block of `count`."""
        times_s, folds = _times(self.fastest_s, _REMEMBERED * count * self.spacing_s)
        lags_s = self.spacing_s * np.arange(count)
        by_lag = (np.exp(-lags_s[:, None] / times_s) * lagged(self.reading_s / times_s)) @ folds
        by_lag[0] = averaged(self.reading_s / times_s) @ folds
        at = np.arange(count)
        return by_lag[np.abs(at[:, None] - at)]

    def removed(
        self, tensors: InverseTensors, *, before: float, after: float
    ) -> Float[np.ndarray, " columns"]:
        """Variance of scaled readings (M,) that `after` averages take away from that of `before`."""
        within_s = _REMEMBERED * max(before, after) * self.reading_s
        of_cells = self.cell_variance(before, within_s) - self.cell_variance(after, within_s)
        return self.white * (1.0 / before - 1.0 / after) + cell_squares(tensors) * of_cells

    def enough_averages(self, tensors: InverseTensors, *, learned: int, most: int = MOST_AVERAGES) -> int:
        """Smallest power of two of averages beyond which more no longer pay; `most` if they always do.

        Args:
            tensors: of the matrix.
            learned: known vectors of a recalibration: fluctuations that are slower, it removes.
            most: averages that are looked at.
        """
        averages, squares = 1, float(cell_squares(tensors).mean())
        while averages < most:
            within_s = learned * self.spaced_s(averages)
            if self.white / averages <= _PAYS * squares * self.cell_variance(averages, within_s):
                break
            averages *= 2
        return min(averages, most)

    def to_json(self) -> dict[str, float]:
        """Return the `reading_noise` key of the file's `cell_law`."""
        return {name: float(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read that key.

        Raises:
            RangeError: impossible numbers.
            KeyError, TypeError, ValueError: something is missing or of the wrong type.
        """
        return cls(**{name: float(document[name]) for name in cls.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Averaging:
    """Readings that average more than those trained on.

    Attributes:
        noise: their law.
        averages: of one, relative to a reading as trained on.
    """

    noise: ReadingNoise
    averages: float

    def left(self, variance: Any, tensors: InverseTensors, *, before: float) -> Float[np.ndarray, " columns"]:
        """Leave of a variance (M,), or one for all, of `before` averages what these averages leave."""
        removed = self.noise.removed(tensors, before=before, after=self.averages)
        return np.maximum(variance - removed, _LEAST_LEFT * np.asarray(variance))


def cell_squares(tensors: InverseTensors) -> Float[np.ndarray, " columns"]:
    """Sum of the squares of what single cells add to a scaled reading, mean over inputs, (M,)."""
    return (resting_currents(tensors) ** 2 + tensors.linear**2).sum(axis=0)


def averaged(ratio: np.ndarray) -> np.ndarray:
    """Variance of the mean over a window, of noise whose correlation time is 1/ratio of it, relative."""
    x = np.maximum(ratio, 1e-6)
    return 2.0 * (x + np.expm1(-x)) / x**2


def lagged(ratio: np.ndarray) -> np.ndarray:
    """Factor of the correlation of means over two windows that do not overlap."""
    x = np.clip(ratio, 1e-6, 50.0)
    return 2.0 * (np.cosh(x) - 1.0) / x**2


def _times(start_s: float, end_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Correlation times [s] from one to another, and the factors of e that each stands for."""
    folds = math.log(end_s / start_s)
    count = max(math.ceil(folds / _FOLDS), 1)
    middle = (np.arange(count) + 0.5) * folds / count
    return start_s * np.exp(middle), np.full(count, folds / count)
