"""Conversations with one board: one message out, one line back, and the way back after trouble."""

from __future__ import annotations

import enum
import logging
import re
import threading
from collections.abc import Callable

from crosscal.core.errors import (
    BoardConnectionError,
    BoardError,
    BoardTimeoutError,
    IncompatibleBoardError,
    ScpiError,
)
from crosscal.drivers.envelope import ERRORS, Answer, is_query, unwrapped, wrapped
from crosscal.drivers.line import Line
from crosscal.drivers.reply import Element
from crosscal.drivers.scpi_format import excerpt

log = logging.getLogger(__name__)

IDENTITY, VERSION = b"*IDN?", b":SYST:VERS?"
BLOCK_SILENCE_S = 5.25
"""A board gives up an incomplete block after 5 s of silence."""
# Twice the version, of which the first may have something stale before it.
_INTRODUCTION = re.compile(rb"(\d{4}\.\d+);\1;([^\n]+)\n$")
_MOST_PROBES = 7


class State(enum.Enum):
    """How a session stands with its board."""

    READY = enum.auto()
    OUT_OF_STEP = enum.auto()
    """A conversation was cut: bytes of it may still arrive."""
    LOST = enum.auto()
    CLOSED = enum.auto()


class Session:
    """One board's line of conversation, safe to use from several threads.

    Args:
        line: the line to the board; the session closes it.
        block_silence_s: after how long a silence the board forgets an incomplete block [s].

    Attributes:
        lock: hold it for whatever must not be interrupted by other threads; re-entrant.
        on_reconnect: called when a lost link was opened anew.
    """

    def __init__(self, line: Line, *, block_silence_s: float = BLOCK_SILENCE_S) -> None:
        self.lock = threading.RLock()
        self.on_reconnect: Callable[[], None] = lambda: None
        self._line = line
        self._block_silence_s = block_silence_s
        self._identity = self._version = b""
        self._probes = 0
        self._state = State.READY

    @property
    def resource(self) -> str:
        """The name the board was opened by."""
        return self._line.resource

    @property
    def timeout_s(self) -> float:
        """How long the board may take to begin an answer [s]."""
        return self._line.timeout_s

    @property
    def state(self) -> State:
        """How the session stands with its board."""
        return self._state

    @property
    def in_process(self) -> bool:
        """True where the board is simulated in this process, and works only while an answer is awaited."""
        return self._line.in_process

    def identify(self) -> str:
        """Ask who is there, and skip what an earlier program may have left on the line.

        Raises:
            BoardConnectionError: nothing answers.
            IncompatibleBoardError: what answers speaks no SCPI.
        """
        with self.lock:
            seen = self._ask_introduction()
            if not seen and self._line.continuous:
                # An earlier program may have left the board waiting for the rest of a block.
                self._keep_silent()
                seen = self._ask_introduction()
            if not seen:
                raise BoardTimeoutError(
                    f"{self.resource}: nothing answers within {self.timeout_s:.3g} s; check that this is the "
                    "board's address, that the board is on, and that no other program holds it, or allow "
                    "more with timeout_s"
                )
            found = _INTRODUCTION.search(seen)
            if not found:
                raise IncompatibleBoardError(
                    f"{self.resource}: got {excerpt(seen)} in answer to *IDN?; allowed: a SCPI instrument's "
                    "answer; this is no crossbar test board: give the board's own resource name"
                )
            self._version, self._identity = found[1], found[2].strip()
            return self._identity.decode("latin-1")

    def exchange(
        self, *units: bytes, numbers: int = 0, allowance_s: float = 0.0, repeatable: bool | None = None
    ) -> Answer:
        """Send units as one message and return the answers of its queries.

        A link that is found lost before anything was sent is opened anew first.

        Args:
            units: commands and queries, each with its full header.
            numbers: how many numbers the longest answer holds.
            allowance_s: how long the board needs for what it is asked, beyond the transfer [s].
            repeatable: whether the message may be sent again if the link is lost on the way: by default only
                if it consists of queries.

        Raises:
            ScpiError: the board refused a unit; units before it were carried out.
            BoardTimeoutError, BoardConnectionError: no answer.
            BoardError: a garbled answer.
        """
        if repeatable is None:
            repeatable = all(map(is_query, units))
        message = wrapped(units)
        with self.lock:
            self._make_ready()
            try:
                elements = self._converse(message, numbers, allowance_s)
            except BoardConnectionError:
                if self._state is not State.LOST or not repeatable:
                    raise
                log.warning("%s: the link was lost; opening it anew and asking again", self.resource)
                self.reconnect()
                elements = self._converse(message, numbers, allowance_s)
            try:
                return unwrapped(self.resource, units, elements, lambda: self._converse(ERRORS))
            except ScpiError:
                raise
            except BoardError:
                self._state = State.OUT_OF_STEP
                raise

    def reconnect(self) -> None:
        """Open the link anew and make sure that the same board is at its other end.

        Raises:
            BoardConnectionError: nothing answers.
            IncompatibleBoardError: another board answers.
        """
        with self.lock:
            self._require_open()
            self._state = State.LOST
            self._line.reopen()
            before = self._identity
            self.identify()
            if self._identity != before:
                found, self._identity = self._identity, before
                raise IncompatibleBoardError(
                    f"{self.resource}: got {excerpt(found)} after the link was lost; allowed: "
                    f"{excerpt(before)}, the board that was opened; open the new one by itself"
                )
            self._state = State.READY
            log.info("%s: the link is open again", self.resource)
            self.on_reconnect()

    def close(self) -> None:
        """Give the link back; closing twice is no error."""
        with self.lock:
            if self._state is not State.CLOSED:
                self._state = State.CLOSED
                self._line.close()

    def _require_open(self) -> None:
        if self._state is State.CLOSED:
            raise BoardConnectionError(f"{self.resource} was closed; open the board again")

    def _make_ready(self) -> None:
        self._require_open()
        if self._state is State.READY:
            try:
                self._line.discard_input()
            except BoardConnectionError:
                self._state = State.LOST
        if self._state is State.LOST:
            self.reconnect()
        elif self._state is State.OUT_OF_STEP:
            self._come_into_step()

    def _converse(self, message: bytes, numbers: int = 0, allowance_s: float = 0.0) -> list[Element]:
        """Send a message and read its line; whatever cuts this short leaves the session marked."""
        # Also an interrupt from the keyboard leaves half a reply on the wire.
        self._state = State.OUT_OF_STEP
        try:
            self._line.send(message + b"\n")
            elements = self._line.read_reply(numbers=numbers, allowance_s=allowance_s)
        except BoardTimeoutError:
            raise
        except BoardConnectionError:
            self._state = State.LOST
            raise
        self._state = State.READY
        return elements

    def _ask_introduction(self) -> bytes:
        if self._line.continuous:
            self._line.reset()
        self._line.send(b";".join((VERSION, VERSION, IDENTITY)) + b"\n")
        return self._line.read_until(self._introduced)

    def _keep_silent(self) -> None:
        """After a timeout, wait for what is left until the board forgets an incomplete block."""
        self._line.listen(max(0.0, self._block_silence_s - self.timeout_s))

    def _introduced(self, seen: bytes) -> bool:
        """Whether to stop listening: on a continuous line something stale may come first, elsewhere not."""
        return bool(_INTRODUCTION.search(seen)) or (seen.endswith(b"\n") and not self._line.continuous)

    def _come_into_step(self) -> None:
        """Ask in a way that only the answer to this very question fits, and drop everything before it."""
        log.info("%s: a conversation was cut; coming into step with the board again", self.resource)
        try:
            self._line.reset()
            self._probe()
        except BoardTimeoutError:
            # The board may be waiting for the rest of a block: only silence ends that.
            self._keep_silent()
            self._probe()
        except BoardConnectionError:
            self.reconnect()
        self._state = State.READY

    def _probe(self) -> None:
        """Tell this question's answer from that of an earlier probe by how often it asks for the version."""
        self._probes = self._probes % _MOST_PROBES + 1
        self._line.send(b";".join((*[VERSION] * self._probes, IDENTITY)) + b"\n")
        once = self._version + b";"
        expected = once * self._probes + self._identity + b"\n"

        def fits(seen: bytes) -> bool:
            return seen.endswith(expected) and not seen[: -len(expected)].endswith(once)

        if not fits(self._line.read_until(fits)):
            raise BoardTimeoutError(
                f"{self.resource}: the board did not come into step again within {self.timeout_s:.3g} s; "
                "check that it is on, then call reconnect()"
            )
