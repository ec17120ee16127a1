"""Protocol of a link: bytes out, bytes in, reset and reopening."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Link(Protocol):
    """An open way to one board; methods raise errors that `visa_errors.board_errors` maps."""

    @property
    def resource(self) -> str:
        """The name it was opened by, for messages."""
        ...

    @property
    def bytes_per_s(self) -> float:
        """A cautious estimate of its throughput, to derive timeouts from [bytes/s]."""
        ...

    @property
    def continuous(self) -> bool:
        """True where bytes of an earlier conversation may still be on the line: serial ports."""
        ...

    def discard_input(self) -> None:
        """Forget bytes that came unasked; raise if the other side has closed the link meanwhile."""
        ...

    def send(self, message: bytes, timeout_s: float) -> None:
        """Send all of a message."""
        ...

    def receive(self, count: int | None, timeout_s: float) -> bytes:
        """Return at least one byte as soon as there is one.

        Args:
            count: how many bytes are certain to come, and the most to return; None if that is not known yet
                because a line of text is expected.
            timeout_s: how long to wait for the first of them [s].

        Raises:
            BoardTimeoutError, BoardConnectionError
        """
        ...

    def reset(self) -> None:
        """Make the board and the link forget a conversation that was cut, as far as this kind of link can."""
        ...

    def reopen(self) -> None:
        """Open the link anew, by the same name."""
        ...

    def close(self) -> None:
        """Give the link back; never raises for a link that is broken already."""
        ...
