"""Calibration of a board in memory and in the store: compiled, adopted, doubted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import CrosscalError
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.journal import Journal
from crosscal.daemon.upkeep.compiled import Compiled, same_target
from crosscal.daemon.upkeep.condition import Condition, KeptHardware
from crosscal.daemon.upkeep.kept_reference import KeptReference
from crosscal.daemon.upkeep.matrix_age import MatrixAge
from crosscal.runtime import Calibrator, ProgrammedCalibrator

logger = logging.getLogger(__name__)


class KeptCalibration:
    """Calibration that reads of one board go through.

    Args:
        calibrator: for when the store has none yet.
        journal: of the store.
        clock: time.

    Attributes:
        condition: knowledge of it at this moment.
        age: of the matrix.
        reference: conditions that it has learned in.
    """

    def __init__(self, calibrator: Calibrator, journal: Journal, clock: DaemonClock) -> None:
        self.condition = Condition()
        self.age = MatrixAge(clock)
        self.reference = KeptReference(self.age)
        self._calibrator, self._journal, self._clock = calibrator, journal, clock
        self._committed_s = -np.inf
        self._unstored: tuple[bytes, Mapping[str, Any]] | None = None

    @property
    def compiled(self) -> Compiled | None:
        """In use; None if there is none for the matrix that the board holds."""
        return self.condition.compiled

    @property
    def verified_age_s(self) -> float | None:
        """Seconds since it was verified; None if it never was."""
        at_s = self.condition.verified_at_s
        return None if at_s is None else max(0.0, self._clock.monotonic() - at_s)

    @property
    def learned_age_s(self) -> float:
        """Seconds since it learned from known vectors, or need not have; infinite if never."""
        at_s = self.condition.learned_at_s
        return np.inf if at_s is None else self._clock.monotonic() - at_s

    @property
    def committed_age_s(self) -> float:
        """Seconds since this daemon committed one that had learned; infinite if never."""
        return self._clock.monotonic() - self._committed_s

    def compile(self, target_s: Matrix, reason: str, *, written: bool) -> bool:
        """Compile the current calibration for a matrix; False if none of it can be calibrated.

        It is the store's, or a later one that the store does not take.

        Args:
            target_s: the matrix [S], (N, M).
            reason: for people.
            written: whether it was programmed just now.
        """
        condition = self.condition
        before = condition.compiled
        same = before is not None and same_target(before.programmed.conductance_s, target_s)
        self.store_again()
        try:
            content, version = self._journal.calibration(self._calibrator.content)
            if self._unstored is not None:
                content, version = self._unstored[0], condition.version
            if before is None or before.content != content or not same:
                condition.compiled = Compiled.of(content, target_s, like=self._calibrator)
                self._calibrator = condition.compiled.calibrator
            if version is not None and version != condition.version:
                self.reference.restore(self._journal.facts(version))
            condition.version, condition.widening_a = version, None
        except CrosscalError as error:
            condition.compiled = None
            self.doubt(f"{reason}; no calibration for its matrix: {error}", usable=False)
            self._journal.alarm("uncalibrated", f"the matrix of the board cannot be calibrated: {error}")
            return False
        if written or not same:
            compiled = condition.compiled
            known = None if written or compiled is None else compiled.facts_of(target_s)
            self.age.begin(known, written=written)
            if known is None:
                self.reference.new_matrix()
        condition.learned_at_s = None
        self.reference.new_vectors()
        return True

    def take_read_back(self, hardware: KeptHardware) -> None:
        """Learn the cells as the board reads them back, where both can.

        Raises:
            BoardError: from the board.
        """
        compiled = self.compiled
        if compiled is None or "READBACK" not in hardware.facts.capabilities:
            return
        programmed = compiled.programmed
        if not programmed.uses_read_backs:
            return
        read_back_s = np.array(hardware.read_conductance()).reshape(programmed.shape)
        try:
            self.condition.compiled = compiled.carrying(programmed.with_read_back(read_back_s))
        except CrosscalError as error:
            self._journal.event("read-back", f"what the board read back is not used: {error}")

    def commit_first(self, compiled: Compiled, facts: Mapping[str, Any]) -> None:
        """Commit the calibration in use, so that the store knows where its history begins."""
        self.condition.version = self._journal.commit(compiled.content, {**facts, **self.reference.facts})

    def commit(self, compiled: Compiled, facts: Mapping[str, Any]) -> None:
        """Commit a calibration that has learned, and use it.

        One that the store does not take, as with a full disk, is in use until the next one or the daemon's
        end, and stored when there is room.
        """
        self._unstored = compiled.content, {**facts, **self.reference.facts}
        self._calibrator = compiled.calibrator
        self.condition.compiled = compiled
        self._committed_s = self._clock.monotonic()
        if not self.store_again():
            logger.error("the calibration could not be stored; it is in use, and lost if the daemon ends now")

    def store_again(self) -> bool:
        """Commit a calibration that the store did not take, if there is one; whether none is left."""
        if self._unstored is None:
            return True
        version = self._journal.commit(*self._unstored)
        if version is None:
            return False
        self.condition.version, self._unstored = version, None
        return True

    def go_back(self) -> None:
        """Leave all behind that was learned or committed since the store's current version."""
        self.condition.compiled = self._unstored = None

    def unverified(self, reason: str) -> None:
        """Take it for good until its verification, which comes next."""
        self.condition.doubt, self.condition.usable = f"{reason}; not verified yet", True
        self.condition.wider = 1.0

    def verified(self) -> None:
        """Note that known vectors have just agreed with it."""
        condition, now_s = self.condition, self._clock.monotonic()
        condition.doubt, condition.usable, condition.verified_at_s = "", True, now_s
        condition.wider = 1.0
        if condition.learned_at_s is None:
            condition.learned_at_s = now_s

    def taught_nothing(self) -> None:
        """Note that known vectors have just taught it nothing better."""
        self.condition.learned_at_s = self._clock.monotonic()

    def learned(self, programmed: ProgrammedCalibrator, temperature_c: float | None) -> None:
        """Note that it has just become this one, by known vectors at a temperature."""
        self.condition.learned_at_s = self._clock.monotonic()
        self.reference.pivot(programmed.posterior, temperature_c)

    def doubt(self, text: str, *, usable: bool, error_ratio: float | None = None) -> None:
        """Note evidence against it.

        Args:
            text: for people.
            usable: whether reads may be calibrated at all meanwhile.
            error_ratio: errors relative to stated deviations, which grow by it; None leaves them.
        """
        if error_ratio is not None:
            self.condition.wider = max(1.0, error_ratio)
        if text != self.condition.doubt:
            logger.warning("calibration in doubt: %s", text)
        self.condition.doubt, self.condition.usable = text, usable
