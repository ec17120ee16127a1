"""The board's instrument: what all clients share, and the main loop's idle step."""

from __future__ import annotations

import time
from collections.abc import Callable

from crosscal.firmware_models.hardware import Hardware
from crosscal.firmware_models.session import Session


class Instrument:
    """One board behind any number of client links.

    Within one program message an overlapped operation does not advance, unless a unit needs its end; between
    messages `poll` advances it. Not thread-safe: one thread owns the instrument and its sessions.

    Args:
        hardware: the analogue side.
        clock: monotonic time [s]; injected so that tests need not wait.
    """

    def __init__(self, hardware: Hardware, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._hardware = hardware
        self._clock = clock

    def open_session(self, *, message_based: bool) -> Session:
        """Open a client link with its own input buffer and output queue.

        Args:
            message_based: the link has message boundaries (USBTMC, GPIB, the VISA simulator), so that
                -410 and -420 can arise; False on sockets and serial lines, where queries may be pipelined.
        """
        return Session(message_based=message_based)

    def poll(self) -> bool:
        """Do one slice of what is under way, and give up blocks that stopped arriving; True while work is left."""
        return False
