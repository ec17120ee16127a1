"""Board under upkeep: all that the jobs of its upkeep share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.core.array_types import Vectors
from crosscal.core.errors import BoardConnectionError, InputError
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.compiled import Compiled
from crosscal.daemon.upkeep.jobs.learning import Aside
from crosscal.daemon.upkeep.kept_board import KeptBoard
from crosscal.daemon.upkeep.kept_calibration import KeptCalibration
from crosscal.daemon.upkeep.known_inputs import graded_inputs
from crosscal.daemon.upkeep.schedule import Schedule
from crosscal.daemon.upkeep.watch.drift_watch import DriftWatch
from crosscal.daemon.upkeep.watch.finding import Finding
from crosscal.runtime.recalibration.verification import Verification


@dataclass(slots=True, kw_only=True, eq=False)
class Upkept:
    """A board, its calibration and its watch, with the means to keep them.

    Attributes:
        calibration: that reads go through.
        schedule: when jobs are due.
        journal: records and alarms.
        settings: how closely to watch.
        clock: time.
        rng: draws vectors.
        aside: computes what takes long.
        board: None while it is away.
        watch: over the verified calibration; None before the first verification of a matrix.
        latest: finding of the sentinels; None before the first.
    """

    calibration: KeptCalibration
    schedule: Schedule
    journal: Journal
    settings: Drift
    clock: DaemonClock
    rng: np.random.Generator
    aside: Aside
    board: KeptBoard | None = None
    watch: DriftWatch | None = None
    latest: Finding | None = None

    def require_board(self) -> KeptBoard:
        """Return the board.

        Raises:
            BoardConnectionError: it is away.
        """
        if self.board is None:
            raise BoardConnectionError("the board is away")
        return self.board

    def graded_inputs(self, full_a: float) -> Vectors:
        """Give inputs with currents from 0 up to a range [A].

        Raises:
            InputError: there is no calibrator for the matrix.
        """
        compiled = self.calibration.compiled
        if compiled is None:
            raise InputError(
                "got no calibrator for the matrix of the board; program one that it can calibrate"
            )
        return graded_inputs(compiled.programmed, full_a, self.rng)

    @property
    def interval_s(self) -> float:
        """Time to the next reading of the sentinels [s]."""
        low_s, high_s = self.settings.interval_s
        if self.watch is None:
            return low_s
        return min(max(self.watch.interval_s(self.clock.monotonic()), low_s), high_s)

    def facts(
        self, compiled: Compiled, reason: str, before: Verification | None, after: Verification
    ) -> dict[str, Any]:
        """Facts of a calibration, for the store.

        Args:
            compiled: the calibration.
            reason: for it.
            before, after: errors on vectors that it has not learned from, with the last one and with it; None
                where there was no last one.
        """
        board = self.require_board()
        facts: dict[str, Any] = {
            "reason": reason,
            "board": board.identity,
            "shape": list(compiled.programmed.shape),
            "level": str(compiled.programmed.level),
            "rms_error_after_a": after.rms_a,
            "expected_error_after_a": after.expected_a,
            "temperature_c": board.temperature_c(),
            **self.calibration.age.facts,
        }
        return facts if before is None else facts | {"rms_error_before_a": before.rms_a}
