"""Fit of the law of a board's noise (`crosscal.runtime.reference.reading_noise`) to repeats of one vector.

Repeats differ by noise alone. Its covariance from reading to reading is a white part and that of cells which
fluctuate with correlation times from some shortest one on; the most probable sizes of the two are sought.
White noise may differ from column to column, which tells of nothing slow. The mean of each column says
nothing and is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.readout import UNUSABLE
from crosscal.core.run.layout import RepeatedReadings
from crosscal.runtime import InverseTensors, ReadingNoise
from crosscal.runtime.recalibration.cell_model import resting_currents, standardised_inputs

logger = logging.getLogger(__name__)

_FEWEST = 16  # repeats: with fewer nothing can be told of correlations
_GOOD_SHARE = 0.9  # of a column's repeats: one that saturates more often is left out, and not the readings
_MOST = 1024  # their covariance is decomposed: a second

_FASTEST = (1.0, 4.0, 16.0, 64.0)
"""Shortest correlation times that are tried, relative to the spacing of the readings."""

_SHARES = 1.0 - np.geomspace(1.0, 3e-4, 40)
"""Of a reading's noise that cells may cause; what is left as white falls by a fifth a step."""

_LEAST_OWN = 3e-4  # of the mean variance: a column without any keeps the density finite

_CERTAIN = 4.0
"""Logarithm of the evidence for noise that is not white, from which it is believed."""


def fit_reading_noise(
    tensors_of: Callable[[Matrix], dict[str, np.ndarray]], repeats: tuple[Matrix, RepeatedReadings] | None
) -> ReadingNoise | None:
    """Learn how noise averages; None without repeats enough.

    Args:
        tensors_of: fits the surrogate of a target [S], (N, M).
        repeats: the target that they were read on [S], (N, M), and the readings.
    """
    if repeats is None:
        return None
    target_s, read = repeats
    good = ((read.status & int(UNUSABLE)) == 0) & np.isfinite(read.current_a)
    columns = good.mean(axis=0) > _GOOD_SHARE
    begin, end = _longest_run(good[:, columns].all(axis=1))
    if not columns.any() or end - begin < _FEWEST:
        logger.warning(
            "of %d repeats of one vector at most %d in turn are whole readings: noise is taken for white; "
            "%d are needed, so collect again with smaller inputs or a larger range of currents",
            len(good),
            end - begin if columns.any() else 0,
            _FEWEST,
        )
        return None
    tensors = InverseTensors.from_mapping(tensors_of(target_s))
    z = standardised_inputs(tensors, read.voltage_v[None])[0]
    squares = ((resting_currents(tensors) + tensors.linear * z[:, None]) ** 2).sum(axis=0)
    scaled = (read.current_a - tensors.current_shift) * tensors.current_scale
    return most_probable_noise(
        scaled[begin : min(end, begin + _MOST), columns],
        squares[columns],
        reading_s=read.reading_s,
        spacing_s=read.spacing_s,
    )


def _longest_run(whole: np.ndarray) -> tuple[int, int]:
    """Find the begin and end of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]]).astype(int)))
    begins, ends = edges[::2], edges[1::2]
    if not begins.size:
        return 0, 0
    longest = int(np.argmax(ends - begins))
    return int(begins[longest]), int(ends[longest])


def most_probable_noise(
    scaled: np.ndarray, squares: np.ndarray, *, reading_s: float, spacing_s: float
) -> ReadingNoise:
    """Find the most probable law behind repeats.

    Args:
        scaled: readings of one vector relative to full scale, in turn, (R, M).
        squares: sum of the squares of what single cells add to a reading of each column, (M,).
        reading_s, spacing_s: of the readings [s].
    """
    count = len(scaled)
    own = scaled.var(axis=0, ddof=1)
    total = float(own.mean())
    blank = ReadingNoise(
        white=total, cell_per_fold=0.0, fastest_s=spacing_s, reading_s=reading_s, spacing_s=spacing_s
    )
    if not total > 0.0 or not squares.any():
        return blank
    own = np.maximum(own, _LEAST_OWN * total)
    # From reading to reading slow noise hardly changes: steps tell how white noise differs between columns.
    steps = np.maximum(np.diff(scaled, axis=0).var(axis=0), _LEAST_OWN * total)
    # Sizes of single columns have to be worth their number (Schwarz, 1978).
    shapes = ((np.ones(len(own)), 0.0), (steps / steps.mean(), 0.5 * (len(own) - 1) * np.log(count)))
    contrasts = np.linalg.qr(np.concatenate([np.ones((count, 1)), np.eye(count)[:, 1:]], axis=1))[0][:, 1:]
    flat = contrasts.T @ scaled, np.ones(count - 1), squares * 0.0
    found = [
        (_log_density(*flat, shape) - price, blank)
        for shape, price in ((total * shapes[0][0], 0.0), (own, shapes[1][1]))
    ]
    for times in _FASTEST:
        trial = replace(blank, cell_per_fold=1.0, fastest_s=times * spacing_s)
        values, vectors = np.linalg.eigh(contrasts.T @ trial.covariance(count) @ contrasts)
        turned, values = (contrasts @ vectors).T @ scaled, np.maximum(values, 0.0)
        size = float(squares.mean() * values.mean())
        for share in _SHARES.tolist():
            for factor in (0.7, 0.85, 1.0, 1.2, 1.45):
                level = share * total * factor / size
                white = (1.0 - share) * total * factor
                law = replace(trial, white=white, cell_per_fold=level)
                for shape, price in shapes:
                    found.append((_log_density(turned, values, squares * level, white * shape) - price, law))
    best = max(found, key=lambda one: one[0])
    white = max((one for one in found if not one[1].cell_per_fold), key=lambda one: one[0])
    return best[1] if best[0] > white[0] + _CERTAIN else white[1]


def _log_density(turned: np.ndarray, values: np.ndarray, levels: np.ndarray, white: np.ndarray) -> float:
    """Logarithm of the density of contrasts (R − 1, M), whose variances are `white + values · levels`."""
    variance = white + values[:, None] * levels
    return float(-0.5 * (turned**2 / variance + np.log(variance)).sum())
