"""States of a daemon, and the pauses between its attempts to reach a board."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """How the daemon stands with its board."""

    DISCONNECTED = "DISCONNECTED"
    """Nothing answers; it is tried again."""
    IDENTIFY = "IDENTIFY"
    """Something answers; who it is, and what it holds, is being found out."""
    IDLE = "IDLE"
    READING = "READING"
    CALIBRATING = "CALIBRATING"
    """Known vectors are read: sentinels, or those of a recalibration."""
    DRIFTED = "DRIFTED"
    """The calibration is in doubt."""
    FAULT = "FAULT"
    """Something needs a person: another board at the address."""


FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""A cable that slipped is in again within seconds; a board that is off all night is seldom asked."""


class BackOff:
    """Pauses that double from attempt to attempt."""

    def __init__(self) -> None:
        self._pause_s = FIRST_PAUSE_S

    def next_s(self) -> float:
        """Give the pause before the next attempt [s]."""
        pause_s, self._pause_s = self._pause_s, min(2.0 * self._pause_s, LONGEST_PAUSE_S)
        return pause_s

    def reset(self) -> None:
        """Begin with the shortest again."""
        self._pause_s = FIRST_PAUSE_S
