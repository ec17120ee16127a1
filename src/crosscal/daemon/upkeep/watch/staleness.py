"""Staleness: the time after which a calibration is worth learning anew before a read.

Cells with 1/f noise are as far off within seconds as they ever will be, others stay for hours. Every
relearning says which: its verification vectors were read with the old calibration and with the new one.
"""

from __future__ import annotations

from crosscal.runtime.recalibration.verification import Verification

_WORTH = 1.25
"""Mean square error before relearning, relative to that after it, from which it was worth it; 16 vectors of
some 30 columns tell it to 6 %."""
_SHORTER, _LONGER = 0.5, 1.5
"""Factors of the time after a relearning that was worth it, and after one that was not."""
_FIRST_S, _LONGEST_S = 300.0, 3600.0  # before anything was learned; however little relearning brings


class Staleness:
    """The age of a calibration from which reads wait for a new one.

    Args:
        shortest_s: below which it never goes [s].
    """

    def __init__(self, shortest_s: float) -> None:
        self._shortest_s = shortest_s
        self.after_s = max(_FIRST_S, shortest_s)

    def take(self, age_s: float, before: Verification, after: Verification) -> None:
        """Learn from a relearning of a calibration of some age [s]."""
        worth = before.rms_a**2 > _WORTH * after.rms_a**2
        if worth:
            self.after_s = max(min(self.after_s, age_s) * _SHORTER, self._shortest_s)
        elif age_s >= self.after_s:
            self.after_s = min(self.after_s * _LONGER, max(_LONGEST_S, self._shortest_s))
