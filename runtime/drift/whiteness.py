"""Variance of innovations added up over as many readings as a chart remembers.

Slow noise is a sum of few components, and their sizes are estimates: innovations stay correlated by some
thousandths. Over the memory of a chart that adds up to a few percent of variance, and a few percent of
variance halve the time to a false alarm. So the noise is scaled such that these sums have the variance of
white ones on the readings that it was learned from.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from crosscal.runtime.drift.residual_filter import ResidualFilter

_BLOCK = 8
"""Readings: the memory 2/k² of the chart that remembers longest."""
_SETTLED = 16  # readings of a run before its innovations count: the filter begins with what is usual

_BORROWED = 16_000.0
"""Innovations that are taken for white ones beforehand: a tenth of what says one percent of variance."""


def scale_of_variance(runs: Iterable[tuple[ResidualFilter, np.ndarray, np.ndarray]]) -> float:
    """Return the variance of sums of innovations relative to that of white ones, as far as it is known.

    Args:
        runs: for each a filter that has seen nothing, times [s], (T,), and residuals, (T, M, S), NaN where
            missing.
    """
    total, count = 0.0, 0
    for residual_filter, time_s, residuals in runs:
        innovations = _innovations(residual_filter, time_s, residuals)[_SETTLED:]
        if len(innovations) > _BLOCK:
            added = np.cumsum(innovations, axis=0)
            sums = added[_BLOCK:] - added[:-_BLOCK]
            total += float((sums**2).sum()) / _BLOCK
            count += sums.size
    return 1.0 + known_excess(total / count - 1.0, count) if count else 1.0


def _innovations(residual_filter: ResidualFilter, time_s: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Innovations of a run, (T, M · S)."""
    elapsed_s = np.maximum(np.diff(time_s, prepend=time_s[:1]), 0.0)
    found = np.empty((len(residuals), residuals[0].size))
    for reading, residual in enumerate(residuals):
        whole = np.isfinite(residual)
        turned = np.where(whole, residual, 0.0)
        whitened = residual_filter.whiten(turned, whole, elapsed_s=float(elapsed_s[reading]), warmer=0.0)[1]
        found[reading] = whitened.ravel()
    return found


def known_excess(excess: float, count: int) -> float:
    """Draw an excess towards none as far as chance explains it (James and Stein, 1961).

    On white innovations the mean square of overlapping sums of L scatters by √(4L/3n); run lengths change by
    a fifth with one percent of variance, so that scatter of the scale is scatter of the false alarms.
    """
    chance = 4.0 * _BLOCK / 3.0 / count
    return excess * count / (count + _BORROWED) * max(0.0, 1.0 - chance / max(excess**2, chance))
