r"""Transcripts: conversations with a board as plain text, for any way in.

A transcript starts at a board that was just switched on, with nothing sent before: the reference board of the
tests, 3 × 2 and ideal, or any board, for those with names of its facts in them (`board_facts`). One line, one
step:

    # comment             for the reader, and said where a board fails the steps below; empty lines too
    @ message-based       head of the file: only on links with message boundaries (GPIB, USBTMC)
    @ stream              head of the file: only on sockets and serial lines
    @ groups PROG,TEMP    head of the file: a board with these optional groups alone
    @ needs PROG,TEMP     head of the file: a board with these optional groups and any others
    @ lacks PROG          head of the file: a board without this optional group
    @ programs            head of the file: cells are written
    @ switched-on         head of the file: cells as they are at power-on are relied on
    > *IDN?               send this and the newline that ends a message
    < 3,2                 the next reply; numbers within 1e-6 relative, integers exactly, the rest literally
    <1e-3 0.25,0.5        the same within 1e-3
    <~ (A|B),\d+          the next reply matches this regular expression as a whole
    error -113            `SYSTem:ERRor?` answers this code, whatever its text
    error -222 -230       any one of these codes, where the contract leaves the choice
    ! advance 5.1         only with the engine in hand: let the injected clock run [s]
    ! run                 ... let operations under way come to their end
    ! serial-poll 80      ... a serial poll answers this
    ! requested 1         ... a service request is (1) or is not (0) pending
    ! trigger             ... group execute trigger
    ! read-nothing        ... the client reads although nothing was asked
    ! device-clear        ... selected device clear
    ! discard             ... drop all answers so far
    ! dropped             ... the board asks that the link be closed; it stays open
    ! silence 7           on any link: nothing is sent for so long [s]

In messages and in literal replies `\x0a`, `\n`, `\t` and `\\` stand for those bytes, `{>d 1.5,0.5*4}` for
a definite-length block of big-endian doubles (`struct`'s letters: `<` little-endian, `f` single; inside of
braces `0.5*4` is four times 0.5). A reply that is such a block is compared number by number.

At its end a transcript must leave nothing unread, neither a reply nor an error: `transcript_replay` looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"
"""Those of the reference board; those of any board are in a folder below."""

DEFAULT_TOLERANCE = 1e-6  # of numbers in replies, relative: single precision holds seven digits
HEADS = ("message-based", "stream", "groups", "needs", "lacks", "programs", "switched-on")
DIRECTIVES = (
    "advance",
    "device-clear",
    "discard",
    "dropped",
    "read-nothing",
    "requested",
    "run",
    "serial-poll",
    "silence",
    "trigger",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """`> ...`: one message, escapes not yet resolved, without its newline; `remark`: the comment above it."""

    line: int
    text: str
    remark: str = ""


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
        title: its first comment.
        needs, lacks: optional groups that a board must have, and must not have.
        programs: whether it writes cells.
        switched_on: whether it relies on the cells of a board just switched on.
    """

    name: str
    steps: tuple[Step, ...]
    message_based: bool | None = None
    groups: tuple[str, ...] | None = None
    title: str = ""
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    programs: bool = False
    switched_on: bool = False

    @property
    def engine_only(self) -> bool:
        """Whether only a test with the engine in hand can replay it."""
        return self.groups is not None or any(
            isinstance(step, Directive) and step.name != "silence" for step in self.steps
        )

    def fits(self, *, message_based: bool) -> bool:
        """Whether it holds on such a link."""
        return self.message_based in (None, message_based)


def load_transcripts(folder: Path = TRANSCRIPTS) -> list[Transcript]:
    """Load all transcripts, by name."""
    return [parse_transcript(p.stem, p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.txt"))]


def titles(folder: Path) -> dict[str, str]:
    """Titles of the transcripts of a folder, by name."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))}
    return {
        name: next(line[1:].strip() for line in text.splitlines() if line.startswith("#"))
        for name, text in texts.items()
    }


def parse_transcript(name: str, text: str) -> Transcript:
    """Parse one transcript.

    Raises:
        ValueError: a line that is none of the known ones; the message names it.
    """
    steps: list[Step] = []
    head: dict[str, str] = {}
    title, remark, remarked = "", "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        kind, _, rest = line.partition(" ")
        if kind == "@" and not steps and rest.partition(" ")[0] in HEADS:
            word, _, argument = rest.partition(" ")
            head[word] = argument
        elif kind.startswith("#"):
            # Comments one below the other are one remark.
            remark = f"{remark} {rest}" if remark and remarked == number - 1 else rest
            title, remarked = title or rest, number
        elif line.strip():
            step = _parse_step(kind, rest, number, remark)
            if step is None:
                raise ValueError(f"{name}.txt, line {number}: no step of a transcript: {line!r}")
            steps.append(step)
    return Transcript(
        name=name,
        steps=tuple(steps),
        message_based=True if "message-based" in head else False if "stream" in head else None,
        groups=tuple(head["groups"].split(",")) if "groups" in head else None,
        title=title,
        needs=tuple(head["needs"].split(",")) if "needs" in head else (),
        lacks=tuple(head["lacks"].split(",")) if "lacks" in head else (),
        programs="programs" in head,
        switched_on="switched-on" in head,
    )


def _parse_step(kind: str, rest: str, line: int, remark: str) -> Step | None:
    if kind == ">":
        return Send(line=line, text=rest, remark=remark)
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
