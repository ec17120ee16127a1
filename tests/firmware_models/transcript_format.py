r"""Transcripts: what is said to a board and what it answers, as plain text, for any way in.

A transcript starts at a board that was just switched on (`reference_board.py`), with nothing sent before. One
line, one step:

    # comment             for the reader; empty lines too
    @ message-based       head of the file: only on links with message boundaries (GPIB, USBTMC)
    @ stream              head of the file: only on sockets and serial lines
    @ groups PROG,TEMP    head of the file: a board with these optional groups alone
    > *IDN?               send this and the newline that ends a message
    < 3,2                 the next reply; numbers within 1e-6 relative, integers exactly, the rest literally
    <1e-3 0.25,0.5        the same within 1e-3
    <~ (A|B),\d+          the next reply matches this regular expression as a whole
    error -113            `SYSTem:ERRor?` answers this code, whatever its text
    error -222 -230       any one of these codes, where the contract leaves the choice
    ! advance 5.1         only with the engine in hand: let the injected clock run [s]
    ! run                 ... let what is under way come to its end
    ! serial-poll 80      ... a serial poll answers this
    ! requested 1         ... a service request is (1) or is not (0) pending
    ! trigger             ... group execute trigger
    ! read-nothing        ... the client reads although nothing was asked
    ! device-clear        ... selected device clear
    ! discard             ... drop whatever the board has answered
    ! dropped             ... the board asks that the link be closed; it stays open

In what is sent and in literal replies `\x0a`, `\n`, `\t` and `\\` stand for those bytes, `{>d 1.5,0.5*4}` for
a definite-length block of big-endian doubles (`struct`'s letters: `<` little-endian, `f` single; inside of
braces `0.5*4` is four times 0.5). A reply that is such a block is compared number by number.

At its end a transcript must leave nothing unread, neither a reply nor an error: `transcript_replay` looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TRANSCRIPTS = Path(__file__).parent / "transcripts"

DEFAULT_TOLERANCE = 1e-6
DIRECTIVES = (
    "advance",
    "device-clear",
    "discard",
    "dropped",
    "read-nothing",
    "requested",
    "run",
    "serial-poll",
    "trigger",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """`> ...`: one message, escapes not yet resolved, without its newline."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """`< ...`: a reply with its numbers to `tolerance`."""

    line: int
    text: str
    tolerance: float = DEFAULT_TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectMatch:
    """`<~ ...`: a reply that a regular expression matches as a whole."""

    line: int
    pattern: re.Pattern[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectError:
    """`error ...`: one of these codes is next in the error queue."""

    line: int
    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """`! ...`: something that no message can do."""

    line: int
    name: str
    argument: float | None


Step = Send | Expect | ExpectMatch | ExpectError | Directive


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One file.

    Attributes:
        name: the file's stem.
        steps: in order.
        message_based: True or False if it holds on such links only, None if on any.
        groups: optional groups of the board it is for; None for a board with PROG, READBACK, SEQ, TEMP, SIM.
    """

    name: str
    steps: tuple[Step, ...]
    message_based: bool | None = None
    groups: tuple[str, ...] | None = None

    @property
    def engine_only(self) -> bool:
        """Whether only a test with the engine in hand can replay it."""
        return self.groups is not None or any(isinstance(step, Directive) for step in self.steps)

    def fits(self, *, message_based: bool) -> bool:
        """Whether it holds on such a link."""
        return self.message_based in (None, message_based)


def load_transcripts(folder: Path = TRANSCRIPTS) -> list[Transcript]:
    """Load all transcripts, by name."""
    return [parse_transcript(p.stem, p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.txt"))]


def parse_transcript(name: str, text: str) -> Transcript:
    """Parse one transcript.

    Raises:
        ValueError: a line that is none of the known ones; the message names it.
    """
    steps: list[Step] = []
    message_based: bool | None = None
    groups: tuple[str, ...] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        kind, _, rest = line.partition(" ")
        if kind == "@" and not steps:
            word, _, argument = rest.partition(" ")
            if word in ("message-based", "stream"):
                message_based = word == "message-based"
                continue
            if word == "groups":
                groups = tuple(argument.split(","))
                continue
        if not line.strip() or kind.startswith("#"):
            continue
        step = _parse_step(kind, rest, number)
        if step is None:
            raise ValueError(f"{name}.txt, line {number}: no step of a transcript: {line!r}")
        steps.append(step)
    return Transcript(name=name, steps=tuple(steps), message_based=message_based, groups=groups)


def _parse_step(kind: str, rest: str, line: int) -> Step | None:
    if kind == ">":
        return Send(line=line, text=rest)
    if kind == "<~":
        return ExpectMatch(line=line, pattern=re.compile(rest.encode("ascii"), re.DOTALL))
    if kind == "<":
        return Expect(line=line, text=rest)
    if kind.startswith("<"):
        return Expect(line=line, text=rest, tolerance=float(kind[1:]))
    if kind == "error":
        return ExpectError(line=line, codes=tuple(int(code) for code in rest.split()))
    if kind == "!":
        name, _, argument = rest.partition(" ")
        if name in DIRECTIVES:
            return Directive(line=line, name=name, argument=float(argument) if argument else None)
    return None
