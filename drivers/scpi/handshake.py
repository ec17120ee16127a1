"""Identification of the instrument, and resynchronization after a conversation that was cut."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crosscal.core.errors import BoardTimeoutError, IncompatibleBoardError, wanted
from crosscal.drivers.scpi.format import excerpt
from crosscal.drivers.scpi.timed_link import TimedLink

IDENTITY, VERSION = b"*IDN?", b":SYST:VERS?"
BLOCK_SILENCE_S = 5.25
"""A board gives up an incomplete block after 5 s of silence."""
MAX_PROBES = 7  # a late answer to one of the last six is told from that to this one

# Twice the version, of which the first may have something stale before it.
_ANSWER = re.compile(rb"(\d{4}\.\d+);\1;([^\n]+)\n$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """Answers of an instrument to the queries of its identity.

    Attributes:
        identity: to `*IDN?`.
        version: to `SYSTem:VERSion?`.
    """

    identity: bytes
    version: bytes


def identify(link: TimedLink, *, block_silence_s: float = BLOCK_SILENCE_S) -> Identification:
    """Identify the instrument, skipping bytes that an earlier program may have left on the link.

    Args:
        link: just opened.
        block_silence_s: after how long a silence a board forgets an incomplete block [s].

    Raises:
        BoardConnectionError: nothing answers.
        IncompatibleBoardError: the answer is no SCPI.
    """
    seen = _ask(link)
    if not seen and link.continuous:
        # An earlier program may have left the board waiting for the rest of a block.
        _keep_silent(link, block_silence_s)
        seen = _ask(link)
    if not seen:
        raise BoardTimeoutError(
            f"{link.resource}: nothing answers within {link.timeout_s:.3g} s; check that this is the board's "
            "address, that the board is on, and that no other program holds it, or allow more with timeout_s"
        )
    found = _ANSWER.search(seen)
    if not found:
        raise IncompatibleBoardError(
            f"{link.resource}: "
            + wanted(
                got=f"{excerpt(seen)} in answer to *IDN?",
                allowed="a SCPI instrument's answer",
                remedy="this is no crossbar test board: give the board's own resource name",
            )
        )
    return Identification(version=found[1], identity=found[2].strip())


def resynchronize(
    link: TimedLink, known: Identification, *, probe: int, block_silence_s: float = BLOCK_SILENCE_S
) -> None:
    """Drop everything that belongs to a conversation that was cut.

    Args:
        link: the link.
        known: the board's identification.
        probe: from 1 to `MAX_PROBES`; another than in the calls before, so that a late answer to one of
            them is not taken for that of this one.
        block_silence_s: after how long a silence the board forgets an incomplete block [s].

    Raises:
        BoardTimeoutError: the board does not answer.
        BoardConnectionError: the link is lost.
    """
    link.reset()
    if _probe(link, known, probe):
        return
    # The board may be waiting for the rest of a block: only silence ends that.
    _keep_silent(link, block_silence_s)
    if not _probe(link, known, probe % MAX_PROBES + 1):
        raise BoardTimeoutError(
            f"{link.resource}: the board did not come into step again within {link.timeout_s:.3g} s; check "
            "that it is on, then call reconnect()"
        )


def _ask(link: TimedLink) -> bytes:
    def ends(seen: bytes) -> bool:
        # On a continuous line something stale may come first, elsewhere not.
        return bool(_ANSWER.search(seen)) or (seen.endswith(b"\n") and not link.continuous)

    if link.continuous:
        link.reset()
    # *IDN? last: IEEE 488.2 lets no query follow it in its message.
    link.send(b";".join((VERSION, VERSION, IDENTITY)) + b"\n")
    return link.read_until(ends)


def _probe(link: TimedLink, known: Identification, times: int) -> bool:
    """Recognize the answer to this very query by how often it asks for the version."""
    link.send(b";".join((*[VERSION] * times, IDENTITY)) + b"\n")
    once = known.version + b";"
    expected = once * times + known.identity + b"\n"

    def fits(seen: bytes) -> bool:
        return seen.endswith(expected) and not seen[: -len(expected)].endswith(once)

    return fits(link.read_until(fits))


def _keep_silent(link: TimedLink, block_silence_s: float) -> None:
    """Stay silent, after a timeout, until the board forgets an incomplete block."""
    link.listen(max(0.0, block_silence_s - link.timeout_s))
