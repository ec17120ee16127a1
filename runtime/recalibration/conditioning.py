"""Closed-form posterior of a column's cells, and the evidence that says how much of the residual is theirs.

A column's unknowns are its offset, its gain error and, where cells can be told apart, the relative error of
each cell on top of that gain: U of them, 2 or N + 2. With the sensitivities `S` (K, U) of K readings, the
prior covariance `P` and the read noise's variance `R`, everything follows from the K × K matrix `S P Sᵀ + R`:
nothing of size U is ever inverted, and K much smaller than N is no special case. All columns go through
LAPACK together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Float
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET, DriveErrors

_UNREAD = 1e4
"""Noise variance of a reading that is missing, relative to full scale squared: it then says nothing."""

_ROUNDING = 1e-13
"""Of a covariance's trace: the rest in float64 of up to `_VECTORS_AT_ONCE` readings that should cancel."""

# Readings that four numbers are found from: 1,536 tell a spread to 2 %. With 4 columns or 8 vectors
# recalibrated errors are the same, stated ones within 7 % (`python benchmarks/constants.py conditioning`).
_COLUMNS_FOR_EVIDENCE = 24
_VECTORS_FOR_EVIDENCE = 64

_VECTORS_AT_ONCE = 64  # memory grows with their square: 64 readings of 128 columns are 4 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard deviations of possible changes, before anything was read.

    Attributes:
        cell: of a cell's own relative error.
        gain: of the relative error that the cells of a column share.
        offset: of a column's offset, relative to full scale.
        noise: of a reading, relative to full scale.
    """

    cell: float
    gain: float
    offset: float
    noise: float

    def variances(self, unknowns: int) -> Float[np.ndarray, " unknowns"]:
        """Variance of each of a column's unknowns, independent of each other, (U,)."""
        full = np.full(unknowns, float(self.cell) ** 2)
        full[OFFSET], full[GAIN] = self.offset**2, self.gain**2
        return full

    def beside(self, other: Spread) -> Spread:
        """Return the spread of changes of this kind and of another, with this one's noise."""
        return Spread(
            cell=math.hypot(self.cell, other.cell),
            gain=math.hypot(self.gain, other.gain),
            offset=math.hypot(self.offset, other.offset),
            noise=self.noise,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnReads:
    """Readings of known vectors, column by column.

    Attributes:
        sensitivity: derivative of a reading by each unknown, (M, K, U).
        residual: reading less prediction, relative to full scale, (M, K); anything where missing.
        present: whether there is a reading, (M, K).
    """

    sensitivity: Float[np.ndarray, "columns vectors unknowns"]
    residual: Float[np.ndarray, "columns vectors"]
    present: np.ndarray

    def thinned(self) -> tuple[ColumnReads, np.ndarray]:
        """Choose columns and vectors evenly, enough for a few shared numbers; with the columns' indices."""
        read = np.flatnonzero(self.present.any(axis=1))
        m = read[_spread_out(len(read), _COLUMNS_FOR_EVIDENCE)]
        k = _spread_out(self.residual.shape[1], _VECTORS_FOR_EVIDENCE)
        few = ColumnReads(
            sensitivity=self.sensitivity[np.ix_(m, k)],
            residual=self.residual[np.ix_(m, k)],
            present=self.present[np.ix_(m, k)],
        )
        return few, m

    def rest(self, shift: Float[np.ndarray, "columns unknowns"]) -> Float[np.ndarray, "columns vectors"]:
        """Residuals beyond a shift of the unknowns, 0 where missing."""
        return np.where(self.present, self.residual - (self.sensitivity @ shift[:, :, None])[:, :, 0], 0.0)

    def read_variance(self, noise: float) -> np.ndarray:
        """Variance of each reading about its prediction, (M, K); one that is missing says nothing."""
        return np.where(self.present, noise**2, _UNREAD)


class Evidence:
    """Probability of the residuals under one spread or another; the part common to all is computed once.

    Args:
        reads: residuals of predictions with the prior's mean.
        before: covariance that an earlier recalibration left, (M, U, U); None if there was none.
    """

    def __init__(self, reads: ColumnReads, before: np.ndarray | None) -> None:
        residual = np.where(reads.present, reads.residual, 0.0)
        s = np.where(reads.present[:, :, None], reads.sensitivity, 0.0)
        # Readings enter by as many combinations as there are unknowns; all others are noise alone.
        q, s = np.linalg.qr(s)
        self._residual = (q.swapaxes(1, 2) @ residual[:, :, None])[:, :, 0]
        self._rest = np.maximum((residual**2).sum() - (self._residual**2).sum(), 0.0)
        self._freedom = int(reads.present.sum()) - self._residual.size
        self._parts = {
            "offset": s[:, :, OFFSET, None] * s[:, None, :, OFFSET],
            "gain": s[:, :, GAIN, None] * s[:, None, :, GAIN],
            "cell": s[:, :, CELLS:] @ s[:, :, CELLS:].swapaxes(1, 2),
        }
        self._before = 0.0 if before is None else s @ before @ s.swapaxes(1, 2)

    def log(self, spread: Spread, *, inflation: float = 1.0) -> float:
        """Logarithm of the density of the present residuals, up to a constant of their number.

        Args:
            spread: of possible changes. inflation: factor of the covariance that an earlier one left.
        """
        columns, count = self._residual.shape
        covariance = sum(
            (
                getattr(spread, name) ** 2 * part
                for name, part in self._parts.items()
                if getattr(spread, name)
            ),
            start=inflation * self._before,
        )
        # The factor of a matrix with the residual as a further row ends in the whitened residual.
        bordered = np.zeros((columns, count + 1, count + 1))
        bordered[:, :count, :count] = covariance
        here = np.arange(count)
        bordered[:, here, here] += spread.noise**2 + _rounding(bordered)
        bordered[:, count, :count] = self._residual
        bordered[:, count, count] = 1.0 + 2.0 * (self._residual**2).sum(axis=1) / spread.noise**2
        factor = np.linalg.cholesky(bordered)
        diagonal = np.diagonal(factor, axis1=1, axis2=2)[:, :count]
        explained = -0.5 * (factor[:, count, :count] ** 2).sum() - np.log(diagonal).sum()
        rest = -0.5 * self._rest / spread.noise**2 - self._freedom * np.log(spread.noise)
        return float(explained + rest)


@dataclass(slots=True, eq=False)
class SharedErrors:
    """Errors of driven inputs that all columns read, followed into what is learned from the readings.

    Column by column they are noise. What they leave in the cells of one column they leave in all of them: as
    if inputs erred by a combination of themselves, the mean over columns of what each has learned.

    Attributes:
        drive: before, and once readings are learned from, after it.
        ways: sensitivity of readings at 1 and by each standardised input, (M, N + 1, U).
        at: 1 and the known inputs, standardised, (K, N + 1).
    """

    drive: DriveErrors
    ways: Float[np.ndarray, "columns ways unknowns"]
    at: Float[np.ndarray, "vectors ways"]

    def learn(self, block: slice, gain: Float[np.ndarray, "columns unknowns vectors"]) -> None:
        """Follow them through readings of a block of vectors that move the unknowns by `gain`."""
        moved = (self.ways @ gain).mean(axis=0)
        rest = np.eye(len(moved)) - moved @ self.at[block]
        taken_v2 = rest @ self.drive.taken_v2 @ rest.T + self.drive.noise_v**2 * (moved @ moved.T)
        self.drive = replace(self.drive, taken_v2=(taken_v2 + taken_v2.T) / 2)


def condition(
    reads: ColumnReads,
    prior: Float[np.ndarray, "columns unknowns unknowns"],
    noise: float,
    shared: SharedErrors | None = None,
) -> tuple[Float[np.ndarray, "columns unknowns"], Float[np.ndarray, "columns unknowns unknowns"]]:
    """Posterior mean and covariance of every column's unknowns.

    Vectors are taken a block at a time, the posterior of one block being the prior of the next: the same in
    the end, and time and memory grow with their number, not with its square.

    Args:
        reads: residuals of predictions with the prior's mean.
        prior: covariance, (M, U, U).
        noise: of a reading, relative to full scale, shared errors included.
        shared: errors that columns share; they learn, too.
    """
    residual, variance = np.where(reads.present, reads.residual, 0.0), reads.read_variance(noise)
    mean, covariance = np.zeros(prior.shape[:2]), prior
    for start in range(0, residual.shape[1], _VECTORS_AT_ONCE):
        block = slice(start, start + _VECTORS_AT_ONCE)
        seen = reads.sensitivity[:, block]
        spread = seen @ covariance
        together = spread @ seen.swapaxes(1, 2)
        here = np.arange(together.shape[1])
        read = variance[:, block] + _rounding(together)
        together[:, here, here] += read
        gain = np.linalg.solve(together, spread).swapaxes(1, 2)
        if shared is not None:
            shared.learn(block, gain)
        surprise = residual[:, block, None] - seen @ mean[:, :, None]
        surprise[~reads.present[:, block]] = 0.0
        mean = mean + (gain @ surprise)[:, :, 0]
        # As a sum of squares (Joseph), which rounding leaves positive: it is the prior of the next time.
        rest = np.eye(covariance.shape[1]) - gain @ seen
        covariance = rest @ covariance @ rest.swapaxes(1, 2) + (gain * read[:, None, :]) @ gain.swapaxes(1, 2)
        covariance = (covariance + covariance.swapaxes(1, 2)) / 2
    return mean, covariance


def _rounding(covariance: np.ndarray) -> np.ndarray:
    """Variance (M, 1) that counts as noise, so that rounding leaves every matrix positive definite."""
    return _ROUNDING * np.trace(covariance, axis1=1, axis2=2)[:, None]


def _spread_out(total: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, total - 1, min(total, most)).round().astype(int))
