"""Sequential test of ordinary reads: reads that inputs explain worse than before are evidence at no cost."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from crosscal.core.errors import InputError, wanted
from crosscal.runtime.drift.run_length import one_sided_threshold

_K = 0.5  # half of a shift by one standard deviation, the one it finds first (Page, 1954)
_REFERENCE = 512
"""Reads that say how misfits are spread while all is well."""


class ReadsTest:
    """One-sided CUSUM of the misfits of ordinary reads, whatever their distribution.

    The first reads after a recalibration say how misfits are spread; of each further one its rank among them,
    turned into a normal score, is added.

    Args:
        run_length: mean number of reads to a false alarm.
        reference: reads that the ranks refer to.

    Raises:
        InputError: a run length below 2, or fewer than 32 reads of reference.
    """

    def __init__(self, *, run_length: float, reference: int = _REFERENCE) -> None:
        if reference < 32:
            raise InputError(
                wanted(got=f"{reference} reads", allowed="32 or more", remedy="wait for more reads")
            )
        self._threshold = one_sided_threshold(_K, run_length)
        self._wanted = reference
        self.reset()

    @property
    def statistic(self) -> float:
        """Relative to the threshold: above 1, an alarm."""
        return self._sum / self._threshold

    def reset(self) -> None:
        """Begin anew, as after a recalibration."""
        self._seen: list[float] = []
        self._sorted = np.empty(0)
        self._sum = 0.0

    def update(self, misfit: float) -> bool:
        """Add a read's misfit, of `Inverse.read`; returns whether it raises an alarm.

        A misfit that is not finite is left out.
        """
        if not math.isfinite(misfit):
            return False
        if len(self._seen) < self._wanted:
            self._seen.append(misfit)
            self._sorted = np.sort(self._seen) if len(self._seen) == self._wanted else self._sorted
            return False
        below = int(np.searchsorted(self._sorted, misfit))
        score = NormalDist().inv_cdf((below + 0.5) / (self._wanted + 1.0))
        self._sum = max(0.0, self._sum + score - _K)
        return self._sum > self._threshold
