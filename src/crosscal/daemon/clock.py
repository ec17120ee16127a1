"""Time as the daemon sees it: injected, so that tests and rehearsals need not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonClock:
    """A clock that runs evenly, for intervals, and one of the calendar, for records.

    Attributes:
        monotonic: time that never goes back [s].
        utc: seconds since 1970; it may jump.
        sleep: waits [s].
    """

    monotonic: Callable[[], float] = time.monotonic
    utc: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
