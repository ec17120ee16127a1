"""Conversations with one board: one message out, one line back, errors told apart, and the way back after trouble."""

from __future__ import annotations

import enum
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from crosscal.core.errors import (
    BoardConnectionError,
    BoardError,
    BoardTimeoutError,
    IncompatibleBoardError,
    ScpiError,
)
from crosscal.drivers.error_queue import Condition, looks_like_error_queue, read_error_queue
from crosscal.drivers.link import Link
from crosscal.drivers.reply import Block, Element, ReplyReader
from crosscal.drivers.scpi_format import excerpt
from crosscal.drivers.visa_errors import board_errors

log = logging.getLogger(__name__)

ERRORS = b":SYST:ERR:ALL?"
VERSION = b":SYST:VERS?"
BLOCK_SILENCE_S = 5.25
"""A board gives up an incomplete block after 5 s of silence."""
_COMMAND_SHOWN = 120
_MOST_PROBES = 7


class State(enum.Enum):
    """How a session stands with its board."""

    READY = enum.auto()
    OUT_OF_STEP = enum.auto()
    """A conversation was cut: bytes of it may still arrive."""
    LOST = enum.auto()
    CLOSED = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one message.

    Attributes:
        elements: one per query, in order.
        earlier: what was in the error queue before the message.
        conditions: what a run that ended meanwhile has queued (see `error_queue.ASYNCHRONOUS`).
    """

    elements: tuple[Element, ...]
    earlier: tuple[Condition, ...] = ()
    conditions: tuple[Condition, ...] = ()


class Session:
    """One board's line of conversation, safe to use from several threads.

    Every message begins and ends with a query of the error queue. What the first finds is older than the message:
    another client's, or the end of a run. What the second finds belongs to the message. The first also makes
    sure that every message is answered, even one that the board refuses, so that a refusal never costs a timeout.

    Args:
        link: the open wire; the session closes it.
        timeout_s: how long the board may take to begin an answer [s].
        clock: monotonic time [s].
        block_silence_s: after how long a silence the board forgets an incomplete block [s].
    """

    def __init__(
        self,
        link: Link,
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        block_silence_s: float = BLOCK_SILENCE_S,
    ) -> None:
        self.lock = threading.RLock()
        self.timeout_s = timeout_s
        self.on_reconnect: Callable[[], None] = lambda: None
        self._link = link
        self._clock = clock
        self._block_silence_s = block_silence_s
        self._identity = b""
        self._version = b""
        self._probes = 0
        self._state = State.READY

    @property
    def resource(self) -> str:
        """The name the board was opened by."""
        return self._link.resource

    @property
    def state(self) -> State:
        """How the session stands with its board."""
        return self._state

    def identify(self) -> str:
        """Ask who is there, which also clears the line of what an earlier program left on it.

        Raises:
            BoardConnectionError: nothing answers.
            IncompatibleBoardError: what answers speaks no SCPI.
        """
        with self.lock:
            if self._link.continuous:
                self._reset()
            line = self._first_line(b"*IDN?;*IDN?;" + VERSION + b"\n")
        # Whatever an earlier conversation left stands before the first of the two.
        parts = line.rsplit(b";", 2)
        if len(parts) < 3 or not parts[1] or not parts[0].endswith(parts[1]):
            raise IncompatibleBoardError(
                f"{self.resource}: got {excerpt(line)} in answer to *IDN?; allowed: a SCPI instrument; this is no "
                "crossbar test board: give the board's own resource name"
            )
        self._identity, self._version = parts[1].strip(), parts[2].strip()
        return self._identity.decode("latin-1")

    def exchange(
        self, *units: bytes, numbers: int = 0, allowance_s: float = 0.0, repeatable: bool | None = None
    ) -> Answer:
        """Send units as one message and return the answers of its queries.

        Args:
            units: commands and queries, each with its full header.
            numbers: how many numbers the longest answer holds.
            allowance_s: how long the board needs for what it is asked, beyond the transfer [s].
            repeatable: whether the message may be sent again if the link was lost on the way: by default only
                if it consists of queries.

        Raises:
            ScpiError: the board refused a unit; units before it were carried out.
            BoardTimeoutError, BoardConnectionError: no answer.
            BoardError: a garbled answer.
        """
        queries = [unit for unit in units if _is_query(unit)]
        if repeatable is None:
            repeatable = len(queries) == len(units)
        message = b";".join((ERRORS, *units, ERRORS)) + b"\n"
        with self.lock:
            self._make_ready()
            try:
                elements = self._converse(message, numbers, allowance_s)
            except BoardConnectionError:
                if self._state is not State.LOST or not repeatable:
                    raise
                log.warning("%s: the link was lost; connecting anew and asking again", self.resource)
                self.reconnect()
                elements = self._converse(message, numbers, allowance_s)
            try:
                return self._sorted_out(units, len(queries), elements)
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
            if self._state is State.CLOSED:
                raise BoardConnectionError(f"{self.resource} was closed; open the board again")
            self._state = State.LOST
            with board_errors(self.resource):
                self._link.reopen()
            before = self._identity
            self.identify()
            if self._identity != before:
                found, self._identity = self._identity, before
                raise IncompatibleBoardError(
                    f"{self.resource}: got {excerpt(found)} after the link was lost; allowed: {excerpt(before)}, the "
                    "board that was opened; open the new one by itself"
                )
            self._state = State.READY
            log.info("%s: connected anew", self.resource)
            self.on_reconnect()

    def close(self) -> None:
        """Give the link back; closing twice is no error."""
        with self.lock:
            if self._state is not State.CLOSED:
                self._state = State.CLOSED
                with board_errors(self.resource):
                    self._link.close()

    def _make_ready(self) -> None:
        if self._state is State.CLOSED:
            raise BoardConnectionError(f"{self.resource} was closed; open the board again")
        if self._state is State.READY:
            try:
                with board_errors(self.resource):
                    self._link.discard_input()
            except BoardConnectionError:
                self._state = State.LOST
        if self._state is State.LOST:
            self.reconnect()
        elif self._state is State.OUT_OF_STEP:
            self._come_into_step()

    def _converse(self, message: bytes, numbers: int, allowance_s: float) -> list[Element]:
        """Send a message and read its line; whatever cuts this short leaves the session marked."""
        # Also an interrupt from the keyboard leaves half a reply on the wire.
        self._state = State.OUT_OF_STEP
        try:
            self._send(message)
            elements = self._read_line(numbers, allowance_s)
        except BoardTimeoutError:
            raise
        except BoardConnectionError:
            self._state = State.LOST
            raise
        self._state = State.READY
        return elements

    def _read_line(self, numbers: int, allowance_s: float) -> list[Element]:
        most_bytes = _BYTES_PER_NUMBER * numbers
        allowed_s = self.timeout_s + allowance_s + self._transfer_s(most_bytes)
        deadline = self._clock() + allowed_s

        def receive(count: int | None) -> bytes:
            left_s = deadline - self._clock()
            if left_s <= 0:
                raise BoardTimeoutError(
                    f"{self.resource}: the answer was not complete after {allowed_s:.3g} s; check the link and that "
                    "the board is on, or allow more with timeout_s"
                )
            return self._receive(count, left_s)

        return ReplyReader(receive, most_bytes=most_bytes).read()

    def _send(self, message: bytes) -> None:
        with board_errors(self.resource):
            self._link.send(message, self.timeout_s + self._transfer_s(len(message)))

    def _receive(self, count: int | None, timeout_s: float) -> bytes:
        with board_errors(self.resource):
            return self._link.receive(count, timeout_s)

    def _reset(self) -> None:
        with board_errors(self.resource):
            self._link.reset()

    def _transfer_s(self, count: int) -> float:
        """Twice as long as bytes need on a slow link of this kind."""
        return 2 * count / self._link.bytes_per_s

    def _sorted_out(self, units: tuple[bytes, ...], queries: int, elements: list[Element]) -> Answer:
        """Tell answers from errors, and this message's errors from others."""
        earlier = read_error_queue(_text(elements[0]))
        for condition in earlier:
            if not condition.asynchronous:
                log.warning(
                    "%s: the error queue held %s from before, or of another client", self.resource, condition
                )
        complete = len(elements) > 1 and looks_like_error_queue(elements[-1])
        if complete:
            answers, raised = tuple(elements[1:-1]), read_error_queue(_text(elements[-1]))
        else:
            # A syntax error discards the rest of a message, its last query included.
            rest = self._converse(ERRORS + b"\n", 0, 0.0)
            answers, raised = tuple(elements[1:]), read_error_queue(_text(rest[0]))
        refused = [condition for condition in raised if not condition.asynchronous]
        if refused:
            raise self._refusal(units, refused)
        if not complete or len(answers) != queries:
            raise BoardError(
                f"{self.resource}: got {len(answers)} answers to {queries} queries in {_shown(units)}; the reply is "
                "garbled: repeat the call"
            )
        return Answer(elements=answers, earlier=earlier, conditions=raised)

    def _refusal(self, units: tuple[bytes, ...], refused: list[Condition]) -> ScpiError:
        error = ScpiError(refused[0].code, refused[0].text, _shown(units))
        for condition in refused[1:]:
            error.add_note(f"then {condition}")
        return error

    def _come_into_step(self) -> None:
        """Ask in a way that only the answer to this very question fits, and drop everything before it."""
        log.info("%s: a conversation was cut; finding the board's step again", self.resource)
        try:
            self._reset()
            self._probe()
        except BoardTimeoutError:
            # The board may be waiting for the rest of a block: only silence ends that.
            self._listen(self._block_silence_s)
            self._probe()
        except BoardConnectionError:
            self.reconnect()
        self._state = State.READY

    def _probe(self) -> None:
        self._probes = self._probes % _MOST_PROBES + 1
        times = self._probes
        question = b";".join((b"*IDN?", *([VERSION] * times)))
        expected = b";".join((self._identity, *([self._version] * times))) + b"\n"
        self._send(question + b"\n")
        deadline = self._clock() + self.timeout_s
        seen = b""
        while not seen.endswith(expected):
            left_s = deadline - self._clock()
            if left_s <= 0:
                raise BoardTimeoutError(
                    f"{self.resource}: the board did not come into step again in {self.timeout_s:.3g} s; call "
                    "reconnect(), or check that the board is on"
                )
            seen = (seen + self._receive(None, left_s))[-4 * len(expected) :]

    def _listen(self, duration_s: float) -> None:
        deadline = self._clock() + duration_s
        while (left_s := deadline - self._clock()) > 0:
            try:
                self._receive(None, left_s)
            except BoardTimeoutError:
                return

    def _first_line(self, question: bytes) -> bytes:
        """Ask and return everything up to the newline that follows the answer."""
        self._send(question)
        deadline = self._clock() + self.timeout_s
        seen = b""
        while not seen.endswith(b"\n"):
            left_s = deadline - self._clock()
            if left_s <= 0 or len(seen) > _LINE_LIMIT:
                break
            try:
                seen += self._receive(None, left_s)
            except BoardTimeoutError:
                break
        if not seen:
            raise BoardTimeoutError(
                f"{self.resource}: nothing answers *IDN? within {self.timeout_s:.3g} s; check that this is the board's "
                "address, that the board is on, and that no other program holds it, or allow more with timeout_s"
            )
        return seen.rstrip(b"\r\n")


_BYTES_PER_NUMBER = 26
"""The longest way to write a double, `-1.7976931348623157e+308` and a comma; blocks need 8."""
_LINE_LIMIT = 1 << 16


def _is_query(unit: bytes) -> bool:
    return b"?" in unit.split(b" ", 1)[0]


def _text(element: Element) -> bytes:
    return excerpt(element.payload).encode() if isinstance(element, Block) else element


def _shown(units: tuple[bytes, ...]) -> str:
    """The commands as a message may show them: without binary data."""
    words = [
        unit.split(b" #", 1)[0].decode("latin-1") + (" <block>" if b" #" in unit else "") for unit in units
    ]
    shown = ";".join(words)
    return shown if len(shown) <= _COMMAND_SHOWN else shown[:_COMMAND_SHOWN] + "…"
