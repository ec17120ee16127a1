"""A board with its firmware running: the common end of all links to it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from crosscal.firmware_models import Hardware, Instrument, Session
from crosscal.firmware_models.scpi_errors import ScpiFault

logger = logging.getLogger(__name__)

HardwareT = TypeVar("HardwareT", bound=Hardware)


class PoweredBoard(Generic[HardwareT]):
    """One board's hardware and its instrument, shared by any number of links.

    Args:
        hardware: the analogue side.
        clock: monotonic time [s] that the firmware runs on; clients wait by the wall clock.

    Attributes:
        hardware: the analogue side; hold `lock` to touch it while links are open.
        lock: guards hardware, instrument and sessions, and wakes threads that wait for a change of theirs.
    """

    def __init__(self, hardware: HardwareT, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.hardware = hardware
        self.lock = threading.Condition()
        self._clock = clock
        self._instrument = Instrument(hardware, clock=clock)
        self._worked_until_s = clock()

    @property
    def instrument(self) -> Instrument:
        """The instrument; hold `lock` to touch it while links are open."""
        return self._instrument

    def open_session(self, *, message_based: bool, address: str) -> Session:
        """Connect a link; arguments as in `Instrument.open_session`."""
        with self.lock:
            return self._instrument.open_session(message_based=message_based, address=address)

    def switch_off(self) -> None:
        """Stop everything and take the rows to 0 V: the end of a server, or of the program (decision 21)."""
        with self.lock:
            try:
                self._instrument.switch_off()
            except ScpiFault as fault:
                logger.error("the rows could not be taken to 0 V: %s", fault.detail)

    def advance(self) -> bool:
        """Let the firmware do one slice of its work; True while some is left. Call it holding `lock`."""
        busy = self._instrument.poll()
        self._worked_until_s = self._clock()
        self.lock.notify_all()
        return busy

    def catch_up(self) -> None:
        """Let the firmware do the work of the time since its last slice. Call it holding `lock`.

        A board works while its client sleeps; in the client's own process nobody lets it. So it is given the
        time that has passed, and a slice at least, lest asking it again and again should never end.
        """
        passed_s = self._clock() - self._worked_until_s
        until_s = self._clock() + passed_s
        while self.advance() and self._clock() < until_s:
            # Between two slices of work another thread may have its turn.
            self.lock.wait(0)
