"""Scripted board for tests of scripts that drive a board: the conversation is written down beforehand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from crosscal.core.errors import BoardConnectionError, BoardTimeoutError
from crosscal.drivers.acquisition import ABORT
from crosscal.drivers.board import Board
from crosscal.drivers.board_info import read_board_info
from crosscal.drivers.programming import STOP
from crosscal.drivers.safety import OUTPUT_OFF
from crosscal.drivers.scpi.message import ERRORS
from crosscal.drivers.scpi.polling import Clock
from crosscal.drivers.scpi.session import Session
from crosscal.drivers.scpi.timed_link import TimedLink

NO_ERROR = b'0,"No error"'
SHUT_DOWN = tuple(b"".join((*stop, OUTPUT_OFF)) for stop in ((), (ABORT, b";"), (STOP, b";")))
"""However a conversation ends, the driver leaves the outputs at 0 V: no script need say so."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A scripted refusal: the entry of the error queue after a message.

    Attributes:
        code: SCPI error code, such as -222.
        text: the board's words.
    """

    code: int
    text: str


Reply = str | bytes | Refusal | BaseException | None


class ScriptedLink:
    """A link that answers by a script; implements `Link`.

    Args:
        pairs: each message that must be sent, with its answer.
    """

    resource = "SCRIPT"
    continuous = False
    bytes_per_s = 1e9

    def __init__(self, pairs: Iterable[tuple[str | bytes, Reply]]) -> None:
        self._pairs = deque((_bytes(sent), reply) for sent, reply in pairs)
        self._output = b""
        self._raise: BaseException | None = None
        self._failure: AssertionError | None = None
        self._over = False

    def discard_input(self) -> None:
        """Drop answers that were not read."""
        self._output = b""

    def send(self, message: bytes, timeout_s: float) -> None:
        """Compare a message with the script and prepare its answer."""
        del timeout_s
        checked = message.startswith(ERRORS + b";") and message.endswith(b";" + ERRORS + b"\n")
        body = message[len(ERRORS) + 1 : -len(ERRORS) - 2] if checked else message.rstrip(b"\n")
        reply = self._scripted(body)
        if isinstance(reply, BaseException):
            self._raise = reply
            return
        refusal = b'%d,"%s"' % (reply.code, reply.text.encode()) if isinstance(reply, Refusal) else NO_ERROR
        answer = b"" if reply is None or isinstance(reply, Refusal) else _bytes(reply)
        parts = [NO_ERROR, *([answer] if answer else []), refusal] if checked else [answer]
        self._output += b";".join(parts) + b"\n"

    def _scripted(self, body: bytes) -> Reply:
        if self._failure is not None:
            # What the driver does to leave the board in order must not hide where the script was left.
            raise self._failure
        if self._pairs and self._pairs[0][0] == body:
            return self._pairs.popleft()[1]
        if body in SHUT_DOWN:
            return None
        if self._over:
            return BoardConnectionError("the script is over")
        expected = (
            f"where the script has {self._pairs[0][0]!r}" if self._pairs else "after the end of the script"
        )
        self._failure = AssertionError(f"sent {body!r} {expected}")
        raise self._failure

    def receive(self, count: int | None, timeout_s: float) -> bytes:
        """Hand out the scripted answer."""
        if self._raise is not None:
            error, self._raise = self._raise, None
            raise error
        if not self._output:
            raise BoardTimeoutError(f"the script has no answer within {timeout_s:.3g} s")
        data, self._output = self._output[:count], self._output[count:] if count else b""
        return data

    def reset(self) -> None:
        """Drop answers that were not read."""
        self._output = b""

    def reopen(self) -> None:
        """Drop answers that were not read."""
        self._output = b""

    def close(self) -> None:
        """Nothing is held."""

    def require_finished(self) -> None:
        """Fail unless everything in the script was sent."""
        self._over = True
        if self._pairs:
            rest = ", ".join(repr(sent) for sent, _ in self._pairs)
            raise AssertionError(f"never sent: {rest}")


@contextmanager
def expected_protocol(
    pairs: Sequence[tuple[str | bytes, Reply]],
    *,
    shape: tuple[int, int] = (3, 2),
    capabilities: Iterable[str] = ("PROG", "READBACK", "SEQ", "TEMP"),
    identity: str = "crosscal,scripted board,0,1.0",
    conductance_limits_s: tuple[float, float] = (1e-6, 1e-3),
    ranges_a: Sequence[float] = (1e-4, 1e-2),
    settling_s: float = 150e-6,
    sequence_most: int = 1000,
) -> Iterator[Board]:
    """Give a `Board` on a link that answers by a script; fail where the conversation differs from it.

    The opening conversation and the final `OUTP OFF` are not part of the script, nor are the queries of the
    error queue around every message: a pair holds the units between them.

    Args:
        pairs: each a message and its answer: text, bytes, None where nothing is asked, a `Refusal`,
            or an exception that the link is to raise.
        shape: rows and columns of the board, (N, M).
        capabilities: groups that the board has.
        identity: the board's answer to `*IDN?`.
        conductance_limits_s: smallest and largest conductance of its cells [S].
        ranges_a: full scales of its amplifiers [A].
        settling_s: settling time of its amplifiers [s].
        sequence_most: most vectors that its sequence holds.

    Yields:
        The open board.

    Raises:
        AssertionError: something else was sent than the script has, or not all of it.

    Example:
        >>> with expected_protocol([(":SENS:TEMP?", "25.5")]) as board:
        ...     board.temperature_c
        25.5
    """
    groups = tuple(capabilities)
    facts = [
        f"{conductance_limits_s[0]!r},{conductance_limits_s[1]!r}",
        ",".join(map(repr, ranges_a)),
        f"16,1.0,{settling_s!r}",
    ]
    asked = ":ARR:COND:LIM?;:SENS:CURR:RANG:LIST?;:DIAG:DAC:INFO?"
    if "SEQ" in groups:
        asked, facts = f"{asked};:SOUR:SEQ:POIN? MAX", [*facts, str(sequence_most)]
    opening: list[tuple[str | bytes, Reply]] = [
        (":SYST:VERS?;:SYST:VERS?;*IDN?", f"1999.0;1999.0;{identity}"),
        (":ARR:SIZE?;:SYST:CAP?", f"{shape[0]},{shape[1]};{','.join(groups)}"),
        (asked, ";".join(facts)),
    ]
    link = ScriptedLink([*opening, *pairs])
    session = Session(TimedLink(link, timeout_s=1.0))
    with Board(session, read_board_info(session), clock=Clock(sleep=lambda _: None)) as board:
        yield board
        link.require_finished()


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text
