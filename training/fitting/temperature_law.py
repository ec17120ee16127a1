"""Fit of a board's temperature slopes (`crosscal.runtime.reference.temperature_law`) to its training run.

Matrices that were measured warmer than the mean of the run lie off the calibrator's model by slopes times the
difference. What their cells lie off is noise to that, correlated as the law of the cells says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosscal.runtime.recalibration.posterior import CELLS, GAIN
from crosscal.runtime.reference.temperature_law import LEAST_SPAN_C, TemperatureLaw
from crosscal.training.fitting.cell_reads import CellReads, Sizes, factor_of, prior_of, residual_about

_CERTAIN = 4.0
"""Standard deviations by which a chi-squared must exceed its degrees of freedom: once in 30,000 by chance."""


def fit_temperature_law(
    reads: Sequence[CellReads],
    temperature_c: np.ndarray,
    sizes: Sizes,
    middle_s: float,
    read_back: bool,
    *,
    scatters: bool,
) -> TemperatureLaw | None:
    """Learn what a degree changes; None where the run spans too little, or its readings show nothing.

    Args:
        reads: of a few matrices, all columns. temperature_c: of each of these matrices [°C], NaN unknown.
        sizes, middle_s, read_back, scatters: as for `prior_of`.
    """
    known = [int(i) for i in np.flatnonzero(np.isfinite(temperature_c))]
    if len(known) < 2 or np.ptp(temperature_c[known]) < LEAST_SPAN_C:
        return None
    middle_c = float(temperature_c[known].mean())
    columns = len(reads[known[0]].column)
    half_s = max(float(np.std([reads[i].target_s for i in known])), 1e-3 * middle_s)
    # Slopes of offsets, gains and cells, then offsets and gains at the middle: the calibrator may hold at
    # another temperature.
    size = 4 * columns + 1
    information, weighted = np.zeros((size, size)), np.zeros(size)
    for i in known:
        one = reads[i]
        prior, mean = prior_of(one, sizes, middle_s, read_back, scatters=scatters)
        # Scatter of gains and offsets between matrices is what slopes explain: it is no noise to them.
        prior[:, :CELLS] = 0.0
        s = one.sensitivity
        by_cell = (s[:, :, CELLS:] @ ((one.target_s - middle_s) / half_s)[:, :, None])[:, :, 0]
        regressors = np.stack(
            [np.ones_like(by_cell), s[:, :, GAIN], by_cell, residual_about(one, mean)], axis=2
        )
        white = np.linalg.solve(factor_of(one, prior, sizes["noise"]), regressors)
        warmer_c = temperature_c[i] - middle_c
        features = np.concatenate([white[:, :, :3] * warmer_c, white[:, :, :2]], axis=2)
        by_feature, by_residual = (
            features.swapaxes(1, 2) @ features,
            features.swapaxes(1, 2) @ white[:, :, 3:],
        )
        for m in range(columns):
            at = np.array([m, columns + m, 2 * columns, 2 * columns + 1 + m, 3 * columns + 1 + m])
            information[np.ix_(at, at)] += by_feature[m]
            weighted[at] += by_residual[m, :, 0]
    slopes = _believed(information, weighted, columns)
    if slopes is None:
        return None
    gains, at_middle = slopes[columns : 2 * columns], slopes[3 * columns + 1 :]
    held_c = middle_c - float(gains @ at_middle) / max(float(gains @ gains), np.finfo(float).tiny)
    return TemperatureLaw(
        reference_c=float(np.clip(held_c, temperature_c[known].min(), temperature_c[known].max())),
        span_c=(float(temperature_c[known].min()), float(temperature_c[known].max())),
        offset_per_c=slopes[:columns],
        gain_per_c=slopes[columns : 2 * columns],
        cell_per_c=float(slopes[2 * columns]),
        middle_s=middle_s,
        half_s=half_s,
    )


def _believed(information: np.ndarray, weighted: np.ndarray, columns: int) -> np.ndarray | None:
    """Slopes as far as they stand out of their noise, and what follows them, (4 M + 1,); None if none do."""
    here = np.diag_indices(len(weighted))
    information[here] += 1e-9 * np.trace(information) / len(weighted)
    covariance = np.linalg.inv(information)
    found = covariance @ weighted
    slopes = slice(0, 2 * columns + 1)
    certain = float(found[slopes] @ np.linalg.solve(covariance[slopes, slopes], found[slopes]))
    if certain < slopes.stop + _CERTAIN * np.sqrt(2.0 * slopes.stop):
        return None
    variance = np.diag(covariance)
    for part in (slice(0, columns), slice(columns, 2 * columns), slice(2 * columns, slopes.stop)):
        spread = max(float((found[part] ** 2 - variance[part]).mean()), 0.0)
        found[part] *= spread / (spread + variance[part])
    return found
