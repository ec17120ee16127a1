"""Schedule of an upkeep: sentinels by their interval, recalibrations when wanted, failures again later."""

from __future__ import annotations

from crosscal.daemon.clock import DaemonClock

RETRY_S = 60.0
"""After a job that could not be done: a lock of another client, a driver at its limit."""


class Schedule:
    """Times of an upkeep's next jobs.

    Args:
        clock: time.

    Attributes:
        wanted: reason for a recalibration; empty if none is wanted.
    """

    def __init__(self, clock: DaemonClock) -> None:
        self.wanted = ""
        self._clock = clock
        self._look_s = self._retry_s = 0.0

    @property
    def next_due_s(self) -> float:
        """Monotonic time of whatever is next [s]."""
        return max(self._retry_s, 0.0 if self.wanted else self._look_s)

    @property
    def put_off(self) -> bool:
        """Whether everything waits, after a job that could not be done."""
        return self._clock.monotonic() < self._retry_s

    @property
    def look_due(self) -> bool:
        """Whether the sentinels are to be read."""
        return self._clock.monotonic() >= self._look_s

    def look_in(self, interval_s: float) -> None:
        """Read the sentinels after an interval [s]."""
        self._look_s = self._clock.monotonic() + interval_s

    def look_within(self, interval_s: float) -> None:
        """Read the sentinels after an interval [s], if that is earlier than planned."""
        self._look_s = min(self._look_s, self._clock.monotonic() + interval_s)

    def look_soon(self) -> None:
        """Read the sentinels now, if that is earlier than planned."""
        self._look_s = min(self._look_s, self._clock.monotonic())

    def retry_in(self, duration_s: float = RETRY_S) -> None:
        """Let everything wait [s]."""
        self._retry_s = self._clock.monotonic() + duration_s
