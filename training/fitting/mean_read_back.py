"""Mean of a board's read-backs, refitted by currents: generalised least squares over the columns of matrices.

Where cells scatter by a tenth, the mean read-back of a column over fifty matrices is known to a few tenths
of a percent, and so are the gains that the calibrator has learned. A cell that was read back is known far
better; currents then show the column's mean to the noise of a reading.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosscal.runtime import CellLaw
from crosscal.runtime.recalibration.posterior import CELLS, OFFSET
from crosscal.training.calibrators.read_back_law import hats
from crosscal.training.fitting.cell_reads import CellReads, Sizes, factor_of, prior_of, residual_about

_USUAL_CHANGE = 0.01
"""Relative change of the mean, and offset relative to full scale, that is one standard deviation of a
prior."""


def refit_mean(law: CellLaw, reads: list[CellReads], sizes: Sizes) -> tuple[CellLaw, list[CellReads]]:
    """Refit the mean of read-backs and the columns' offsets to currents; return the reads about it, too.

    Args:
        law: with the mean by read-backs alone.
        reads: of a few matrices, all columns.
        sizes: as they are about that mean.
    """
    read_back = law.read_back
    if read_back is None:
        return law, reads
    (knots,), rows, columns = law.knots_s.shape, len(read_back.row), len(read_back.column)
    unknowns = knots + rows + 2 * columns
    normal, right = np.eye(unknowns) / _USUAL_CHANGE**2, np.zeros(unknowns)
    for one in reads:
        prior, mean = prior_of(one, sizes, law.middle_s, True, scatters=True)
        # Constants of the board are sought: matrices do not differ in them.
        factor = factor_of(one, prior, sizes["noise"])
        share = np.divide(mean, one.observed, out=np.zeros_like(mean), where=one.observed != 0.0)
        own = one.sensitivity[:, :, CELLS:] * share[:, None, :]
        design = np.zeros((*own.shape[:2], unknowns))
        # A larger expected deviation leaves less of the observed one to the cell.
        design[:, :, :knots] = -own @ hats(one.target_s.ravel(), law.knots_s).reshape(len(own), rows, knots)
        design[:, :, knots : knots + rows] = -own
        here = np.arange(len(own))
        design[here, :, knots + rows + one.column] = -own.sum(axis=2)
        design[here, :, knots + rows + columns + one.column] = one.sensitivity[:, :, OFFSET]
        white = np.linalg.solve(
            factor, np.concatenate([design, residual_about(one, mean)[:, :, None]], axis=2)
        )
        flat = white.reshape(-1, unknowns + 1)
        normal += flat[:, :unknowns].T @ flat[:, :unknowns]
        right += flat[:, :unknowns].T @ flat[:, unknowns]
    found = np.linalg.solve(normal, right)
    curve, row, column, offset = np.split(found, np.cumsum([knots, rows, columns]))
    refitted = replace(
        law,
        read_back=replace(
            read_back,
            curve=read_back.curve + curve,
            row=read_back.row + row,
            column=read_back.column + column,
            offset=read_back.offset + offset,
        ),
    )
    changed = []
    for one in reads:
        expected = np.interp(one.target_s, law.knots_s, curve) + row + column[one.column, None]
        observed = np.where(one.observed != 0.0, one.observed - expected, 0.0)
        residual = one.residual - offset[one.column, None] * one.sensitivity[:, :, OFFSET]
        changed.append(replace(one, observed=observed, residual=residual))
    return refitted, changed
