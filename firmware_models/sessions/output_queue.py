"""Output queue of one client link, with the faults of links that a simulated board can show."""

from __future__ import annotations

from collections.abc import Callable

from crosscal.firmware_models.sessions.link_fault import DROP, GARBLE, STALL, STALL_S, LinkFault, garble


class OutputQueue:
    """Replies on their way to one client.

    Args:
        link_fault: the fault that strikes the next reply.
        clock: monotonic time [s].

    Attributes:
        dropped: a fault has struck after which the transport must close the link.
    """

    def __init__(self, link_fault: LinkFault, clock: Callable[[], float]) -> None:
        self.dropped = False
        self._link_fault = link_fault
        self._clock = clock
        self._ready = bytearray()
        self._withheld = bytearray()
        self._withheld_until = 0.0

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def withholds(self) -> bool:
        """Whether a stalled reply is still to come."""
        return bool(self._withheld)

    def take(self, max_bytes: int | None) -> bytes:
        """Take bytes that are ready, at most `max_bytes` of them."""
        taken = bytes(self._ready[:max_bytes])
        del self._ready[: len(taken)]
        return taken

    def send(self, reply: bytes) -> None:
        """Queue a reply, as a fault of the link lets it through."""
        fault = self._link_fault.take()
        if fault == DROP:
            self.dropped = True
        elif fault == STALL:
            half = len(reply) // 2
            self._ready += reply[:half]
            self._withheld += reply[half:]
            self._withheld_until = self._clock() + STALL_S
        elif self._withheld:
            self._withheld += reply
        else:
            self._ready += garble(reply) if fault == GARBLE else reply

    def release(self) -> None:
        """Let a stalled reply go."""
        self._ready += self._withheld
        self._withheld.clear()

    def release_in_time(self) -> None:
        """Let a stalled reply go once its time is over."""
        if self._withheld and self._clock() >= self._withheld_until:
            self.release()

    def clear(self) -> None:
        """Forget every reply."""
        self._ready.clear()
        self._withheld.clear()
