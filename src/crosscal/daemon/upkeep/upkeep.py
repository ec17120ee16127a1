"""Upkeep of a board's calibration: verification, sentinels, recalibration, records.

All that measures is a job of small slices, so that clients are served in between. A job belongs to the matrix
that the board held when it began: whatever happens to that ends it, and leaves the calibration as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import (
    BoardConnectionError,
    BoardError,
    CrosscalError,
    DisturbedError,
    InputError,
    ScpiError,
)
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import Drift
from crosscal.daemon.upkeep.board_time import BoardTime
from crosscal.daemon.upkeep.compiled import Compiled, same_target
from crosscal.daemon.upkeep.condition import Condition, KeptHardware
from crosscal.daemon.upkeep.drift_watch import DriftWatch, Finding
from crosscal.daemon.upkeep.judgement import (
    MOST_RATIO,
    WRONG_RATIO,
    error_ratio,
    relative_error,
    unrepaired,
)
from crosscal.daemon.upkeep.kept_board import KeptBoard
from crosscal.daemon.upkeep.known_inputs import ordinary_inputs
from crosscal.daemon.upkeep.known_vectors import joined
from crosscal.daemon.upkeep.learning import FRESH_VECTORS, Aside, Learned, at_once, learn, until_done
from crosscal.daemon.upkeep.matrix_age import MatrixAge
from crosscal.daemon.upkeep.staleness import Staleness
from crosscal.firmware_models.scpi_errors import ScpiFault
from crosscal.runtime import Calibrator
from crosscal.runtime.recalibration.verification import Verification, verify

logger = logging.getLogger(__name__)

VERIFIED_VECTORS = 8
"""Vectors of the verification before the first reads: 10 ms of a board, and 8 M readings to judge by."""
RETRY_S = 60.0
"""After a job that could not be done: a lock of another client, a driver at its limit."""
COMMIT_S = 6 * 3600.0
"""Between two commits of calibrations that were learned anew before reads: versions stay for good, and one
that differs from the last by slow noise alone is worth no room."""


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
        self.condition = Condition()
        self.settings = settings
        self.watch: DriftWatch | None = None
        self.latest: Finding | None = None
        self.board_time: BoardTime | None = None
        self._calibrator, self._journal, self._clock = calibrator, journal, clock
        self._rng, self._aside = rng, aside
        self._age = MatrixAge(clock)
        self._staleness: Staleness | None = None
        self._board: KeptBoard | None = None
        self._job: Iterator[None] | None = None
        self._job_name = ""
        self._due_s = self._retry_s = 0.0
        self._committed_s = -np.inf
        self._wanted = ""

    # The board comes and goes

    def attach(self, hardware: KeptHardware, identity: str) -> None:
        """Take a board, know its matrix, and verify the calibration.

        Raises:
            BoardError: from the board.
        """
        self._board = KeptBoard(
            hardware, identity, clock=self._clock, time=self.board_time, share=self.settings.board_share
        )
        self.board_time = self._board.time
        self.look_again("the board was connected")

    def detach(self, reason: str) -> None:
        """Give the board up; what it does from now on nobody knows."""
        self._drop_job()
        self._board = None
        self._doubt(reason, usable=False)

    def look_again(self, reason: str) -> None:
        """Ask the board for its matrix, compile the calibrator for it, and verify it, before the next read.

        Raises:
            BoardError: from the board.
        """
        hardware = self._require_board().hardware
        hardware.acknowledge()
        target_s = hardware.target_s
        if target_s is None:
            self._drop_job()
            self._doubt(f"{reason}; it cannot tell its matrix", usable=False)
            return
        self.new_matrix(target_s, reason)

    def new_matrix(self, target_s: Matrix, reason: str, *, written: bool = False) -> None:
        """Compile the calibrator for a matrix and verify it on a few known vectors.

        Args:
            target_s: the matrix [S], (N, M).
            reason: for people.
            written: whether it was programmed just now.

        Raises:
            BoardError: from the board.
        """
        self._drop_job()
        self.watch = None
        if not self._compile(target_s, reason, written=written):
            return
        if written:
            self._take_read_back()
        self.condition.doubt, self.condition.usable = f"{reason}; not verified yet", True
        self._verify_now(reason)

    def programming_begins(self) -> None:
        """Calibrate nothing until the new matrix is there."""
        self._drop_job()
        self._doubt("the matrix is being programmed", usable=False)

    def _compile(self, target_s: Matrix, reason: str, *, written: bool) -> bool:
        condition = self.condition
        before = condition.compiled
        same = before is not None and same_target(before.programmed.conductance_s, target_s)
        try:
            content, version = self._journal.calibration(self._calibrator.content)
            if before is None or before.content != content or not same:
                condition.compiled = Compiled.of(content, target_s, like=self._calibrator)
                self._calibrator = condition.compiled.calibrator
            condition.version, condition.widening_a = version, None
        except CrosscalError as error:
            condition.compiled = None
            self._doubt(f"{reason}; no calibration for its matrix: {error}", usable=False)
            self._journal.alarm("uncalibrated", f"the matrix of the board cannot be calibrated: {error}")
            return False
        if written or not same:
            compiled = condition.compiled
            self._age.begin(None if written or compiled is None else compiled.facts_of(target_s))
        condition.learned_at_s = None
        return True

    def _take_read_back(self) -> None:
        """Let the calibration know what the board measures of its cells, where both can.

        Raises:
            BoardError: from the board.
        """
        compiled, hardware = self.condition.compiled, self._require_board().hardware
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

    # Reads

    def unexplained(self, vectors: int) -> None:
        """Take reads that no inputs explain for evidence of drift; a sentinel looks at once."""
        logger.info("%d reads that no inputs explain", vectors)
        now_s, board, watch = self._clock.monotonic(), self._board, self.watch
        if board is not None and watch is not None and board.affordable >= len(watch.voltage_v):
            self._due_s = min(self._due_s, now_s)

    def feel(self) -> None:
        """Ask for the temperature, which costs no board time; when it has moved, the sentinels are due.

        Raises:
            BoardError: from the board.
        """
        temperature_c = self._require_board().temperature_c()
        if temperature_c is not None and self.watch is not None and self.watch.felt(temperature_c):
            self._due_s = min(self._due_s, self._clock.monotonic())

    def prepare_read(self, feed: Callable[[], object]) -> None:
        """Learn anew before a read, where the calibration is stale and the board's time allows it.

        A client that reads all the time waits for this once in a while, within the share of board time; one
        that reads after a pause gets currents as good as they can be.

        Args:
            feed: called between slices.

        Raises:
            BoardError: from the board.
        """
        vectors = self._vectors_to_refresh()
        if not vectors or self._job_name == "recalibration":
            return
        self._begin("recalibration", self._refresh(vectors))
        while self.step():
            feed()

    def _vectors_to_refresh(self) -> int:
        """Choose how many vectors to learn from before a read; 0 for none."""
        board, condition = self._board, self.condition
        if not self.settings.before_reads or board is None or condition.programmed is None:
            return 0
        stale = self._wanted or self._learned_age_s > self._stale_after(board).after_s
        if not stale or self._clock.monotonic() < self._retry_s:
            return 0
        # Half of what there is stays for sentinels and for drift.
        wishes = (4 * condition.programmed.shape[0], 2 * condition.programmed.shape[0])
        return next((each for each in wishes if 2 * (each + FRESH_VECTORS) <= board.affordable), 0)

    @property
    def _learned_age_s(self) -> float:
        """Seconds since the calibration learned from known vectors, or need not have; infinite if never."""
        at_s = self.condition.learned_at_s
        return np.inf if at_s is None else self._clock.monotonic() - at_s

    def _stale_after(self, board: KeptBoard) -> Staleness:
        if self._staleness is None:
            least = 2 * board.hardware.facts.rows + FRESH_VECTORS
            self._staleness = Staleness(least * board.vector_s / self.settings.board_share)
        return self._staleness

    # Slices of work

    @property
    def busy(self) -> str:
        """The job under way; empty if there is none."""
        return self._job_name

    @property
    def age_s(self) -> float | None:
        """Seconds since the calibration was verified; None if it never was."""
        at_s = self.condition.verified_at_s
        return None if at_s is None else max(0.0, self._clock.monotonic() - at_s)

    def step(self) -> bool:
        """Do one slice of what is due; True while more of it is left.

        Raises:
            BoardConnectionError: the board was lost.
        """
        if self._board is None:
            return False
        if self._job is None:
            self._begin_due()
        if self._job is None:
            return False
        try:
            next(self._job)
        except StopIteration:
            self._drop_job()
        except (BoardConnectionError, DisturbedError, ScpiError, ScpiFault, CrosscalError) as error:
            self._drop_job()
            self._end_badly(error)
        return self._job is not None

    @property
    def next_due_s(self) -> float:
        """Monotonic time of the next slice [s]."""
        return max(self._retry_s, 0.0 if self._wanted else self._due_s)

    def calibrate(self, feed: Callable[[], object]) -> int:
        """Verify, and recalibrate if the evidence asks for it; 0, or the code of an error.

        Args:
            feed: called between slices.
        """
        self._drop_job()
        if self._board is None or self.condition.compiled is None:
            return -240 if self._board is None else 105
        self._verify_now("asked for")
        if self.condition.doubt:
            self._begin("recalibration", self._recalibrate("asked for", 2 * self._board.hardware.facts.rows))
            while self.step():
                feed()
        return 105 if self.condition.doubt else 0

    def go_back(self) -> None:
        """Take the version that a user asked to go back to."""
        taken = self._journal.take_rollback()
        if taken is None:
            return
        compiled = self.condition.compiled
        if compiled is not None and self._board is not None:
            # Compiled anew: what it has learned since its commit is to be left behind too.
            self.condition.compiled = None
            self.new_matrix(compiled.programmed.conductance_s, f"went back to version {taken}")

    def _begin_due(self) -> None:
        now_s = self._clock.monotonic()
        if self.condition.compiled is None or now_s < self._retry_s:
            return
        if self._wanted:
            try:
                vectors = self._vectors_to_learn()
            except InputError as error:
                self._retry_s = now_s + RETRY_S
                self._journal.event("postponed", str(error))
                return
            self._begin("recalibration", self._recalibrate(self._wanted, vectors))
        elif now_s >= self._due_s:
            self._begin("sentinels", self._look())

    def _begin(self, name: str, job: Iterator[None]) -> None:
        self._job, self._job_name = job, name

    def _drop_job(self) -> None:
        self._job, self._job_name = None, ""

    def _end_badly(self, error: Exception) -> None:
        """Go on after a job that could not be done.

        Raises:
            BoardConnectionError: the board was lost.
        """
        if isinstance(error, DisturbedError):
            self.look_again("another client changed the board")
        elif isinstance(error, BoardError) and not isinstance(error, ScpiError):
            # Garbled, timed out, gone: all the same, the board is to be identified again.
            raise BoardConnectionError(str(error)) from error
        else:
            self._retry_s = self._clock.monotonic() + RETRY_S
            self._journal.event("postponed", f"known vectors could not be read: {error}")

    # Jobs

    def _verify_now(self, reason: str) -> None:
        """Measure a few known vectors and judge the calibration by them."""
        compiled, board = self.condition.compiled, self._require_board()
        if compiled is None:
            return
        programmed = compiled.programmed
        known = board.read(ordinary_inputs(programmed, VERIFIED_VECTORS, self._rng))
        verification = verify(programmed, known.voltage_v, known.current_a)
        ratio = error_ratio(verification)
        data = {"ratio": ratio, "rms_error_a": verification.rms_a, "reason": reason}
        self._journal.event("verification", f"{reason}: errors {ratio:.2f} × the expected ones", data)
        if ratio <= MOST_RATIO:
            self._clear(verification)
        else:
            self._doubt(f"{reason}; errors are {ratio:.1f} × the expected ones", usable=ratio < WRONG_RATIO)
            self._wanted = reason

    def _clear(self, verification: Verification) -> None:
        """Take the calibration for verified, and watch it from now on."""
        now_s, condition = self._clock.monotonic(), self.condition
        condition.doubt, condition.usable, condition.verified_at_s = "", True, now_s
        if condition.learned_at_s is None:
            condition.learned_at_s = now_s
        self._wanted = ""
        compiled, board = condition.compiled, self._require_board()
        if compiled is None:
            return
        if condition.version is None:
            facts = self._facts(compiled, "as trained", None, verification)
            condition.version = self._journal.commit(compiled.content, facts)
        self.watch = DriftWatch(
            compiled.programmed,
            self.settings,
            rng=self._rng,
            now_s=now_s,
            vector_s=board.vector_s,
            temperature_c=board.temperature_c(),
            verified_nmse=relative_error(verification),
            before=self.watch,
        )
        self._due_s = now_s + self._interval_s()

    def _look(self) -> Iterator[None]:
        """Read the sentinels and test them for drift."""
        watch, board = self.watch, self._require_board()
        if watch is None:
            self._verify_now("due")
            return
        parts = []
        for part in board.read_in_slices(watch.voltage_v):
            parts.append(part)
            yield
        finding = self.latest = watch.take(joined(parts), board.temperature_c(), self._clock.monotonic())
        self._journal.sentinel(finding, self.condition.version)
        if finding.text:
            self._doubt(finding.text, usable=True)
            self._journal.event("drift", finding.text, finding.data)
            self._wanted = finding.text
        else:
            self.condition.verified_at_s = self._clock.monotonic()
        self._due_s = self._clock.monotonic() + self._interval_s()

    def _recalibrate(self, reason: str, vectors: int) -> Iterator[None]:
        """Learn from known vectors, verify on others, and commit; else keep what is in use."""
        compiled = self.condition.compiled
        if compiled is None:
            return
        learned = yield from self._learn(compiled, vectors)
        self._wanted = ""
        if not learned.after.no_worse_than(learned.before):
            self._keep(learned)
            return
        yield from self._adopt(compiled, learned, reason)
        self._clear(learned.after)

    def _refresh(self, vectors: int) -> Iterator[None]:
        """Learn anew before a read; without any drift, few of these calibrations are committed."""
        compiled, board, age_s = self.condition.compiled, self._require_board(), self._learned_age_s
        if compiled is None:
            return
        learned = yield from self._learn(compiled, vectors)
        self.condition.learned_at_s = self._clock.monotonic()
        self._stale_after(board).take(age_s, learned.before, learned.after)
        if not learned.after.no_worse_than(learned.before):
            if error_ratio(learned.before) > MOST_RATIO:
                self._keep(learned)
            return
        due = self._clock.monotonic() - self._committed_s >= COMMIT_S
        if self._wanted or due or error_ratio(learned.before) > MOST_RATIO:
            yield from self._adopt(compiled, learned, self._wanted or "before a read")
        else:
            self.condition.compiled = compiled.carrying(learned.programmed)
            self._widen(learned.after)
        self._clear(learned.after)

    def _learn(self, compiled: Compiled, vectors: int) -> Any:
        return learn(
            self._require_board(),
            compiled.programmed,
            vectors,
            age_s=self._age.age_s,
            rng=self._rng,
            aside=self._aside,
        )

    def _adopt(self, compiled: Compiled, learned: Learned, reason: str) -> Iterator[None]:
        """Commit what was learned, and use it."""
        facts = self._facts(compiled.carrying(learned.programmed), reason, learned.before, learned.after)
        facts |= {"vectors": learned.vectors}
        renewing = self._aside(lambda: compiled.recalibrated(learned.programmed, facts))
        yield from until_done(renewing)
        renewed = renewing.result()
        version = self._journal.commit(renewed.content, facts)
        if version is None:
            # A full disk: the better calibration is used, and is lost with the daemon.
            logger.error("the recalibration could not be stored; it is in use until the daemon ends")
        self._calibrator = renewed.calibrator
        self.condition.compiled, self.condition.version = renewed, version or self.condition.version
        self.condition.learned_at_s = self._committed_s = self._clock.monotonic()
        self._widen(learned.after)
        self._journal.event("recalibration", f"{reason}: {learned.vectors} vectors", facts)

    def _keep(self, learned: Learned) -> None:
        """Keep the calibration in use: the new one is worse."""
        text = (
            f"a recalibration failed its verification ({learned.after.rms_a:.3g} A, "
            f"{learned.before.rms_a:.3g} A before); the calibration stays as it was: look at the board"
        )
        self._retry_s = self._clock.monotonic() + max(RETRY_S, self._interval_s())
        self._journal.alarm("verification failed", text)
        ratio = error_ratio(learned.before)
        if ratio > MOST_RATIO:
            self._doubt(text, usable=ratio < WRONG_RATIO)
            self._wanted = "after a recalibration that failed"

    def _widen(self, after: Verification) -> None:
        """State larger deviations for columns with errors beyond the expected ones, and name them."""
        self.condition.widening_a = widening_a = unrepaired(after)
        if widening_a is not None:
            columns = [int(column) + 1 for column in np.flatnonzero(widening_a)]
            names = ", ".join(map(str, columns))
            self._journal.alarm(
                "not repaired",
                f"columns {names} stay off after recalibration; their deviations are stated larger",
                {"columns": columns},
            )

    # Parts

    def _vectors_to_learn(self) -> int:
        """Choose K by the size of the drift, within what the board's time allows.

        Raises:
            InputError: it allows none at present.
        """
        board = self._require_board()
        if self.watch is None:
            # Never verified: reads wait for it, whatever it takes.
            return min(2 * board.hardware.facts.rows, max(board.affordable - FRESH_VECTORS, 8))
        return self.watch.vectors_to_learn(
            self.latest, affordable=board.affordable, verification=FRESH_VECTORS
        )

    def _interval_s(self) -> float:
        low_s, high_s = self.settings.interval_s
        if self.watch is None:
            return low_s
        return min(max(self.watch.interval_s(self._clock.monotonic()), low_s), high_s)

    def _facts(
        self, compiled: Compiled, reason: str, before: Verification | None, after: Verification
    ) -> dict[str, Any]:
        board = self._require_board()
        facts: dict[str, Any] = {
            "reason": reason,
            "board": board.identity,
            "shape": list(compiled.programmed.shape),
            "level": str(compiled.programmed.level),
            "rms_error_after_a": after.rms_a,
            "expected_error_after_a": after.expected_a,
            "temperature_c": board.temperature_c(),
            **self._age.facts,
        }
        return facts if before is None else facts | {"rms_error_before_a": before.rms_a}

    def _doubt(self, text: str, *, usable: bool) -> None:
        if text != self.condition.doubt:
            logger.warning("calibration in doubt: %s", text)
        self.condition.doubt, self.condition.usable = text, usable

    def _require_board(self) -> KeptBoard:
        if self._board is None:
            raise BoardConnectionError("the board is away")
        return self._board
