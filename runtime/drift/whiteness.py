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
_BORROWED = 2000.0
"""Sums that are taken for white ones beforehand; as many known ones move the scale by 1.5 % at random."""


def scale_of_variance(runs: Iterable[tuple[ResidualFilter, np.ndarray, np.ndarray]]) -> float:
    """Return the variance of sums of innovations relative to that of white ones.

    Args:
        runs: for each a filter that has seen nothing, times [s], (T,), and residuals, (T, M, S), NaN where
            missing.
    """
    total, count = _BORROWED, _BORROWED
    for residual_filter, time_s, residuals in runs:
        elapsed_s = np.maximum(np.diff(time_s, prepend=time_s[:1]), 0.0)
        innovations = []
        for seconds, residual in zip(elapsed_s, residuals, strict=True):
            whole = np.isfinite(residual)
            turned = np.where(whole, residual, 0.0)
            innovations.append(residual_filter.whiten(turned, whole, elapsed_s=float(seconds), warmer=0.0)[1])
        blocks = (len(innovations) - _SETTLED) // _BLOCK
        if blocks > 0:
            settled = np.stack(innovations[-blocks * _BLOCK :])
            sums = settled.reshape(blocks, _BLOCK, -1).sum(axis=1)
            total += float((sums**2).sum()) / _BLOCK
            count += sums.size
    return total / count
