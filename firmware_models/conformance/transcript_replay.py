"""Replaying a transcript over whatever can send and receive bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NoReturn

from crosscal.firmware_models.conformance.transcript_bytes import difference, encode, reply_length
from crosscal.firmware_models.conformance.transcript_format import (
    Directive,
    Expect,
    ExpectError,
    ExpectMatch,
    Send,
    Step,
    Transcript,
)

ERROR_REPLY = re.compile(rb'([+-]?\d+),"(?:[^"]|"")*"')
UNREAD_ERRORS_SHOWN = 20  # as many as a board must keep
SHOWN = 200
"""Characters of a message or a reply that are shown."""

Sender = Callable[[bytes], object]
Receiver = Callable[[], bytes]
Performer = Callable[[str, float | None], object]


class TranscriptMismatchError(AssertionError):
    """A board did not follow a transcript; the message names file and line.

    Attributes:
        line: of the transcript; 0 at its end.
        remark: comment of the transcript above the message that was sent last.
        sent: that message.
        what: the answer that came, and the one expected.
        codes: error code that came and those expected, where it is about one; None otherwise.
    """

    def __init__(
        self, name: str, line: int, last: Send, what: str, codes: tuple[int, tuple[int, ...]] | None = None
    ) -> None:
        self.line, self.remark, self.what, self.codes = line, last.remark, what, codes
        self.sent = _shortened(last.text)
        super().__init__(f"{name}.txt, line {line}: {what}\n  last sent: {self.sent}")


def replay(
    transcript: Transcript,
    send: Sender,
    receive: Receiver,
    *,
    perform: Performer | None = None,
    tolerated: Collection[int] = (),
) -> None:
    """Replay a transcript.

    Args:
        transcript: starts at a board just switched on.
        send: takes the bytes of one message, its newline included.
        receive: gives the bytes that came next, at least one; none when nothing comes in reasonable time.
        perform: does `name, argument` of `! ...`; needed for transcripts that have one.
        tolerated: error codes that may come at any time, and are passed over unless they are expected.

    Raises:
        TranscriptMismatchError: at the first difference, or if something is unread at the end.
    """
    replies = _Replies(transcript.name, send, receive, tolerated)
    for step in transcript.steps:
        if isinstance(step, Directive):
            if perform is None:
                raise ValueError(f"{transcript.name}, line {step.line}: nothing to perform {step.name} with")
            if step.name == "discard":
                replies.discard()
            perform(step.name, step.argument)
        else:
            replies.follow(step)
    replies.check_nothing_is_left()


class _Replies:
    """Sends messages and takes replies one by one."""

    def __init__(self, name: str, send: Sender, receive: Receiver, tolerated: Collection[int]) -> None:
        self._name = name
        self._send = send
        self._receive = receive
        self._tolerated = tolerated
        self._received = bytearray()
        self._last = Send(line=0, text="")

    def follow(self, step: Send | Expect | ExpectMatch | ExpectError) -> None:
        if isinstance(step, Send):
            self._last = step
            self._send(encode(step.text) + b"\n")
        elif isinstance(step, Expect):
            reply = self._next(step.line)
            found = difference(step.text, reply, step.tolerance)
            if found:
                self._fail(step.line, f"{found}; the whole reply: {_quoted(reply)}")
        elif isinstance(step, ExpectMatch):
            reply = self._next(step.line)
            if not step.pattern.fullmatch(reply):
                self._fail(step.line, f"{_quoted(reply)} does not match {step.pattern.pattern!r}")
        else:
            code, reply = self._ask_error(step, wanted=step.codes)
            if code not in step.codes:
                wanted = " or ".join(map(str, step.codes))
                self._fail(step.line, f"error {_quoted(reply)} instead of {wanted}", (code, step.codes))

    def discard(self) -> None:
        self._received.clear()

    def check_nothing_is_left(self) -> None:
        end = Send(line=0, text="the end")
        if self._received:
            self._fail(0, f"more than was asked: {_quoted(bytes(self._received))}")
        unread = []
        while len(unread) < UNREAD_ERRORS_SHOWN:
            code, reply = self._ask_error(end)
            if code == 0:
                break
            unread.append(_quoted(reply))
        if unread:
            self._fail(0, f"errors that the transcript does not have: {', '.join(unread)}")

    def _ask_error(self, step: Step, wanted: Collection[int] = ()) -> tuple[int, bytes]:
        while True:
            self._send(b"SYSTem:ERRor?\n")
            reply = self._next(step.line)
            match = ERROR_REPLY.fullmatch(reply)
            if match is None:
                self._fail(step.line, f"{_quoted(reply)} is no answer to SYSTem:ERRor?")
            code = int(match[1])
            if code in wanted or code not in self._tolerated:
                return code, reply

    def _next(self, line: int) -> bytes:
        while (length := reply_length(self._received)) is None:
            came = self._receive()
            if not came:
                part = f", after {_quoted(bytes(self._received))}" if self._received else ""
                self._fail(line, f"no reply{part}")
            self._received += came
        reply = bytes(self._received[: length - 1])
        del self._received[:length]
        return reply

    def _fail(self, line: int, what: str, codes: tuple[int, tuple[int, ...]] | None = None) -> NoReturn:
        raise TranscriptMismatchError(self._name, line, self._last, what, codes)


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _quoted(reply: bytes) -> str:
    return repr(reply if len(reply) <= SHOWN else reply[:SHOWN] + b"...")
