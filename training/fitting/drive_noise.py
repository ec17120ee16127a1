"""Errors of driven inputs, told from the noise of columns by what those of one vector have in common.

A converter's steps and a driver's noise move all columns of a reading together, each by its slope in that
input. The division of the noise between the two that makes the readings of a matrix most probable is sought,
its cells left as open as they are. Noise of the inputs is the same on every matrix; where a misfit of the
circuit looks like it, it differs from one to the next, and on many there is none.
"""

from __future__ import annotations

import numpy as np

from crosscal.training.fitting.cell_reads import CellReads, Sizes, prior_of, residual_about

_SHARES = 1.0 - np.geomspace(1.0, 1e-3, 10)
"""Of a reading's variance that inputs cause; what is left to the columns falls by a factor of 2.2 a step."""

_TOTALS = (0.7, 1.0, 1.4, 2.0)
"""Factors of the noise that single columns show: beside known cells they tell it to a factor of 1.4."""

_COLUMNS, _VECTORS, _MATRICES = 8, 40, 12
"""Read together: 320 readings of a matrix. With 12 columns and 48 vectors of one the noise of the inputs of
`pcm-24x32` comes out the same within 3 %; single matrices lie within 6 % of their median."""


_MOST_OF = 0.75
"""Least share of matrices that show it: all of `pcm-24x32` and `cmo-hfox-32x24` do, where a converter's steps
are most of the noise; six in 14 of `lab-12x16`, where its circuit's misfit is."""


def fit_drive_noise(
    reads: list[CellReads], sizes: Sizes, middle_s: float, read_back: bool, *, scatters: bool
) -> float:
    """Learn the standard deviation of an input as driven about the one asked for [V]; 0 without evidence.

    Args:
        reads: readings of a few matrices. sizes: the most probable ones of single columns.
        middle_s, read_back, scatters: as for `prior_of`.
    """
    found_v = [
        _most_probable_v(
            one, *prior_of(one, sizes, middle_s, read_back, scatters=scatters), noise=sizes["noise"]
        )
        for one in map(_few, reads[:_MATRICES])
    ]
    seen = np.count_nonzero(found_v) >= _MOST_OF * len(found_v)
    return float(np.median(found_v)) if found_v and seen else 0.0


def _most_probable_v(reads: CellReads, prior: np.ndarray, mean: np.ndarray, *, noise: float) -> float:
    """Most probable noise of the inputs, by one matrix [V]."""
    slope2 = float((reads.slope**2).sum(axis=1).mean())
    if slope2 <= 0.0:
        return 0.0

    def score(division: tuple[float, float]) -> float:
        share, total = division
        return _joint_density(reads, prior, mean, (1.0 - share) * total**2, share * total**2 / slope2)

    share, total = max(((share, factor * noise) for share in _SHARES for factor in _TOTALS), key=score)
    return float(total * np.sqrt(share / slope2))


def _few(reads: CellReads) -> CellReads:
    columns = np.unique(np.linspace(0, len(reads.column) - 1, min(len(reads.column), _COLUMNS)).astype(int))
    vectors = np.arange(min(reads.residual.shape[1], _VECTORS))
    return CellReads(
        column=reads.column[columns],
        sensitivity=reads.sensitivity[np.ix_(columns, vectors)],
        residual=reads.residual[np.ix_(columns, vectors)],
        slope=reads.slope[columns],
        target_s=reads.target_s[columns],
        observed=reads.observed[columns],
        total=reads.total[columns],
    )


def _joint_density(
    reads: CellReads, prior: np.ndarray, mean: np.ndarray, own: float, drive_v2: float
) -> float:
    """Logarithm of the density of the readings of all columns together, up to a constant."""
    s, (columns, vectors) = reads.sensitivity, reads.residual.shape
    by_cells = (s * prior[:, None, :]) @ s.swapaxes(1, 2)
    covariance = np.zeros((columns, vectors, columns, vectors))
    m, k = np.arange(columns), np.arange(vectors)
    covariance[m, :, m, :] = by_cells
    together = drive_v2 * (reads.slope @ reads.slope.T) + own * np.eye(columns)
    covariance[:, k, :, k] += together
    flat = covariance.reshape(columns * vectors, -1)
    flat[np.diag_indices(len(flat))] += 1e-13 * np.trace(flat)
    factor = np.linalg.cholesky(flat)
    white = np.linalg.solve(factor, residual_about(reads, mean).reshape(-1))
    return float(-0.5 * (white**2).sum() - np.log(np.diagonal(factor)).sum())
