"""Who is there, and are we in step: asked in ways that only the answer to this very question fits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crosscal.core.errors import BoardTimeoutError, IncompatibleBoardError
from crosscal.drivers.scpi.format import excerpt
from crosscal.drivers.scpi.timed_link import TimedLink

IDENTITY, VERSION = b"*IDN?", b":SYST:VERS?"
BLOCK_SILENCE_S = 5.25
"""A board gives up an incomplete block after 5 s of silence."""
MAX_PROBES = 7

# Twice the version, of which the first may have something stale before it.
_ANSWER = re.compile(rb"(\d{4}\.\d+);\1;([^\n]+)\n$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """What a board answers to who it is.

    Attributes:
        identity: to `*IDN?`.
        version: to `SYSTem:VERSion?`.
    """

    identity: bytes
    version: bytes


def identify(line: TimedLink, *, block_silence_s: float = BLOCK_SILENCE_S) -> Identification:
    """Ask who is there, and skip what an earlier program may have left on the line.

    Args:
        line: a line just opened.
        block_silence_s: after how long a silence a board forgets an incomplete block [s].

    Raises:
        BoardConnectionError: nothing answers.
        IncompatibleBoardError: what answers speaks no SCPI.
    """
    seen = _ask(line)
    if not seen and line.continuous:
        # An earlier program may have left the board waiting for the rest of a block.
        _keep_silent(line, block_silence_s)
        seen = _ask(line)
    if not seen:
        raise BoardTimeoutError(
            f"{line.resource}: nothing answers within {line.timeout_s:.3g} s; check that this is the board's "
            "address, that the board is on, and that no other program holds it, or allow more with timeout_s"
        )
    found = _ANSWER.search(seen)
    if not found:
        raise IncompatibleBoardError(
            f"{line.resource}: got {excerpt(seen)} in answer to *IDN?; allowed: a SCPI instrument's answer; "
            "this is no crossbar test board: give the board's own resource name"
        )
    return Identification(version=found[1], identity=found[2].strip())


def resynchronize(
    line: TimedLink, known: Identification, *, probe: int, block_silence_s: float = BLOCK_SILENCE_S
) -> None:
    """After a conversation was cut, drop everything that belongs to it.

    Args:
        line: the line.
        known: what the board answers.
        probe: from 1 to `MAX_PROBES`; another than in the calls before, so that a late answer to one of
            them is not taken for that of this one.
        block_silence_s: after how long a silence the board forgets an incomplete block [s].

    Raises:
        BoardTimeoutError: the board does not answer.
        BoardConnectionError: the link is lost.
    """
    line.reset()
    if _probe(line, known, probe):
        return
    # The board may be waiting for the rest of a block: only silence ends that.
    _keep_silent(line, block_silence_s)
    if not _probe(line, known, probe % MAX_PROBES + 1):
        raise BoardTimeoutError(
            f"{line.resource}: the board did not come into step again within {line.timeout_s:.3g} s; check "
            "that it is on, then call reconnect()"
        )


def _ask(line: TimedLink) -> bytes:
    def ends(seen: bytes) -> bool:
        # On a continuous line something stale may come first, elsewhere not.
        return bool(_ANSWER.search(seen)) or (seen.endswith(b"\n") and not line.continuous)

    if line.continuous:
        line.reset()
    # *IDN? last: IEEE 488.2 lets no query follow it in its message.
    line.send(b";".join((VERSION, VERSION, IDENTITY)) + b"\n")
    return line.read_until(ends)


def _probe(line: TimedLink, known: Identification, times: int) -> bool:
    """Tell this question's answer from others by how often it asks for the version."""
    line.send(b";".join((*[VERSION] * times, IDENTITY)) + b"\n")
    once = known.version + b";"
    expected = once * times + known.identity + b"\n"

    def fits(seen: bytes) -> bool:
        return seen.endswith(expected) and not seen[: -len(expected)].endswith(once)

    return fits(line.read_until(fits))


def _keep_silent(line: TimedLink, block_silence_s: float) -> None:
    """After a timeout, wait for what is left until the board forgets an incomplete block."""
    line.listen(max(0.0, block_silence_s - line.timeout_s))
