"""One client link: its input buffer, its output queue, its view of the status byte."""

from __future__ import annotations


class Session:
    """One client link; made by `Instrument.open_session`."""

    def __init__(self, *, message_based: bool) -> None:
        self._message_based = message_based
        self._output = bytearray()

    def receive(self, data: bytes) -> None:
        """Take bytes as they arrive, in any chunks, and execute every message that they complete."""

    def end_message(self) -> None:
        """Take the END indicator of a message-based link: it ends a message that has no newline."""

    def transmit(self, max_bytes: int | None = None) -> bytes:
        """Take pending output, at most `max_bytes` of it; empty if there is none."""
        taken = bytes(self._output[:max_bytes])
        del self._output[: len(taken)]
        return taken

    @property
    def pending(self) -> int:
        """Bytes that wait in the output queue."""
        return len(self._output)

    def query_unterminated(self) -> None:
        """Note that the client of a message-based link reads while nothing is pending: -420."""

    def device_clear(self) -> None:
        """Do what IEEE 488.2 asks of a selected device clear: drop input, output and what awaits completion."""

    def status_byte(self) -> int:
        """Answer a serial poll: the status byte with RQS in bit 6, which the poll clears."""
        return 0

    @property
    def service_requested(self) -> bool:
        """RQS: a service request is pending until a serial poll takes it."""
        return False

    def trigger(self) -> None:
        """Take a group execute trigger, the same as `*TRG`."""

    def close(self) -> None:
        """Close the link; the instrument goes on."""

    @property
    def link_dropped(self) -> bool:
        """True once `SIMulation:FAULt:LINK DROP` struck: the transport must close the link.

        A serial line cannot be closed: there the reply is lost, and the transport calls `acknowledge_drop`.
        """
        return False

    def acknowledge_drop(self) -> None:
        """Clear `link_dropped` on a line that stays open."""
