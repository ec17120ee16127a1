"""Any VISA resource as a line for the conformance tests: bytes, without the driver's own care."""

from __future__ import annotations

import re
import time

from crosscal.core.errors import BoardTimeoutError
from crosscal.drivers.transport.link import Link
from crosscal.drivers.transport.link_opening import canonical_name
from crosscal.drivers.transport.visa_errors import board_errors

_STREAM = re.compile(r"ASRL.*|.*::SOCKET")
_SEND_S = 30.0
"""Arrays of thousands of cells as text take this long on slow serial lines."""


class VisaLine:
    """An open link; implements `firmware_models.conformance.Line`.

    Args:
        link: open, and closed by its opener.
    """

    def __init__(self, link: Link) -> None:
        self.message_based = _STREAM.fullmatch(canonical_name(link.resource)) is None
        self._link = link
        if link.continuous:
            # What an earlier program left on the line ends here.
            self.recover()

    def send(self, data: bytes) -> None:
        """Send one message."""
        with board_errors(self._link.resource):
            self._link.send(data, _SEND_S + 2.0 * len(data) / self._link.bytes_per_s)

    def receive(self, patience_s: float) -> bytes:
        """Bytes that came; none if none come in time."""
        try:
            with board_errors(self._link.resource):
                return self._link.receive(None, patience_s)
        except BoardTimeoutError:
            return b""

    def recover(self) -> None:
        """Clear the device, or connect anew."""
        with board_errors(self._link.resource):
            self._link.reset()
            self._link.discard_input()

    def wait(self, duration_s: float) -> None:
        """Stay silent."""
        time.sleep(duration_s)
