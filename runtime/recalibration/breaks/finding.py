"""Cells that broke: a heavy tail of the prior, so that one cell far off is found as one cell far off.

A normal prior spreads the residual of a cell that opened over all cells of its column. Here each cell may,
with a small probability, have gone anywhere. Column by column the readings say how much likelier they are if
this or that cell did; its prior variance is widened by the probability that it did, and the others keep
theirs. A column as a whole, all cells of it or its line, is a candidate like a cell.

Reference:
    Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 5.4: comparison of models
    by their marginal likelihood; a rank-one change of the covariance gives it in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float
from crosscal.runtime.recalibration.conditioning import ColumnReads
from crosscal.runtime.recalibration.posterior import CELLS, OFFSET

BREAKS = 1e-4
"""Probability that a cell broke since it was known last. Insensitive between 1e-6 and 1e-3
(tests/runtime/recalibration/test_broken_cells.py)."""

ANYWHERE = 1.0
"""Standard deviation of a broken cell's relative change, at least: from open to twice as much."""

_MOST_IN_A_COLUMN = 4  # cells that are looked for one after another; the search ends where none is likely
_NEGLIGIBLE = 1e-3  # probability of a cell that is not widened: it adds a thousandth of a break

_CALM = 25.0
"""Mean square residual relative to the columns' median, beyond which a column does not say how much all
cells have changed: of columns that differ by the chance of a single number, one in 1,500."""

_MOST_NOT_CALM = 0.25  # of the columns: where more change, it is the array and no single cell

_DEVIATIONS = 3.0
"""Of a cell's change by its column alone, from which the column counts for a broken row: more than half
must."""

_UNEXPLAINED = 8.0
"""Standard deviations of a mean square beyond which a column's residual is not noise."""

