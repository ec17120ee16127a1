"""Fit of read-backs to their targets: their mean, by conductance, row and column, and their spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosscal.core.array_types import Float, Matrix
from crosscal.runtime import CellLaw, ReadBackLaw
from crosscal.training.measurements import Measurements

_KNOTS = 5
"""Of programming errors over conductance. Those of one size come out within 2 % with 3 to 9 (`python
benchmarks/constants.py _KNOTS`)."""

_CELLS = 40_000
"""Enough for some hundred numbers; more cost memory."""

_FEWEST_PER_NUMBER = 3  # cells for each number fitted: with fewer the fit is the scatter itself
_ROUNDS = 3  # insensitive between 1 and 6 (`python benchmarks/constants.py read_back_law`)

_CLIPPED = 5.0
"""Deviations beyond which a cell is taken for broken and left out of the fit."""

_USUAL_LINE = 0.01
"""Relative deviation that a row or a column may usually add: a weak prior, so that few matrices do not take
the scatter of their cells for it."""


def blank_law(target_s: np.ndarray) -> CellLaw:
    """Return a law of exact cells, its knots evenly among the targets [S]."""
    positive_s = target_s[target_s > 0.0]
    knots_s = np.unique(np.quantile(positive_s, np.linspace(0.0, 1.0, _KNOTS)))
    return CellLaw(
        knots_s=knots_s, programming=np.zeros(len(knots_s)), offset=0.0, gain=0.0, noise=1.0, read_back=None
    )


def fit_read_backs(
    runs: Sequence[Measurements], law: CellLaw
) -> tuple[ReadBackLaw, Float[np.ndarray, " knots"]] | None:
    """Fit the mean of read-backs, and their standard deviation at the law's knots, cells and errors together.

    Args:
        runs: measurements with read-backs; others are passed over.
        law: its knots are used.

    Returns:
        The law, its own deviations still 0, and the deviations; None without enough read-backs.
    """
    with_any = [data for data in runs if data.read_back_s is not None and data.matrices]
    if not with_any:
        return None
    target_s = np.concatenate([data.conductance_s for data in with_any])
    read_s = np.concatenate([data.read_back_s for data in with_any if data.read_back_s is not None])
    k, n, m = np.nonzero(np.isfinite(read_s) & (target_s > law.least_s()))
    rows, columns = target_s.shape[1:]
    knots = len(law.knots_s)
    if len(k) < _FEWEST_PER_NUMBER * (rows + columns + knots):
        return None
    few = np.unique(np.linspace(0, len(k) - 1, min(_CELLS, len(k))).astype(int))
    k, n, m = k[few], n[few], m[few]
    given_s = target_s[k, n, m]
    relative = read_s[k, n, m] / given_s - 1.0
    place = hats(given_s, law.knots_s)
    design = np.concatenate([place, np.eye(rows)[n], np.eye(columns)[m]], axis=1)
    deviation, kept = np.full(len(k), max(float(np.std(relative)), 1e-9)), np.ones(len(k), dtype=bool)
    found, total = np.zeros(design.shape[1]), np.zeros(knots)
    for _ in range(_ROUNDS):
        weight = kept / deviation**2
        normal = (design * weight[:, None]).T @ design
        here, least = np.arange(len(found)), 1e-9 * weight.sum()
        # Rows, columns and knots each add up to 1: without scatter the prior alone would be lost in rounding.
        normal[here, here] += np.where(here < knots, least, max(1.0 / _USUAL_LINE**2, least))
        found = np.linalg.solve(normal, design.T @ (weight * relative))
        rest = relative - design @ found
        share = place * kept[:, None]
        total = np.sqrt((share * rest[:, None] ** 2).sum(axis=0) / np.maximum(share.sum(axis=0), 1.0))
        total = np.maximum(total, 1e-9)
        deviation = place @ total
        kept = np.abs(rest) <= _CLIPPED * deviation
    law_found = ReadBackLaw(
        curve=found[:knots],
        row=found[knots : knots + rows],
        column=found[knots + rows :],
        offset=np.zeros(columns),
        relative=0.0,
        absolute_s=0.0,
    )
    return law_found, total


def beyond_expected(law: CellLaw, target_s: Matrix, read_s: Matrix) -> Matrix:
    """Relative deviation of read-backs from their targets beyond the expected one, (N, M); 0 without one."""
    seen = np.isfinite(read_s) & (target_s > law.least_s())
    relative = np.where(seen, read_s / np.where(seen, target_s, 1.0) - 1.0, 0.0)
    return np.where(seen, relative - law.expected_deviation(target_s), 0.0)


def hats(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Weights of linear interpolation between knots, (values, knots)."""
    return np.stack([np.interp(values, knots, one) for one in np.eye(len(knots))], axis=1)
