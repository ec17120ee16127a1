"""Record of the matrices that a board has held: each change is an event, one that nobody made an alarm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.daemon.journal import Journal
from crosscal.daemon.upkeep.compiled import digest_of
from crosscal.daemon.upkeep.condition import Condition

KIND = "matrix"
_DIGEST = "target_sha256"


class MatrixRecord:
    """Tells of another matrix than the one before, also before the last power cycle and the last start.

    Args:
        journal: records and alarms.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._before_s: Matrix | None = None
        self._expected = ""

    def expect(self, target_s: Matrix) -> None:
        """Note a matrix [S] that a client begins to program: with it the board may come back."""
        self._expected = digest_of(target_s)

    @contextmanager
    def noted(self, target_s: Matrix, reason: str, condition: Condition, *, unasked: bool) -> Iterator[None]:
        """Note the matrix that a board holds, and afterwards how its calibration was looked into.

        A matrix that a client has programmed is recorded first, whatever becomes of the look: it is no other
        one at the next connection. An alarm is recorded with the outcome: if the daemon ends in between, the
        next one raises it.

        Args:
            target_s: the matrix [S], (N, M).
            reason: of the look, for people.
            condition: of the calibration, as it will be after the look.
            unasked: whether no client has programmed it: the board came back with it.
        """
        digest = digest_of(target_s)
        known = self._journal.latest_data(KIND).get(_DIGEST)
        before_s, self._before_s = self._before_s, target_s
        if known == digest:
            yield
            return
        described, data = f"{reason}: {_described(target_s, before_s)}", {_DIGEST: digest}
        expected, self._expected = self._expected, ""
        alarming = unasked and known is not None and digest != expected
        if not alarming:
            self._journal.event(KIND, described, data)
        try:
            yield
        finally:
            outcome = _outcome(condition)
            if alarming:
                self._journal.event(KIND, f"{described}; {outcome}", data)
                self._journal.alarm(KIND, f"another matrix than before: {described}; {outcome}", data)
            else:
                self._journal.event(KIND, f"{reason}: {outcome}", data)


def _described(target_s: Matrix, before_s: Matrix | None) -> str:
    low_us, high_us = 1e6 * target_s.min(), 1e6 * target_s.max()
    targets = f"targets from {low_us:.4g} to {high_us:.4g} µS"
    if low_us == high_us:
        targets = f"one target for all cells, {low_us:.4g} µS, as after power-on"
    if before_s is None:
        return targets
    return f"{targets}, another one in {np.count_nonzero(target_s != before_s)} of {target_s.size} cells"


def _outcome(condition: Condition) -> str:
    if condition.programmed is None:
        return f"reads are not calibrated ({condition.doubt or 'no calibration for it'})"
    if condition.doubt:
        return f"the calibrator is compiled for it, and in doubt until it has learned ({condition.doubt})"
    return "the calibrator is compiled for it and verified with known vectors"
