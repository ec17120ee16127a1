"""Recalibration: learned from known vectors, verified on others, committed or dropped."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from crosscal.daemon.upkeep.compiled import Compiled
from crosscal.daemon.upkeep.jobs.learning import FRESH_VECTORS, Learned, learn, until_done
from crosscal.daemon.upkeep.jobs.quarantine import quarantine
from crosscal.daemon.upkeep.jobs.verifying import take_as_verified
from crosscal.daemon.upkeep.judgement import in_doubt, wrong
from crosscal.daemon.upkeep.schedule import RETRY_S
from crosscal.daemon.upkeep.upkept import Upkept


def vectors_to_learn(upkept: Upkept) -> int:
    """Choose K by the size of the drift, within the board's time.

    Raises:
        InputError: it allows none at present.
    """
    board = upkept.require_board()
    if upkept.watch is None:
        # Never verified: reads wait for it, whatever it takes.
        return min(2 * board.hardware.facts.rows, max(board.affordable - FRESH_VECTORS, 8))
    return upkept.watch.vectors_to_learn(
        upkept.latest, affordable=board.affordable, verification=FRESH_VECTORS
    )


def recalibrate(upkept: Upkept, reason: str, vectors: int) -> Iterator[None]:
    """Learn from known vectors, verify on others, and commit; else keep the calibration in use.

    Raises:
        CrosscalError: nothing can be learned. BoardError: from the board.
    """
    compiled = upkept.calibration.compiled
    if compiled is None:
        return
    learned = yield from learned_now(upkept, compiled, vectors)
    upkept.schedule.wanted = ""
    if learned.after.no_worse_than(learned.before):
        yield from adopt(upkept, compiled, learned, reason)
        take_as_verified(upkept, learned.after)
    else:
        drop(upkept, learned)


def learned_now(upkept: Upkept, compiled: Compiled, vectors: int) -> Generator[None, None, Learned]:
    """Measure known vectors and learn from them, in slices."""
    return learn(
        upkept.require_board(),
        compiled.programmed,
        vectors,
        age_s=upkept.calibration.age.age_s,
        rng=upkept.rng,
        aside=upkept.aside,
    )


def adopt(upkept: Upkept, compiled: Compiled, learned: Learned, reason: str) -> Iterator[None]:
    """Commit a better calibration, and use it."""
    facts = upkept.facts(compiled.carrying(learned.programmed), reason, learned.before, learned.after)
    facts |= {"vectors": learned.vectors}
    renewing = upkept.aside(lambda: compiled.recalibrated(learned.programmed, facts))
    yield from until_done(renewing)
    calibration = upkept.calibration
    calibration.learned(learned.programmed, upkept.require_board().felt_c)
    calibration.commit(renewing.result(), facts)
    quarantine(calibration.condition, learned.after, upkept.journal)
    upkept.journal.event("recalibration", f"{reason}: {learned.vectors} vectors", facts)


def drop(upkept: Upkept, learned: Learned) -> None:
    """Keep the calibration in use: the new one is worse."""
    text = (
        f"a recalibration failed its verification ({learned.after.rms_a:.3g} A, "
        f"{learned.before.rms_a:.3g} A before); the calibration stays as it was: look at the board"
    )
    upkept.schedule.retry_in(max(RETRY_S, upkept.interval_s))
    upkept.journal.alarm("verification failed", text)
    if in_doubt(learned.before):
        upkept.calibration.doubt(text, usable=not wrong(learned.before))
        upkept.schedule.wanted = "after a recalibration that failed"
