"""Look at the sentinels: read in slices, tested for drift."""

from __future__ import annotations

from collections.abc import Iterator

from crosscal.daemon.upkeep.jobs.learning import until_done
from crosscal.daemon.upkeep.jobs.verifying import verify_now
from crosscal.daemon.upkeep.known_vectors import joined
from crosscal.daemon.upkeep.upkept import Upkept

_UNREADABLE = "sentinels could not be calibrated"


def look(upkept: Upkept) -> Iterator[None]:
    """Read the sentinels and test them for drift, and ask for a recalibration if there is any.

    Raises:
        BoardError: from the board.
    """
    watch, board, calibration = upkept.watch, upkept.require_board(), upkept.calibration
    if watch is None:
        verify_now(upkept, "due")
        return
    parts = []
    for part in board.read_in_slices(watch.voltage_v):
        parts.append(part)
        yield
    known = joined(parts)
    if not known.usable.any():
        verify_now(upkept, _UNREADABLE)
        return
    finding = upkept.latest = watch.take(known, upkept.clock.monotonic())
    calibration.reference.follow(known, calibration.age.age_s)
    calibration.store_again()
    upkept.journal.sentinel(finding, calibration.condition.version)
    if finding.nmse is None:
        # As with a dead amplifier: no client's read can be calibrated either.
        verify_now(upkept, _UNREADABLE)
        return
    if finding.text:
        calibration.doubt(finding.text, usable=True)
        upkept.journal.event("drift", finding.text, finding.data)
        upkept.schedule.wanted = finding.text
    else:
        calibration.condition.verified_at_s = upkept.clock.monotonic()
    upkept.schedule.look_in(upkept.interval_s)
    lesson = watch.lesson()
    if lesson is not None:
        # Seconds after some thousand readings; given up for a read that waits, it is due after the next look.
        learning = upkept.aside(lesson)
        yield from until_done(learning)
        watch.take_lesson(learning.result())
    watch.keep_memory(upkept.journal.keep_noise)
