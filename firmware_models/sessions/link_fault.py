"""Link faults for tests of clients: the next reply is lost, withheld or altered."""

from __future__ import annotations

DROP, STALL, GARBLE = "DROP", "STALl", "GARBle"
STALL_S = 5.0
"""The contract's."""

# Any bytes and bits will do: clients must notice that some have changed.
_EVERY = 7
_FLIP = 0x15


class LinkFault:
    """A fault that waits for its reply: the next on any link after the one answering its own message."""

    def __init__(self) -> None:
        self._requested: str | None = None
        self._armed: str | None = None

    def request(self, kind: str) -> None:
        """Ask for a fault; it is armed when the message in hand has been answered."""
        self._requested = kind

    def arm(self) -> None:
        """Note that a message has been answered."""
        if self._requested is not None:
            self._armed, self._requested = self._requested, None

    def take(self) -> str | None:
        """Take the fault of the reply about to be sent, if any."""
        armed, self._armed = self._armed, None
        return armed

    def clear(self) -> None:
        """Heal the link."""
        self._requested = self._armed = None


def garble(reply: bytes) -> bytes:
    """Alter some bytes of a reply; its length and its last byte, the newline, stay."""
    altered = bytearray(reply)
    for index in range(0, len(altered) - 1, _EVERY):
        altered[index] ^= _FLIP
        if altered[index] == 0x0A:
            altered[index] ^= 0x20
    return bytes(altered)
