"""1/f noise as a function of time: the sum of one renewal process per decade."""

from __future__ import annotations

import math

import numpy as np

from crosscal.simulated_bench.variability.renewal_kernels import refresh

DECADES = range(-7, 13)
"""Powers of ten of the times [s] that 1/f noise is put together from, one process each."""


def decade_folds(shortest_s: float, log_longest: np.ndarray) -> np.ndarray:
    """Return the e-folds of time from the shortest to the longest in each decade, (decades, S).

    Args:
        shortest_s: that the noise is not averaged over [s].
        log_longest: logarithm of the longest time in seconds, (S,); -inf for no noise.
    """
    edges = np.log(10.0) * np.arange(DECADES.start + 1, DECADES.stop)
    bounds = np.concatenate([[-np.inf], edges, [np.inf]])[:, None]
    low = np.maximum(bounds[:-1], math.log(shortest_s))
    return np.maximum(np.minimum(bounds[1:], log_longest) - low, 0.0)


def remembered(weights: np.ndarray, lags_s: np.ndarray) -> np.ndarray:
    """Return the covariance of 1/f noise between two times that are lags [s], (L,), apart, (L, S).

    Args:
        weights: deviation that each decade's process adds to each source, (decades, S).
        lags_s: 0 or more.
    """
    kept = np.exp(-lags_s[:, None] / 10.0 ** (np.array(DECADES) + 0.5))
    return kept @ weights**2


class FlickerProcesses:
    """Processes of S sources of noise; each takes a new normal value at the events of a Poisson process.

    Args:
        count: number of sources, S.
        seed: of the hash that gives events and values, 64 bits.
    """

    def __init__(self, count: int, seed: np.uint64) -> None:
        self._seed = seed
        self._value = np.zeros((len(DECADES), count))
        self._until_s = np.full_like(self._value, -np.inf)

    def at(self, clock_s: float, weights: np.ndarray) -> np.ndarray:
        """Return the noise at a time that does not go back [s], (S,).

        Args:
            clock_s: the time.
            weights: deviation that each decade's process adds to each source, (decades, S).
        """
        total = np.zeros(weights.shape[1])
        for k, decade in enumerate(DECADES):
            if weights[k].any():
                interval_s = np.full(len(total), 10.0 ** (decade + 0.5))
                first = k * len(total)
                value, until_s = self._value[k], self._until_s[k]
                refresh(self._seed, clock_s, first, interval_s, True, until_s, value)
                total += weights[k] * value
        return total
