"""Link to the board from inside the same process, used by VISA backends."""

from __future__ import annotations

import os
import time
from enum import Enum, auto

from crosscal.core.errors import BoardConnectionError
from crosscal.firmware_models.serving.powered_board import PoweredBoard

WAKE_S = 0.02
"""While a link waits it looks this often for what ends by the firmware's clock, such as a stalled reply."""

NEWLINE = ord("\n")
"""Ends every reply, so that the half of a stalled one is not taken for the whole."""


class ReadEnd(Enum):
    """Why a read ended."""

    MESSAGE = auto()
    TERMINATOR = auto()
    COUNT = auto()
    TIMEOUT = auto()


class BoardLink:
    """Reads and writes bytes in bulk; safe to use from several threads.

    Args:
        board: to connect to.
        message_based: whether messages have an end of their own, as on GPIB and USBTMC. On a stream, a read
            ends where nothing more is there at the moment.
        can_close: whether the board can close the link; on a serial line it can only fall silent.
        address: of the client, as other clients are told.
    """

    def __init__(
        self, board: PoweredBoard, *, message_based: bool, can_close: bool = True, address: str = ""
    ) -> None:
        self._board = board
        self._message_based = message_based
        self._can_close = can_close
        self._session = board.open_session(
            message_based=message_based, address=address or f"process {os.getpid()}"
        )
        # Read ahead only to look for a terminator. On a message-based link the reply's last byte stays with
        # the firmware until it is asked for, so that it still knows the reply as unread.
        self._ahead = bytearray()
        self._request_seen = False
        self._empty_read = False
        self._lost = False

    def write(self, data: bytes, *, end: bool) -> None:
        """Send bytes; `end` marks the end of a message where there is such a thing.

        Raises:
            BoardConnectionError: the link was lost.
        """
        with self._board.lock:
            self._check()
            self._board.catch_up()
            self._empty_read = False
            if self._message_based:
                self._ahead.clear()
            self._session.receive(data)
            if end and self._message_based:
                self._session.end_message()
            self._board.lock.notify_all()

    def read(
        self, count: int, *, timeout_s: float | None, terminator: int | None, until_quiet: bool = True
    ) -> tuple[bytes, ReadEnd]:
        """Receive at most `count` bytes, letting the firmware work meanwhile.

        Args:
            count: most bytes to take.
            timeout_s: longest wait [s]; None waits for ever.
            terminator: a byte to stop after, or None.
            until_quiet: stop at the end of a message, or, on a stream, when nothing more is there.

        Returns:
            The bytes, and the end of the read; after a timeout, those that came.

        Raises:
            BoardConnectionError: the link was lost.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        taken = bytearray()
        self._empty_read = False
        while True:
            with self._board.lock:
                self._check()
                taken += self._take(count - len(taken), terminator)
                ended = self._ended(taken, count, terminator, until_quiet)
                if ended is not None:
                    return bytes(taken), ended
                busy = self._board.advance()
                if self._available():
                    continue
                if not busy and not taken:
                    self._report_empty_read()
                left_s = WAKE_S if deadline_s is None else min(WAKE_S, deadline_s - time.monotonic())
                if left_s <= 0.0:
                    return bytes(taken), ReadEnd.TIMEOUT
                if not busy:
                    self._board.lock.wait(left_s)
            # Between two slices of work another thread may have its turn.
            time.sleep(0)

    def read_byte(self) -> tuple[bytes, bool]:
        """Receive one byte without waiting, and whether it is the last for now; empty if none is there."""
        with self._board.lock:
            self._check()
            if not self._available() and not self._board.advance() and not self._available():
                self._report_empty_read()
            taken = self._session.transmit(1)
            return taken, bool(taken) and not self._available()

    def status_byte(self) -> int:
        """Serial poll: the status byte with RQS in bit 6, cleared by it."""
        with self._board.lock:
            self._check()
            self._board.catch_up()
            self._request_seen = False
            return self._session.status_byte()

    def wait_for_request(self, timeout_s: float | None) -> bool:
        """Wait for a service request that was not reported yet; False if none came in time."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            with self._board.lock:
                self._check()
                requested = self._session.service_requested
                if requested and not self._request_seen:
                    self._request_seen = True
                    return True
                self._request_seen = requested
                busy = self._board.advance()
                left_s = WAKE_S if deadline_s is None else min(WAKE_S, deadline_s - time.monotonic())
                if self._session.service_requested and not self._request_seen:
                    continue
                if left_s <= 0.0:
                    return False
                if not busy:
                    self._board.lock.wait(left_s)
            time.sleep(0)

    def forget_request(self) -> None:
        """Discard a service request that nobody has waited for."""
        with self._board.lock:
            self._request_seen = self._session.service_requested

    def clear(self) -> None:
        """Clear the device: drop bytes on their way in either direction."""
        with self._board.lock:
            self._check()
            self._ahead.clear()
            self._session.device_clear()
            self._board.lock.notify_all()

    def discard_input(self) -> None:
        """Drop received bytes that nobody has read."""
        with self._board.lock:
            self._check()
            self._ahead.clear()
            self._session.transmit()

    def trigger(self) -> None:
        """Send a group execute trigger."""
        with self._board.lock:
            self._check()
            self._session.trigger()
            self._board.lock.notify_all()

    @property
    def available(self) -> int:
        """Bytes that can be read at once."""
        with self._board.lock:
            self._board.advance()
            return self._available()

    def close(self) -> None:
        """Close the link; the board goes on."""
        with self._board.lock:
            self._session.close()

    def _available(self) -> int:
        return len(self._ahead) + self._session.pending

    def _check(self) -> None:
        if self._session.link_dropped:
            self._session.acknowledge_drop()
            self._ahead.clear()
            self._lost = self._can_close
        if self._lost:
            raise BoardConnectionError(
                "the board closed the link; nothing more can be read or written: open the resource again"
            )

    def _report_empty_read(self) -> None:
        """Tell the firmware, once, that its client reads though nothing was asked."""
        if self._message_based and not self._empty_read:
            self._empty_read = True
            self._session.query_unterminated()

    def _take(self, count: int, terminator: int | None) -> bytes:
        if terminator is not None and not self._ahead:
            waiting = self._session.pending
            keep = 1 if self._message_based and waiting > 1 else 0
            self._ahead += self._session.transmit(waiting - keep)
        if self._ahead:
            found = -1 if terminator is None else self._ahead.find(terminator, 0, count)
            taken = bytes(self._ahead[: count if found < 0 else found + 1])
            del self._ahead[: len(taken)]
            return taken
        return self._session.transmit(count)

    def _ended(
        self, taken: bytearray, count: int, terminator: int | None, until_quiet: bool
    ) -> ReadEnd | None:
        if not taken:
            return None
        if until_quiet and not self._available() and (taken[-1] == NEWLINE or not self._message_based):
            return ReadEnd.MESSAGE
        if terminator is not None and taken[-1] == terminator:
            return ReadEnd.TERMINATOR
        if len(taken) >= count:
            return ReadEnd.COUNT
        return None
