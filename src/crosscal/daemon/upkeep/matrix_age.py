"""Age of the matrix that a board holds: devices drift with its logarithm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crosscal.daemon.clock import DaemonClock

SINCE = "programmed_s"
"""Fact of a calibration: since when its matrix stands on the board, seconds since 1970."""
SEEN = "programming_seen"
"""Fact of a calibration: whether that is known, or only since when a daemon has found it there."""


class MatrixAge:
    """Time since the matrix was programmed, or else since the daemon first found it.

    It counts on the monotonic clock, so that a clock that is set moves nothing; the time of day is asked only
    to go on where an earlier daemon ended.

    Args:
        clock: time.

    Attributes:
        seen: whether its programming was seen; it may be far older otherwise.
    """

    def __init__(self, clock: DaemonClock) -> None:
        self._clock = clock
        self._since_s = clock.monotonic()
        self.seen = False
        self._touched = False

    def touch(self) -> None:
        """Note that another client changed the board: it may have written the same matrix anew.

        What was known of its age holds no more, until its programming is seen again.
        """
        self.seen, self._touched = False, True

    def begin(self, known: Mapping[str, Any] | None = None, *, written: bool = False) -> None:
        """Count from now, or from the time that facts of a calibration of this matrix have.

        Args:
            known: such facts; None if there are none.
            written: whether it was programmed just now.
        """
        self._touched = self._touched and not written
        if self._touched:
            known = None
        self.seen = written or bool((known or {}).get(SEEN, False))
        since_utc_s = (known or {}).get(SINCE)
        before_s = 0.0
        if isinstance(since_utc_s, int | float):
            before_s = max(0.0, self._clock.utc() - since_utc_s)
        self._since_s = self._clock.monotonic() - before_s

    @property
    def age_s(self) -> float:
        """Age [s]."""
        return max(0.0, self._clock.monotonic() - self._since_s)

    @property
    def facts(self) -> dict[str, float | bool]:
        """Facts for the next daemon."""
        return {SINCE: self._clock.utc() - self.age_s, SEEN: self.seen}
