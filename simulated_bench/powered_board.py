"""A bench with its firmware running: what every way in connects to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from crosscal.firmware_models import Instrument, Session
from crosscal.simulated_bench.bench import Bench


class PoweredBoard:
    """One bench and its instrument, shared by any number of links.

    Args:
        bench: the analogue side.
        clock: monotonic time [s] that the firmware's own timeouts run on; clients wait by the wall clock.

    Attributes:
        bench: the analogue side; hold `lock` to touch it while links are open.
        lock: guards bench, instrument and sessions, and wakes whoever waits for a change of theirs.
    """

    def __init__(self, bench: Bench, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.bench = bench
        self.lock = threading.Condition()
        self._instrument = Instrument(bench, clock=clock)

    def open_session(self, *, message_based: bool) -> Session:
        """Connect a link; `message_based` as in `Instrument.open_session`."""
        with self.lock:
            return self._instrument.open_session(message_based=message_based)

    def advance(self) -> bool:
        """Let the firmware do one slice of its work; True while some is left. Call it holding `lock`."""
        busy = self._instrument.poll()
        self.lock.notify_all()
        return busy
