"""Link with timeouts that follow from the number of bytes to transfer."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from crosscal.core.errors import BoardTimeoutError
from crosscal.drivers.scpi.reply import Element, ReplyReader
from crosscal.drivers.transport.link import Link
from crosscal.drivers.transport.visa_errors import board_errors

_BYTES_PER_NUMBER = 26
"""The longest way to write a double, `-1.7976931348623157e+308` and a comma; in a block it takes 8."""
_MARGIN = 2
"""Transfers may take this much longer than the link's estimate."""
_LINE_BYTES = 1 << 16  # of garbage before an answer, the latest: identities take some hundred bytes


class TimedLink:
    """Sends messages and reads lines over a link; all errors are crosscal's.

    Args:
        link: the open wire.
        timeout_s: how long the board may take to begin an answer [s]; transfers get more, by their size.
        clock: monotonic time [s].
    """

    def __init__(self, link: Link, *, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.timeout_s = timeout_s
        self._link = link
        self._clock = clock

    @property
    def resource(self) -> str:
        """The name the link was opened by."""
        return self._link.resource

    @property
    def continuous(self) -> bool:
        """True if bytes of an earlier conversation may still be on the link."""
        return self._link.continuous

    @property
    def bytes_per_s(self) -> float:
        """A cautious estimate of the link's throughput [bytes/s]."""
        return self._link.bytes_per_s

    def send(self, message: bytes) -> None:
        """Send all of a message."""
        with board_errors(self.resource):
            self._link.send(message, self.timeout_s + self._transfer_s(len(message)))

    def read_expected(self, fits: Callable[[bytes], bool], *, numbers: int) -> bytes | list[Element]:
        """Read one reply line, as its bytes if they come at once and are those expected.

        Args:
            fits: tells whether bytes are a whole reply of the expected form.
            numbers: how many numbers the longest answer in it holds.
        """
        allowed_s = self.timeout_s + self._transfer_s(_BYTES_PER_NUMBER * numbers)
        data = self._receive(None, self._clock() + allowed_s, allowed_s)
        return data if fits(data) else self.read_reply(numbers=numbers, begun=data)

    def read_reply(self, *, numbers: int = 0, allowance_s: float = 0.0, begun: bytes = b"") -> list[Element]:
        """Read one reply line.

        Args:
            numbers: how many numbers the longest answer in it holds.
            allowance_s: how long the board needs before it answers [s].
            begun: bytes of it that have come already.
        """
        most_bytes = _BYTES_PER_NUMBER * numbers
        allowed_s = self.timeout_s + allowance_s + self._transfer_s(most_bytes)
        started = self._clock()
        reader = ReplyReader(
            lambda count: self._receive(count, started + allowed_s, allowed_s),
            most_bytes=most_bytes,
            begun=begun,
        )
        try:
            return reader.read()
        except BoardTimeoutError as error:
            waited_s = self._clock() - started
            raise BoardTimeoutError(f"{error} (waited {waited_s:.3g} s for this reply)") from error

    def read_until(self, ends: Callable[[bytes], bool]) -> bytes:
        """Read until `ends` accepts the bytes or the time is over; return all that came."""
        deadline = self._clock() + self.timeout_s
        seen = b""
        with suppress(BoardTimeoutError):
            while not ends(seen):
                seen = (seen + self._receive(None, deadline, self.timeout_s))[-_LINE_BYTES:]
        return seen

    def listen(self, duration_s: float) -> None:
        """Drop bytes that come within `duration_s` [s]."""
        deadline = self._clock() + duration_s
        with suppress(BoardTimeoutError):
            while True:
                self._receive(None, deadline, duration_s)

    def discard_input(self) -> None:
        """Forget bytes that came unasked; raise if the link is closed."""
        with board_errors(self.resource):
            self._link.discard_input()

    def reset(self) -> None:
        """Make both ends forget a conversation that was cut, as far as this kind of link can."""
        with board_errors(self.resource):
            self._link.reset()

    def reopen(self) -> None:
        """Open the link anew."""
        with board_errors(self.resource):
            self._link.reopen()

    def close(self) -> None:
        """Give the link back."""
        with board_errors(self.resource):
            self._link.close()

    def _receive(self, count: int | None, deadline: float, allowed_s: float) -> bytes:
        left_s = deadline - self._clock()
        if left_s <= 0:
            raise BoardTimeoutError(
                f"{self.resource}: the answer was not complete after {allowed_s:.3g} s; check the link and "
                "that the board is on, or allow more with timeout_s"
            )
        with board_errors(self.resource):
            return self._link.receive(count, left_s)

    def _transfer_s(self, count: int) -> float:
        return _MARGIN * count / self.bytes_per_s
