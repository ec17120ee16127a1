"""Replaying a transcript over whatever can send and receive bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from transcript_bytes import difference, encode, reply_length
from transcript_format import Directive, Expect, ExpectError, ExpectMatch, Send, Step, Transcript

ERROR_REPLY = re.compile(rb'([+-]?\d+),"(?:[^"]|"")*"')
UNREAD_ERRORS_SHOWN = 20

Sender = Callable[[bytes], object]
Receiver = Callable[[], bytes]
Performer = Callable[[str, float | None], object]


class TranscriptMismatchError(AssertionError):
    """A board did not do what a transcript says; the message names file and line."""


def replay(
    transcript: Transcript, send: Sender, receive: Receiver, *, perform: Performer | None = None
) -> None:
    """Replay a transcript.

    Args:
        transcript: starts at a board just switched on.
        send: takes the bytes of one message, its newline included.
        receive: gives the bytes that came next, at least one; none when nothing comes in reasonable time.
        perform: does `name, argument` of `! ...`; needed for transcripts that are `engine_only`.

    Raises:
        TranscriptMismatchError: at the first difference, or if something is unread at the end.
    """
    replies = _Replies(transcript.name, send, receive)
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

    def __init__(self, name: str, send: Sender, receive: Receiver) -> None:
        self._name = name
        self._send = send
        self._receive = receive
        self._received = bytearray()
        self._last_sent = ""

    def follow(self, step: Send | Expect | ExpectMatch | ExpectError) -> None:
        if isinstance(step, Send):
            self._last_sent = step.text
            self._send(encode(step.text) + b"\n")
        elif isinstance(step, Expect):
            reply = self._next(step)
            found = difference(step.text, reply, step.tolerance)
            if found:
                self._fail(step, f"{found}; the whole reply: {_shortened(reply)}")
        elif isinstance(step, ExpectMatch):
            reply = self._next(step)
            if not step.pattern.fullmatch(reply):
                self._fail(step, f"{_shortened(reply)} does not match {step.pattern.pattern!r}")
        else:
            code, reply = self._ask_error(step)
            if code not in step.codes:
                self._fail(step, f"error {_shortened(reply)} instead of {' or '.join(map(str, step.codes))}")

    def discard(self) -> None:
        self._received.clear()

    def check_nothing_is_left(self) -> None:
        end = Send(line=0, text="the end")
        if self._received:
            self._fail(end, f"more than was asked: {_shortened(bytes(self._received))}")
        unread = []
        while len(unread) < UNREAD_ERRORS_SHOWN:
            code, reply = self._ask_error(end)
            if code == 0:
                break
            unread.append(_shortened(reply))
        if unread:
            self._fail(end, f"errors that the transcript does not have: {', '.join(unread)}")

    def _ask_error(self, step: Step) -> tuple[int, bytes]:
        self._send(b"SYSTem:ERRor?\n")
        reply = self._next(step)
        match = ERROR_REPLY.fullmatch(reply)
        if match is None:
            self._fail(step, f"{_shortened(reply)} is no answer to SYSTem:ERRor?")
        return int(match[1]), reply

    def _next(self, step: Step) -> bytes:
        while (length := reply_length(self._received)) is None:
            came = self._receive()
            if not came:
                part = f", after {_shortened(bytes(self._received))}" if self._received else ""
                self._fail(step, f"no reply{part}")
            self._received += came
        reply = bytes(self._received[: length - 1])
        del self._received[:length]
        return reply

    def _fail(self, step: Step, what: str) -> NoReturn:
        raise TranscriptMismatchError(
            f"{self._name}.txt, line {step.line}: {what}\n  last sent: {self._last_sent[:200]}"
        )


def _shortened(reply: bytes) -> str:
    return repr(reply if len(reply) <= 200 else reply[:200] + b"...")
