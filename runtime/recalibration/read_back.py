"""Read-back of cells as evidence: the posterior of a matrix given the conductances that its board measured.

A read-back is a linear observation of each cell, as a known vector is one of a column. Its own error is the
law's, or stated by the caller. Cells that lie much farther off than the law of programming lets expect, all
of them or a single one, have changed since: their prior is widened to the distance that is seen, so that the
read-back is believed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from crosscal.core.array_types import Float, Matrix
from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.core.validation import real_array
from crosscal.runtime.recalibration.cell_law import CellLaw
from crosscal.runtime.recalibration.conditioning import ColumnReads, condition
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET, ColumnPosterior

MOST_DEVIATIONS = 4.0
"""Standard deviations beyond which a single cell has changed: once in 16,000 by chance. Insensitive between 3
and 6 (tests/runtime/recalibration/test_read_back.py)."""

_NORMAL_MEDIAN = 0.4549
"""Median of the square of a standard normal number."""


def informed_by_read_back(
    law: CellLaw | None,
    target_s: Matrix,
    read_back_s: Any,
    read_back_std_s: Any = None,
    *,
    posterior: ColumnPosterior | None = None,
) -> ColumnPosterior:
    """Learn the cells of a programmed matrix from read-backs of them.

    Args:
        law: of the board's cells, as the calibrator learned it.
        target_s: the matrix that was programmed [S], (N, M).
        read_back_s: conductances measured by the board [S], (N, M), or (R, N, M) of R times, which are
            averaged; NaN where there is none.
        read_back_std_s: standard deviation of a single read-back about its cell [S], one or (N, M), in place
            of the learned one.
        posterior: knowledge by earlier recalibrations; None where there was none.

    Raises:
        InputError: no law of this board's read-backs and no `read_back_std_s`.
        ShapeError, RangeError: read-backs that do not go with the matrix, or deviations not above 0.
    """
    if law is None:
        raise InputError(
            wanted(
                got="read-backs for a calibrator that learned no law of the board's cells",
                allowed="structured and whitebox, trained by this version",
                remedy="train the calibrator again (crosscal train), or leave read_back_s out",
            )
        )
    mean_s, deviation_s, seen = _averaged(law, target_s, read_back_s, read_back_std_s)
    seen &= target_s > law.least_s()
    safe_s = np.where(seen, target_s, 1.0)
    observed = np.where(seen, mean_s / safe_s - 1.0 - law.expected_deviation(target_s), 0.0)
    deviation = np.where(seen, deviation_s / safe_s, 1.0)
    known = law.prior(target_s)
    if posterior is not None:
        known = _with_cells(posterior, known)
    elif law.read_back is not None:
        known.mean[:, OFFSET] = law.read_back.offset
    expected = (known.mean[:, CELLS:] + known.mean[:, GAIN, None]).T
    covariance = _widened(known.covariance, observed - expected, deviation, seen)
    # Every observation relative to its own deviation; one that is missing depends on nothing.
    columns, unknowns = known.mean.shape
    weight = np.where(seen, 1.0 / deviation, 0.0).T
    sensitivity = np.zeros((columns, len(target_s), unknowns))
    here = np.arange(len(target_s))
    sensitivity[:, here, here + CELLS] = weight
    sensitivity[:, :, GAIN] = weight
    reads = ColumnReads(
        sensitivity=sensitivity,
        residual=(observed - expected).T * weight,
        present=np.ascontiguousarray(seen.T),
    )
    shift, covariance = condition(reads, covariance, 1.0)
    return replace(known, mean=known.mean + shift, covariance=covariance)


def _averaged(
    law: CellLaw, target_s: Matrix, read_back_s: Any, read_back_std_s: Any
) -> tuple[Matrix, Matrix, np.ndarray]:
    """Mean read-back [S], its standard deviation [S], and whether there is one, (N, M) each."""
    given = real_array(read_back_s, "read-backs", masked_as_nan=True)
    stack = given[None] if given.ndim == 2 else given
    if stack.ndim != 3 or stack.shape[1:] != target_s.shape or not len(stack):
        raise ShapeError(
            wanted(
                got=f"read-backs of shape {given.shape}",
                allowed=f"{target_s.shape}, or (R, {target_s.shape[0]}, {target_s.shape[1]}) of R times",
                remedy="give the conductances of this matrix's cells",
            )
        )
    present = np.isfinite(stack)
    count = present.sum(axis=0)
    seen, times = count > 0, np.maximum(count, 1)
    mean_s = np.where(present, stack, 0.0).sum(axis=0) / times
    if read_back_std_s is not None:
        return mean_s, _stated(read_back_std_s, target_s) / np.sqrt(times), seen
    if law.read_back is None:
        raise InputError(
            wanted(
                got="read-backs for a calibrator whose training run has none",
                allowed="read-backs whose error is known",
                remedy="give read_back_std_s, or train on a run that was recorded with read-backs",
            )
        )
    single = (
        law.read_back.relative**2 * np.maximum(target_s, law.least_s()) ** 2 + law.read_back.absolute_s**2
    )
    # Repeats tell the part of the error that averages out; the rest is the same every time.
    scatter = (np.where(present, stack - mean_s, 0.0) ** 2).sum(axis=0)
    freedom = float(np.maximum(times - 1, 0).sum())
    share = 0.0 if not freedom else min(float((scatter / single).sum()) / freedom, 1.0)
    return mean_s, np.sqrt(single * (1.0 - share + share / times)), seen


def _stated(read_back_std_s: Any, target_s: Matrix) -> Matrix:
    stated_s = real_array(read_back_std_s, "deviations of read-backs")
    if stated_s.ndim and stated_s.shape != target_s.shape:
        raise ShapeError(
            wanted(
                got=f"read_back_std_s of shape {stated_s.shape}",
                allowed=f"one number, or {target_s.shape}",
                remedy="give the standard deviation of each cell's read-back",
            )
        )
    if not (np.isfinite(stated_s).all() and (stated_s > 0.0).all()):
        raise RangeError(
            wanted(
                got="read_back_std_s with numbers that are 0, negative or not finite",
                allowed="siemens above 0",
                remedy="give the standard deviation of a read-back, or leave it out to use the learned one",
            )
        )
    return np.broadcast_to(stated_s, target_s.shape)


def _with_cells(posterior: ColumnPosterior, prior: ColumnPosterior) -> ColumnPosterior:
    """Give an earlier posterior the prior's cells where it knows nothing of them."""
    if not posterior.cells_known or posterior.mean.shape != prior.mean.shape:
        raise ShapeError(
            wanted(
                got=f"a posterior of {posterior.mean.shape}",
                allowed=f"{prior.mean.shape}, of this very matrix",
                remedy="use what a recalibration of this programmed calibrator returned",
            )
        )
    if (np.diagonal(posterior.covariance, axis1=1, axis2=2)[:, CELLS:] > 0.0).any():
        return posterior
    cells = np.zeros_like(prior.covariance)
    cells[:, CELLS:, CELLS:] = prior.covariance[:, CELLS:, CELLS:]
    return replace(posterior, covariance=posterior.covariance + cells)


def _widened(
    covariance: Float[np.ndarray, "columns unknowns unknowns"],
    distance: Matrix,
    deviation: Matrix,
    seen: np.ndarray,
) -> Float[np.ndarray, "columns unknowns unknowns"]:
    """Add the variance of cells that have changed: of all of them alike, and of single ones beyond that."""
    if not seen.any():
        return covariance
    diagonal = np.diagonal(covariance, axis1=1, axis2=2)
    expected = diagonal[:, CELLS:].T + diagonal[:, GAIN] + deviation**2
    square = distance**2
    excess = float(np.median(square[seen])) / _NORMAL_MEDIAN - float(np.median(expected[seen]))
    # Half the cells or fewer may be counted as changed by chance: the median of N·M squares is that
    # uncertain.
    certain = 1.0 + 4.0 / np.sqrt(seen.sum())
    typical = float(np.median((square / expected)[seen])) / _NORMAL_MEDIAN
    common = max(excess, 0.0) if typical > certain else 0.0
    expected = expected + common
    single = np.where(seen & (square > MOST_DEVIATIONS**2 * expected), square - expected, 0.0)
    widened = covariance.copy()
    here = np.arange(len(distance)) + CELLS
    widened[:, here, here] += (common + single).T
    return widened