_FEWEST_LEFT = 8
"""Readings of a column beyond its unknowns, at least, for the part of its residual that these hide."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Breaks:
    """Probabilities of breaks, and the variance that they add to the prior.

    Attributes:
        probability: of each unknown, (M, U).
        variance: added to the prior's diagonal, (M, U).
        row_probability: of each row, (N,).
    """

    probability: Float[np.ndarray, "columns unknowns"]
    variance: Float[np.ndarray, "columns unknowns"]
    row_probability: Float[np.ndarray, " rows"]

    @property
    def any(self) -> bool:
        """Whether anything broke."""
        return bool(self.variance.any() or (self.row_probability > 0.5).any())

    def widened(self, covariance: np.ndarray) -> np.ndarray:
        """Prior covariance (M, U, U) with the heavy tail of the cells that broke."""
        here = np.arange(covariance.shape[1])
        wider = covariance.copy()
        wider[:, here, here] += self.variance
        return wider


def calm_reads(reads: ColumnReads) -> ColumnReads:
    """Leave out columns that something else than the common change of all cells has happened to."""
    square = np.where(reads.present, reads.residual, 0.0) ** 2
    count = reads.present.sum(axis=1)
    heard = count > 0
    mean = square.sum(axis=1) / np.maximum(count, 1)
    loud = heard & (mean > _CALM * np.median(mean[heard])) if heard.any() else ~heard
    if not loud.any() or loud.sum() > _MOST_NOT_CALM * heard.sum():
        return reads
    return ColumnReads(
        sensitivity=reads.sensitivity,
        residual=reads.residual,
        present=reads.present & ~loud[:, None],
    )


def broken_rows(reads: ColumnReads, prior: np.ndarray, noise: float) -> Float[np.ndarray, " rows"]:
    """Tell the probability of each row that all its cells have changed alike, (N,).

    Args:
        reads, prior, noise: as for `find_breaks`.
    """
    heard = np.flatnonzero(reads.present.any(axis=1))
    found = [_pull_and_power(*_observed(reads, prior, noise, int(m))) for m in heard]
    pull, power = np.array(found).swapaxes(0, 1)
    odds, _ = _log_odds(pull.sum(axis=0), power.sum(axis=0))
    # One cell that is far off, or two, are no row.
    agreeing = (pull**2 > _DEVIATIONS**2 * np.maximum(power, np.finfo(float).tiny)).mean(axis=0)
    cells = np.arange(len(odds)) >= CELLS
    return _normalised(np.where(cells & (agreeing > 0.5), odds, -np.inf))[CELLS:]


def row_variance(probability: Float[np.ndarray, " rows"], columns: int) -> np.ndarray:
    """Variance of every unknown by rows that broke, (M, U, U)."""
    more = np.where(probability > 0.5, probability * ANYWHERE**2, 0.0)
    diagonal = np.concatenate([np.zeros(CELLS), more])
    return np.broadcast_to(np.diag(diagonal), (columns, len(diagonal), len(diagonal)))


def find_breaks(
    reads: ColumnReads, prior: np.ndarray, noise: float, rows: Float[np.ndarray, " rows"]
) -> Breaks:
    """Tell the probability that each cell, or each column as a whole, broke.

    Args:
        reads: residuals of predictions with the prior's mean.
        prior: covariance, (M, U, U), without breaks of cells.
        noise: of a reading, relative to full scale.
        rows: probability of each row that it broke as a whole; the prior knows.
    """
    columns, unknowns = prior.shape[:2]
    probability, added = np.zeros((columns, unknowns)), np.zeros((columns, unknowns))
    for m in np.flatnonzero(reads.present.any(axis=1)):
        s, residual, covariance = _observed(reads, prior, noise, int(m))
        for _ in range(_MOST_IN_A_COLUMN):
            found, variance = _likeliest(s, residual, covariance)
            if found.sum() <= 0.5:
                break
            more = np.where(found > _NEGLIGIBLE, found * variance, 0.0)
            covariance = covariance + (s * more) @ s.T
            added[m] += more
            probability[m] = np.maximum(probability[m], found)
    return Breaks(probability=probability, variance=added, row_probability=rows)


def unexplained_variance(
    reads: ColumnReads, rest: np.ndarray, expected: Float[np.ndarray, " columns"]
) -> Float[np.ndarray, " columns"]:
    """Variance of readings about what was learned, of columns that it does not explain; 0 of all others.

    Args:
        reads: that it was learned from.
        rest: of their residuals, beyond what was learned, (M, K); 0 where missing.
        expected: variance of a reading, relative to full scale.
    """
    count = np.maximum(reads.present.sum(axis=1), 1)
    usual = 1.0 + _UNEXPLAINED * np.sqrt(2.0 / count)
    found = (rest**2).sum(axis=1) / count
    return np.where(found > usual * expected, found, 0.0)


def broken_row_errors(
    reads: ColumnReads,
    rest: np.ndarray,
    slopes: Float[np.ndarray, "rows columns"],
    unexplained: np.ndarray,
    broken: np.ndarray,
    noise: float,
) -> Float[np.ndarray, " rows"]:
    """Variance of the inputs of rows that broke, by which their columns go on erring together, (N,) [V²].

    A row that a short pulls down follows its input by another law than the one learned: all columns read the
    difference.

    Args:
        reads, rest: as for `unexplained_variance`.
        noise: of a reading, relative to full scale.
        slopes: change of readings with every input, (N, M) [1/V].
        unexplained: of columns that count for no row, above 0, (M,).
        broken: rows that broke, now or earlier, (N,).
    """
    use = reads.present & (unexplained == 0.0)[:, None]
    rest = np.where(use, rest, 0.0)
    _, vectors, unknowns = reads.sensitivity.shape
    # Part of the residual is hidden by the unknowns that were fitted to it, and errs again in reads.
    hidden = (vectors + unknowns) / max(vectors - unknowns, _FEWEST_LEFT)
    found = np.zeros(len(slopes))
    for n in np.flatnonzero(broken):
        weight = (slopes[n][:, None] ** 2 * use).sum(axis=0)
        heard = weight > 0.0
        error_v = (slopes[n] @ rest)[heard] / weight[heard]
        by_noise = noise**2 / weight[heard]
        found[n] = max(float((error_v**2 - by_noise).mean()), 0.0) * hidden if heard.any() else 0.0
    return found


def _observed(
    reads: ColumnReads, prior: np.ndarray, noise: float, m: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sensitivities (K, U) and residuals (K,) of a column, and the residuals' covariance (K, K)."""
    seen = reads.present[m]
    s, residual = reads.sensitivity[m][seen], reads.residual[m][seen]
    covariance = s @ prior[m] @ s.T
    covariance[np.diag_indices(len(s))] += noise**2 + 1e-13 * np.trace(covariance)
    return s, residual, covariance


def _likeliest(
    s: np.ndarray, residual: np.ndarray, covariance: np.ndarray
) -> tuple[Float[np.ndarray, " unknowns"], Float[np.ndarray, " unknowns"]]:
    """Probability of each unknown that it alone has gone anywhere, and the variance of that."""
    log_odds, variance = _log_odds(*_pull_and_power(s, residual, covariance))
    log_odds[OFFSET] = -np.inf
    return _normalised(log_odds), variance


def _pull_and_power(
    s: np.ndarray, residual: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`sᵀ A⁻¹ r` and `sᵀ A⁻¹ s` of each unknown, (U,) each."""
    solved = np.linalg.solve(covariance, np.concatenate([s, residual[:, None]], axis=1))
    return s.T @ solved[:, -1], (s * solved[:, :-1]).sum(axis=0)


def _log_odds(pull: np.ndarray, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the odds that an unknown has gone anywhere, and the variance of that."""
    change = np.divide(pull, power, out=np.zeros_like(pull), where=power > 0.0)
    variance = np.maximum(ANYWHERE**2, change**2)
    gain = 1.0 + variance * power
    return np.log(BREAKS) - 0.5 * np.log(gain) + 0.5 * variance * pull**2 / gain, variance


def _normalised(log_odds: np.ndarray) -> np.ndarray:
    """Probabilities of exclusive alternatives, by their odds against none of them."""
    largest = max(float(log_odds.max()), 0.0)
    weight = np.exp(log_odds - largest)
    return weight / (np.exp(-largest) + weight.sum())
