"""A wire that tests hold in hand: what comes over it, when, and what happens instead."""

from __future__ import annotations

from collections import deque

from support.fake_clock import FakeClock

from crosscal.core.errors import BoardTimeoutError


class Wire:
    """Implements `Link`.

    Args:
        *arriving: bytes that come, in these pieces; an exception is raised instead; None is silence until the
            timeout, which moves the clock.

    Attributes:
        arriving: what is still to come.
        log: what was done to the wire.
        timeouts_s: the timeout of every receive.
    """

    resource = "WIRE"

    def __init__(
        self, *arriving: bytes | BaseException | None, bytes_per_s: float = 1000.0, continuous: bool = False
    ) -> None:
        self.arriving = deque(arriving)
        self.bytes_per_s = bytes_per_s
        self.continuous = continuous
        self.clock = FakeClock()
        self.log: list[object] = []
        self.send_timeouts_s: list[float] = []
        self.timeouts_s: list[float] = []
        self.fails: dict[str, BaseException] = {}

    @property
    def sent(self) -> list[bytes]:
        """Every message so far."""
        return [entry for entry in self.log if isinstance(entry, bytes)]

    def discard_input(self) -> None:
        self._do("discard_input", log=False)

    def send(self, message: bytes, timeout_s: float) -> None:
        self.log.append(message)
        self.send_timeouts_s.append(timeout_s)
        self._do("send", log=False)

    def receive(self, count: int | None, timeout_s: float) -> bytes:
        self.timeouts_s.append(timeout_s)
        piece = self.arriving.popleft() if self.arriving else None
        if piece is None:
            self.clock.now_s += timeout_s
            raise BoardTimeoutError("silence")
        if isinstance(piece, BaseException):
            raise piece
        if count is not None and len(piece) > count:
            self.arriving.appendleft(piece[count:])
            piece = piece[:count]
        return piece

    def reset(self) -> None:
        self._do("reset")

    def reopen(self) -> None:
        self._do("reopen")

    def close(self) -> None:
        self._do("close")

    def _do(self, name: str, *, log: bool = True) -> None:
        if log:
            self.log.append(name)
        if name in self.fails:
            raise self.fails.pop(name)
