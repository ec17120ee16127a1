"""Polling of the operation status until an overlapped operation ends, instead of `*OPC?`.

So a wait can be interrupted, an emergency stop gets through, and a dead board is noticed at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from crosscal.core.errors import BoardTimeoutError, ScpiError
from crosscal.drivers.scpi.error_queue import Condition
from crosscal.drivers.scpi.format import read_integer
from crosscal.drivers.scpi.reply import text_of
from crosscal.drivers.scpi.session import Session

OPERATION = b":STAT:OPER:COND?"
# Bits of the operation register (docs/remote_interface.md).
MEASURING, WAITING_FOR_TRIGGER, PROGRAMMING = 1 << 4, 1 << 5, 1 << 8

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5e-3, 0.1
"""From the time of a short acquisition to ten queries a second, no load for a board; doubled in between, so
that the end of a run is noticed within its own duration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time as a board's driver sees it; injected, so that tests need not wait.

    Attributes:
        now: monotonic time [s].
        sleep: waits [s].
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


_OCCUPIED = (-213, -200)  # "Init ignored", "Execution error": another run goes on


def _occupation(session: Session) -> str:
    """Explain why the board cannot start, and how to end it."""
    bits = read_integer(text_of(session.exchange(OPERATION).elements[0]))
    if bits & WAITING_FOR_TRIGGER:
        return (
            "an acquisition waits for its trigger, perhaps of a program that has ended: end it with "
            "board.abort() if no other program uses the board"
        )
    if bits & (MEASURING | PROGRAMMING):
        return "another client measures or programs: wait until it is done, or stop it with board.abort()"
    return "the board was occupied, and is free now: repeat the call"


def run_until_idle(
    session: Session,
    start: tuple[bytes, ...],
    bits: int,
    *,
    clock: Clock,
    allowance_s: float = 0.0,
    progress: bytes | None = None,
    patience_s: float | None = None,
) -> list[Condition]:
    """Start an overlapped operation and wait until none of `bits` is set any more.

    Args:
        session: the conversation; hold its lock.
        start: units that start the operation.
        bits: of the operation status condition.
        clock: clock and sleep.
        allowance_s: how long the operation takes on a board that answers nothing meanwhile [s].
        progress: query with an answer that changes while the board gets on.
        patience_s: how long to go on without progress [s]; without end if None.

    Returns:
        Conditions that the board queued about the run.

    Raises:
        BoardTimeoutError: no progress for `patience_s`.
    """
    asked = (OPERATION, progress) if progress else (OPERATION,)
    try:
        answer = session.exchange(*start, *asked, allowance_s=allowance_s)
    except ScpiError as error:
        if error.code in _OCCUPIED:
            error.add_note(_occupation(session))
        raise
    conditions = list(answer.conditions)
    pause_s, moved_s, last = _FIRST_PAUSE_S, clock.now(), None
    while read_integer(text_of(answer.elements[0])) & bits:
        if answer.elements[1:] != last:
            last, moved_s = answer.elements[1:], clock.now()
        elif patience_s is not None and clock.now() - moved_s > patience_s:
            raise BoardTimeoutError(
                f"{session.resource}: the board has been busy for {patience_s:.3g} s without getting on; it "
                "is stopped; look at the board, or choose a shorter aperture or fewer averages"
            )
        clock.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        # A board that answered once while it was busy does so at any time.
        answer = session.exchange(*asked)
        conditions += [*answer.earlier, *answer.conditions]
    return conditions
