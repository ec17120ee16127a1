"""Session with one board: messages, replies, and recovery after timeouts and lost links."""

from __future__ import annotations

import enum
import logging
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from crosscal.core.errors import (
    BoardConnectionError,
    BoardError,
    BoardTimeoutError,
    IncompatibleBoardError,
    ScpiError,
    wanted,
)
from crosscal.drivers.scpi.format import excerpt
from crosscal.drivers.scpi.handshake import (
    BLOCK_SILENCE_S,
    MAX_PROBES,
    identify,
    resynchronize,
)
from crosscal.drivers.scpi.message import ERRORS, Answer, Message
from crosscal.drivers.scpi.reply import Element
from crosscal.drivers.scpi.timed_link import TimedLink

logger = logging.getLogger(__name__)

ReplyT = TypeVar("ReplyT")


class State(enum.Enum):
    """How a session stands with its board."""

    READY = enum.auto()
    OUT_OF_SYNC = enum.auto()
    """A conversation was cut: bytes of it may still arrive."""
    LOST = enum.auto()
    CLOSED = enum.auto()


class Session:
    """A conversation with one board, safe to use from several threads.

    Args:
        link: a link just opened; the session closes it.
        block_silence_s: after how long a silence the board forgets an incomplete block [s].

    Attributes:
        link: the link; ask it for facts alone.
        lock: hold it for whatever must not be interrupted by other threads; re-entrant.
        on_reconnect: called when a lost link was opened anew.
        stop_units: units that stop the run under way; none if nothing is.
        renewals: how often the link was opened anew or brought into step again; the board may have been
            switched off each time.

    Raises:
        BoardConnectionError: nothing answers.
        IncompatibleBoardError: the answer is no SCPI.
    """

    def __init__(self, link: TimedLink, *, block_silence_s: float = BLOCK_SILENCE_S) -> None:
        self.link = link
        self.lock = threading.RLock()
        self.on_reconnect: Callable[[], None] = lambda: None
        self._block_silence_s = block_silence_s
        self._state = State.READY
        self._probe = 1
        self._reconnecting = False
        self.stop_units: tuple[bytes, ...] = ()
        self.renewals = 0
        self._process = os.getpid()
        self._only_thread: int | None = None
        self._known = identify(link, block_silence_s=block_silence_s)

    @property
    def resource(self) -> str:
        """The name the board was opened by."""
        return self.link.resource

    @property
    def identity(self) -> str:
        """Answer of `*IDN?`."""
        return self._known.identity.decode("latin-1")

    @property
    def state(self) -> State:
        """How the session stands with its board."""
        return self._state

    def exchange(
        self, *units: bytes, numbers: int = 0, allowance_s: float = 0.0, repeatable: bool | None = None
    ) -> Answer:
        """Send units as one message and return the answers of its queries.

        A link that is found lost before anything was sent is opened anew first.

        Args:
            units: commands and queries, each with its full header.
            numbers: how many numbers the longest answer holds.
            allowance_s: time that the board needs before it answers [s].
            repeatable: whether the message may be sent again if the link is lost on the way: by default only
                if it consists of queries.

        Raises:
            ScpiError: the board refused a unit; units before it were carried out.
            BoardTimeoutError, BoardConnectionError: no answer.
            BoardError: a garbled answer.
        """
        # Before the lock: a thread that held it when the process forked will never give it back.
        self._require_open()
        message = Message(units)
        if repeatable is None:
            repeatable = message.asks_only
        with self.lock:
            self._make_ready()
            try:
                reply = self._converse(message.encode(), numbers, allowance_s)
            except BoardConnectionError:
                # A link that breaks as soon as it is open must not be opened for ever.
                if self._state is not State.LOST or not repeatable or self._reconnecting:
                    raise
                logger.warning("%s: the link was lost; opening it anew and asking again", self.resource)
                self.reconnect()
                reply = self._converse(message.encode(), numbers, allowance_s)
            return self._decoded(message, reply)

    def exchange_known(
        self, units: tuple[bytes, ...], encoded: bytes, fits: Callable[[bytes], bool], *, numbers: int
    ) -> Answer | bytes:
        """Exchange a message of a known form that mostly has a reply of one form; it is not repeated.

        Args:
            units: as for `exchange`.
            encoded: their message.
            fits: tells whether bytes are the usual reply, whole and without errors.
            numbers: how many numbers the longest answer holds.

        Returns:
            The bytes of the usual reply; of any other what `exchange` would return.

        Raises:
            ScpiError, BoardTimeoutError, BoardConnectionError, BoardError: as `exchange`.
        """
        self._require_open()
        with self.lock:
            self._make_ready()
            reply = self._conversed(encoded, lambda: self.link.read_expected(fits, numbers=numbers))
            return reply if isinstance(reply, bytes) else self._decoded(Message(units), reply)

    def reconnect(self) -> None:
        """Open the link anew and make sure that the same board is at its other end.

        Raises:
            BoardConnectionError: nothing answers.
            IncompatibleBoardError: another board answers.
        """
        with self.lock:
            self._require_open()
            self._state = State.LOST
            self.renewals += 1
            self.link.reopen()
            found = identify(self.link, block_silence_s=self._block_silence_s)
            if found.identity != self._known.identity:
                raise IncompatibleBoardError(
                    f"{self.resource}: "
                    + wanted(
                        got=f"{excerpt(found.identity)} after the link was lost",
                        allowed=f"{excerpt(self._known.identity)}, the board that was opened",
                        remedy="open the new one by itself",
                    )
                )
            self._state = State.READY
            logger.info("%s: the link is open again", self.resource)
            self._reconnecting = True
            try:
                self.on_reconnect()
            finally:
                self._reconnecting = False

    def close(self) -> None:
        """Give the link back; closing twice is no error."""
        with self.lock:
            if self._state is not State.CLOSED:
                self._state = State.CLOSED
                self.link.close()

    @property
    def inherited(self) -> bool:
        """Whether this process is a fork of the one that opened the session: the link is its parent's."""
        return os.getpid() != self._process

    def take_over(self) -> None:
        """Let the next message of any other thread fail, so that this one can end the session."""
        self._only_thread = threading.get_ident()

    def _require_open(self) -> None:
        if self._only_thread is None and self._state is not State.CLOSED and not self.inherited:
            return
        if self.inherited:
            raise BoardConnectionError(
                wanted(
                    got=f"{self.resource} opened by process {self._process}, used by its child {os.getpid()}",
                    allowed="the process that opened the board",
                    remedy="open the board in the process that uses it",
                )
            )
        if self._only_thread not in (None, threading.get_ident()):
            raise BoardConnectionError(f"{self.resource} is being closed, for the program ends")
        if self._state is State.CLOSED:
            raise BoardConnectionError(f"{self.resource} was closed; open the board again")

    def _mark_out_of_sync(self) -> None:
        """Note that the next reply may belong to an earlier message; a lost link stays lost."""
        if self._state is State.READY:
            self._state = State.OUT_OF_SYNC

    def _make_ready(self) -> None:
        self._require_open()
        if self._state is State.READY:
            try:
                self.link.discard_input()
            except BoardConnectionError:
                self._state = State.LOST
        if self._state is State.LOST:
            if self._reconnecting:
                raise BoardConnectionError(
                    f"{self.resource}: the link was lost again as soon as it was open; check the board and "
                    "the link"
                )
            self.reconnect()
        elif self._state is State.OUT_OF_SYNC:
            self._resynchronize()

    def _resynchronize(self) -> None:
        logger.info("%s: a conversation was cut; resynchronizing with the board", self.resource)
        self.renewals += 1
        probe, self._probe = self._probe, (self._probe + 1) % MAX_PROBES + 1
        try:
            resynchronize(self.link, self._known, probe=probe, block_silence_s=self._block_silence_s)
        except BoardTimeoutError:
            raise
        except BoardConnectionError:
            self.reconnect()
        self._state = State.READY

    def _decoded(self, message: Message, reply: list[Element]) -> Answer:
        try:
            if message.lacks_errors(reply):
                reply += self._converse(ERRORS)
            return message.decode(reply, resource=self.resource)
        except ScpiError:
            raise
        except BoardError:
            self._mark_out_of_sync()
            raise

    def _converse(self, message: bytes, numbers: int = 0, allowance_s: float = 0.0) -> list[Element]:
        """Send a message and read its reply."""
        return self._conversed(
            message, lambda: self.link.read_reply(numbers=numbers, allowance_s=allowance_s)
        )

    def _conversed(self, message: bytes, read: Callable[[], ReplyT]) -> ReplyT:
        """Send a message and let its reply be read; any interruption leaves the session marked."""
        # Also an interrupt from the keyboard leaves half a reply on the wire.
        self._state = State.OUT_OF_SYNC
        try:
            self.link.send(message + b"\n")
            reply = read()
        except BoardTimeoutError:
            raise
        except BoardConnectionError:
            self._state = State.LOST
            raise
        self._state = State.READY
        return reply
