"""Refreshment of a stale calibration just before a read."""

from __future__ import annotations

from collections.abc import Iterator

from crosscal.daemon.upkeep.jobs.learning import FRESH_VECTORS
from crosscal.daemon.upkeep.jobs.quarantine import quarantine
from crosscal.daemon.upkeep.jobs.recalibrating import adopt, drop, learned_now
from crosscal.daemon.upkeep.jobs.verifying import take_as_verified
from crosscal.daemon.upkeep.judgement import in_doubt
from crosscal.daemon.upkeep.upkept import Upkept
from crosscal.daemon.upkeep.watch.staleness import Staleness

COMMIT_S = 6 * 3600.0
"""Between two commits of calibrations that were learned anew before reads: versions stay for good, and one
that differs from the last by slow noise alone is worth no room."""


class Refreshment:
    """Learns a calibration anew before reads, and how long one keeps.

    Args:
        upkept: the board and its calibration.
    """

    def __init__(self, upkept: Upkept) -> None:
        self._upkept = upkept
        self._staleness: Staleness | None = None

    @property
    def vectors(self) -> int:
        """Vectors to learn from before a read that comes now; 0 for none."""
        upkept = self._upkept
        board, calibration = upkept.board, upkept.calibration
        programmed = calibration.condition.programmed
        if not upkept.settings.before_reads or board is None or programmed is None:
            return 0
        stale = upkept.schedule.wanted or calibration.learned_age_s > self._stale_after.after_s
        if not stale or upkept.schedule.put_off:
            return 0
        # Half of what there is stays for sentinels and for drift.
        rows = programmed.shape[0]
        fitting = (each for each in (4 * rows, 2 * rows) if 2 * (each + FRESH_VECTORS) <= board.affordable)
        return next(fitting, 0)

    def refresh(self, vectors: int) -> Iterator[None]:
        """Learn anew; without any drift, few of these calibrations are committed.

        Raises:
            CrosscalError: nothing can be learned. BoardError: from the board.
        """
        upkept, calibration = self._upkept, self._upkept.calibration
        compiled, age_s = calibration.compiled, calibration.learned_age_s
        if compiled is None:
            return
        learned = yield from learned_now(upkept, compiled, vectors)
        self._stale_after.take(age_s, learned.before, learned.after)
        drifted = in_doubt(learned.before)
        reason, upkept.schedule.wanted = upkept.schedule.wanted, ""
        if not learned.after.no_worse_than(learned.before):
            calibration.taught_nothing()
            if reason or drifted:
                drop(upkept, learned)
            return
        if reason or drifted or calibration.committed_age_s >= COMMIT_S:
            yield from adopt(upkept, compiled, learned, reason or "before a read")
        else:
            calibration.learned(learned.programmed, upkept.require_board().felt_c)
            calibration.condition.compiled = compiled.carrying(learned.programmed)
            quarantine(calibration.condition, learned.after, upkept.journal)
        take_as_verified(upkept, learned.after)

    @property
    def _stale_after(self) -> Staleness:
        if self._staleness is None:
            board = self._upkept.require_board()
            least = 2 * board.hardware.facts.rows + FRESH_VECTORS
            self._staleness = Staleness(least * board.vector_s / self._upkept.settings.board_share)
        return self._staleness
