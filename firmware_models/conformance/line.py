"""The way to a board that is put through the contract, and questions asked over it."""

from __future__ import annotations

from typing import Protocol

from crosscal.core.errors import BoardTimeoutError
from crosscal.firmware_models.conformance.transcript_bytes import reply_length

RUN_PATIENCE_S = 600.0
"""For replies that wait until thousands of cells have been written or read back."""


class Line(Protocol):
    """Bytes to a board and from it.

    Attributes:
        message_based: whether messages have boundaries (USBTMC, GPIB, VXI-11); else it is a stream.
    """

    message_based: bool

    def send(self, data: bytes) -> None:
        """Send one message, its newline included."""
        ...

    def receive(self, patience_s: float) -> bytes:
        """Bytes that came, at least one; none if none come in time."""
        ...

    def recover(self) -> None:
        """Drop a conversation that was cut, as far as the link can: clear the device, connect anew."""
        ...

    def wait(self, duration_s: float) -> None:
        """Stay silent."""
        ...


def ask(line: Line, question: str, patience_s: float) -> str:
    """Ask for a line of text.

    Raises:
        BoardTimeoutError: no reply.
    """
    line.send(question.encode("ascii") + b"\n")
    received = bytearray()
    while (length := reply_length(received)) is None:
        came = line.receive(patience_s)
        if not came:
            raise BoardTimeoutError(
                f"no reply to {question} within {patience_s:g} s; check that the board is on and that this "
                "is its address, or allow more time"
            )
        received += came
    return received[: length - 1].decode("latin-1")
