"""Upkeep of a board's calibration: the jobs of its verification, its sentinels and its recalibration.

All that measures is a job of small slices, so that clients are served in between. A job belongs to the matrix
that the board held when it began: whatever happens to that ends it, and leaves the calibration as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import (
    BoardConnectionError,
    BoardError,
    CrosscalError,
    DisturbedError,
    ReadingError,
    ScpiError,
)
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.board_time import BoardTime
from crosscal.daemon.upkeep.condition import Condition, KeptHardware
from crosscal.daemon.upkeep.jobs.agenda import Agenda
from crosscal.daemon.upkeep.jobs.learning import Aside, at_once
from crosscal.daemon.upkeep.jobs.verifying import take_as_unreadable, verify_now
from crosscal.daemon.upkeep.kept_board import KeptBoard
from crosscal.daemon.upkeep.kept_calibration import KeptCalibration
from crosscal.daemon.upkeep.matrix_record import MatrixRecord
from crosscal.daemon.upkeep.schedule import Schedule
from crosscal.daemon.upkeep.upkept import Upkept
from crosscal.daemon.upkeep.watch.finding import Finding
from crosscal.firmware_models.scpi_errors import ScpiFault
from crosscal.runtime import Calibrator
from crosscal.runtime.reference.referral import Referral

logger = logging.getLogger(__name__)


class Upkeep:
    """Keeps the calibration of one board; one thread owns it.

    Args:
        calibrator: for when the store has none yet.
        journal: records and alarms.
        settings: how closely to watch.
        clock: time.
        rng: draws vectors.
        aside: computes what takes long; in another thread, where clients are served meanwhile.
    """

    def __init__(
        self,
        calibrator: Calibrator,
        journal: Journal,
        settings: Drift,
        *,
        clock: DaemonClock,
        rng: np.random.Generator,
        aside: Aside = at_once,
    ) -> None:
        self.board_time: BoardTime | None = None
        self._calibration = KeptCalibration(calibrator, journal, clock)
        self._schedule = Schedule(clock)
        self._upkept = Upkept(
            calibration=self._calibration,
            schedule=self._schedule,
            journal=journal,
            settings=settings,
            clock=clock,
            rng=rng,
            aside=aside,
        )
        self._agenda = Agenda(self._upkept)
        self._matrices = MatrixRecord(journal)

    # What others see

    @property
    def condition(self) -> Condition:
        """Knowledge of the calibration at this moment."""
        return self._calibration.condition

    @property
    def latest(self) -> Finding | None:
        """Finding of the sentinels; None before the first."""
        return self._upkept.latest

    @property
    def settings(self) -> Drift:
        """How closely it watches."""
        return self._upkept.settings

    @settings.setter
    def settings(self, settings: Drift) -> None:
        share_changed = settings.board_share != self.settings.board_share
        self._upkept.settings = settings
        if share_changed and self.board_time is not None:
            self.board_time.earn_share(settings.board_share)
            self._agenda.share_changed()
        if self._upkept.watch is not None:
            self._upkept.watch.watch_by(settings)
            self._schedule.look_within(self._upkept.interval_s)

    @property
    def busy(self) -> str:
        """The job under way; empty if there is none."""
        return self._agenda.busy

    @property
    def age_s(self) -> float | None:
        """Seconds since the calibration was verified; None if it never was."""
        return self._calibration.verified_age_s

    @property
    def next_due_s(self) -> float:
        """Monotonic time of the next slice [s]."""
        return self._schedule.next_due_s

    # The board comes and goes

    def attach(self, hardware: KeptHardware, identity: str) -> None:
        """Take a board, know its matrix, and verify the calibration.

        Raises:
            BoardError: from the board.
        """
        upkept = self._upkept
        upkept.board = KeptBoard(
            hardware,
            identity,
            clock=upkept.clock,
            time=self.board_time,
            share=self.settings.board_share,
            reference=self._calibration.reference,
            inputs=upkept.graded_inputs,
        )
        self.board_time = upkept.board.time
        self.look_again("the board was connected", unasked=True)

    def detach(self, reason: str) -> None:
        """Give the board up; what it does from now on nobody knows."""
        self._agenda.drop()
        self._upkept.board = None
        self._calibration.doubt(reason, usable=False)

    def look_again(self, reason: str, *, unasked: bool = False) -> None:
        """Ask the board for its matrix, compile the calibrator for it, and verify it, before the next read.

        Args:
            reason: for people.
            unasked: whether another matrix than before is an alarm, for no client can have programmed it;
                otherwise another client has changed the board.

        Raises:
            BoardError: from the board.
        """
        hardware = self._upkept.require_board().hardware
        hardware.acknowledge()
        if not unasked:
            # The cells may have been written anew.
            self._calibration.age.touch()
            self._upkept.watch = None
            self._upkept.journal.forget_noise()
        target_s = hardware.target_s
        if target_s is None:
            self._agenda.drop()
            self._calibration.doubt(f"{reason}; it cannot tell its matrix", usable=False)
            return
        self.new_matrix(target_s, reason, unasked=unasked)

    def new_matrix(
        self, target_s: Matrix, reason: str, *, written: bool = False, unasked: bool = False
    ) -> None:
        """Compile the calibrator for a matrix and verify it on a few known vectors.

        Args:
            target_s: the matrix [S], (N, M).
            reason: for people.
            written: whether it was programmed just now.
            unasked: as for `look_again`.

        Raises:
            BoardError: from the board.
        """
        self._agenda.drop()
        if written:
            self._upkept.journal.forget_noise()
        else:
            self.keep_noise()
        self._upkept.watch = None
        with self._matrices.noted(target_s, reason, self.condition, unasked=unasked):
            self._verify(target_s, reason, written=written)

    def _verify(self, target_s: Matrix, reason: str, *, written: bool) -> None:
        if not self._calibration.compile(target_s, reason, written=written):
            return
        if written:
            self._calibration.take_read_back(self._upkept.require_board().hardware)
        self._calibration.unverified(reason)
        verify_now(self._upkept, reason)

    @property
    def kept(self) -> str:
        """For people, the calibration that stays; the store's folder completes the sentence."""
        version = self.condition.version
        return "no calibration was committed to" if version is None else f"calibration {version} is in"

    def keep_noise(self) -> None:
        """Keep in the store what was learned of the board's noise: the next watch of its matrix goes on."""
        if self._upkept.watch is not None:
            self._upkept.watch.keep_memory(self._upkept.journal.keep_noise, due=1)

    def programming_begins(self, target_s: Matrix) -> None:
        """Calibrate nothing until the new matrix [S], (N, M), is there."""
        self._agenda.drop()
        self._matrices.expect(target_s)
        self._calibration.doubt("the matrix is being programmed", usable=False)

    # Reads

    def unexplained(self, vectors: int) -> None:
        """Take reads that no inputs explain for evidence of drift; a sentinel looks at once."""
        logger.info("%d reads that no inputs explain", vectors)
        board, watch = self._upkept.board, self._upkept.watch
        if board is not None and watch is not None and board.affordable >= len(watch.voltage_v):
            self._schedule.look_soon()

    def feel(self) -> None:
        """Ask for the temperature, which costs no board time; when it has moved, the sentinels are due.

        Raises:
            BoardError: from the board.
        """
        temperature_c = self._upkept.require_board().temperature_c()
        watch = self._upkept.watch
        if temperature_c is not None and watch is not None and watch.felt(temperature_c):
            self._schedule.look_soon()

    def refer(self, range_index: int) -> Referral:
        """Give the referral of readings in a range to the conditions that the calibration has learned in.

        Args:
            range_index: the range; an unknown one is compared with the reference first, in some 20 ms.

        Raises:
            BoardError: from the board.
        """
        if self.condition.programmed is None:
            return Referral.unknown()  # Nothing is calibrated.
        return self._upkept.require_board().refer(range_index)

    @property
    def foretold_deviation(self) -> float:
        """Standard deviation of readings, relative to them, by the ageing that is foretold for them."""
        return self._calibration.reference.factor_deviation

    def prepare_read(self, feed: Callable[[], object]) -> None:
        """Learn anew before a read, where the calibration is stale and the board's time allows it.

        A client that reads all the time waits for this once in a while, within the share of board time; one
        that reads after a pause gets currents as good as they can be.

        Args:
            feed: called between slices.

        Raises:
            BoardError: from the board.
        """
        if self._agenda.begin_refreshment():
            self._run(feed)

    # Slices of work

    def drop_job(self) -> None:
        """End a job that has waited for too long: readings before the wait do not go with those after it."""
        if self.busy:
            logger.info("the %s begins anew: the board was in use meanwhile", self.busy)
            self._agenda.drop()

    def step(self) -> bool:
        """Do one slice of what is due; True while more of it is left.

        Raises:
            BoardConnectionError: the board was lost.
        """
        if self._upkept.board is None:
            return False
        try:
            return self._agenda.step()
        except (CrosscalError, ScpiFault) as error:
            self._end_badly(error)
            return False

    def calibrate(self, feed: Callable[[], object]) -> int:
        """Verify, and recalibrate if the evidence asks for it; 0, or the code of an error.

        Args:
            feed: called between slices.
        """
        self._agenda.drop()
        board = self._upkept.board
        if board is None or self.condition.compiled is None:
            return -240 if board is None else 105
        verify_now(self._upkept, "asked for")
        if self.condition.doubt:
            self._agenda.begin_recalibration("asked for", 2 * board.hardware.facts.rows)
            self._run(feed)
        return 105 if self.condition.doubt else 0

    def go_back(self) -> None:
        """Take the version that a user asked to go back to.

        Raises:
            BoardError: from the board.
        """
        taken = self._upkept.journal.take_rollback()
        compiled = self.condition.compiled
        if taken is None:
            return
        # Compiled anew: what it has learned since its commit is to be left behind too.
        self._calibration.go_back()
        if compiled is not None and self._upkept.board is not None:
            self.new_matrix(compiled.programmed.conductance_s, f"went back to version {taken}")

    def _run(self, feed: Callable[[], object]) -> None:
        while self.step():
            feed()

    def _end_badly(self, error: Exception) -> None:
        """Go on after a job that could not be done.

        Raises:
            BoardConnectionError: the board was lost.
        """
        if isinstance(error, DisturbedError):
            self.look_again("another client changed the board")
        elif isinstance(error, ReadingError):
            take_as_unreadable(self._upkept, error)
        elif isinstance(error, BoardError) and not isinstance(error, ScpiError):
            # Garbled, timed out, gone: all the same, the board is to be identified again.
            raise BoardConnectionError(str(error)) from error
        else:
            self._schedule.retry_in()
            self._upkept.journal.event("postponed", f"known vectors could not be read: {error}")
