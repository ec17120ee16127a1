"""Upkeep of a board's calibration: verification, sentinels, recalibration, records.

All that measures is a job of small slices, so that clients are served in between. A job belongs to the matrix
that the board held when it began: whatever happens to that ends it, and leaves the calibration as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import (
    BoardConnectionError,
    BoardError,
    CrosscalError,
    DisturbedError,
    InputError,
    RangeError,
    ScpiError,
    wanted,
)
from crosscal.daemon.board_time import BoardTime
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.compiled import Compiled, same_target
from crosscal.daemon.drift_watch import DriftWatch, Finding
from crosscal.daemon.journal import Journal
from crosscal.daemon.known_vectors import KnownReadings, VectorReader, joined
from crosscal.daemon.settings import Drift
from crosscal.firmware_models import Hardware
from crosscal.firmware_models.scpi_errors import ScpiFault
from crosscal.runtime import ProgrammedCalibrator, informative_vectors
from crosscal.runtime.recalibration.verification import Verification, verify

logger = logging.getLogger(__name__)

VERIFIED_VECTORS = 8
"""Vectors of the verification before the first reads: 10 ms of a board, and 8 M readings to judge by."""
FRESH_VECTORS = 16
"""Vectors that a recalibration is verified on, as `crosscal recalibrate` has it."""
MOST_RATIO = 2.0
"""Error relative to the expected one from which a calibration is in doubt. Expected errors of unseen matrices
are right within a factor of 1.3 on the boards of the suite."""
UNREPAIRED_RATIO = 4.0
"""Error of a column, relative to the expected and to the median one, from which it is named as not repaired:
columns of phase-change cells differ by up to 3 in noise."""
WRONG_RATIO = 10.0
"""The same from which nothing is calibrated any more."""
UNKNOWN_ERROR = 0.02
"""Expected error relative to the largest current, of a kind that states none and was never recalibrated."""
RETRY_S = 60.0
"""After a job that could not be done: a lock of another client, a driver at its limit."""


def at_once(work: Callable[[], Any]) -> Future[Any]:
    """Compute here and now."""
    done: Future[Any] = Future()
    try:
        done.set_result(work())
    except CrosscalError as error:
        done.set_exception(error)
    return done


class KeptHardware(Hardware, Protocol):
    """Hardware with a matrix that can be asked for, and changes that can be noticed."""

    @property
    def target_s(self) -> Matrix | None:
        """The matrix that the board was told to hold [S]; None if it cannot tell."""
        ...

    def acknowledge(self) -> None:
        """Take the board as it is for known."""
        ...


@dataclass(slots=True)
class Condition:
    """What is known of the calibration at this moment.

    Attributes:
        compiled: in use; None if there is none for the matrix that the board holds.
        version: of the store; None before the first commit.
        doubt: evidence against it, for people; empty if there is none.
        usable: whether reads may be calibrated at all.
        verified_at_s: monotonic time of the last verification [s]; None if there was none.
        widening_a: deviation of columns that could not be repaired [A], (M,); None for none.
    """

    compiled: Compiled | None = None
    version: int | None = None
    doubt: str = "not verified yet"
    usable: bool = False
    verified_at_s: float | None = None
    widening_a: np.ndarray | None = None

    @property
    def programmed(self) -> ProgrammedCalibrator | None:
        """What reads are calibrated with; None if they cannot be."""
        return self.compiled.programmed if self.usable and self.compiled is not None else None


class Upkeep:
    """Keeps the calibration of one board; one thread owns it.

    Args:
        content: of the calibrator's file, for when the store has none yet.
        journal: records and alarms.
        settings: how closely to watch.
        clock: time.
        rng: draws vectors.
        aside: computes what takes long; in another thread, where clients are served meanwhile.
    """

    def __init__(
        self,
        content: bytes,
        journal: Journal,
        settings: Drift,
        *,
        clock: DaemonClock,
        rng: np.random.Generator,
        aside: Callable[[Callable[[], Any]], Future[Any]] = at_once,
    ) -> None:
        self.condition = Condition()
        self.watch: DriftWatch | None = None
        self.latest: Finding | None = None
        self.board_time: BoardTime | None = None
        self._content = content
        self._journal = journal
        self.settings = settings
        self._clock = clock
        self._rng = rng
        self._hardware: KeptHardware | None = None
        self._reader: VectorReader | None = None
        self._job: Iterator[None] | None = None
        self._job_name = ""
        self._due_s = 0.0
        self._retry_s = 0.0
        self._wanted = ""
        self._identity = ""
        self._loaded: Compiled | None = None
        self._aside = aside

    # The board comes and goes

    def attach(self, hardware: KeptHardware, identity: str) -> None:
        """Take a board, know its matrix, and verify the calibration.

        Raises:
            BoardError: from the board.
        """
        self._hardware, self._identity = hardware, identity
        self._reader = VectorReader(hardware, self._clock.monotonic)
        if self.board_time is None:
            rows = hardware.facts.rows
            start_s = (4 * rows + FRESH_VECTORS + VERIFIED_VECTORS) * self._reader.vector_s
            self.board_time = BoardTime(
                self.settings.board_share,
                monotonic=self._clock.monotonic,
                advance_s=2 * start_s,
                most_s=8 * start_s,
            )
        self.look_again("the board was connected")

    def detach(self, reason: str) -> None:
        """Give the board up; what it does from now on nobody knows."""
        self._drop_job()
        self._hardware = self._reader = None
        self._doubt(reason, usable=False)

    def look_again(self, reason: str) -> None:
        """Ask the board for its matrix, compile the calibrator for it, and verify it, before the next read.

        Raises:
            BoardError: from the board.
        """
        hardware = self._require_hardware()
        hardware.acknowledge()
        target_s = hardware.target_s
        if target_s is None:
            self._drop_job()
            self._doubt(f"{reason}; it cannot tell its matrix", usable=False)
            return
        self.new_matrix(target_s, reason)

    def new_matrix(self, target_s: Matrix, reason: str) -> None:
        """Compile the calibrator for a matrix and verify it on a few known vectors.

        Raises:
            BoardError: from the board.
        """
        self._drop_job()
        self.watch = None
        if not self._compile(target_s, reason):
            return
        self.condition.doubt, self.condition.usable = f"{reason}; not verified yet", True
        self._verify_now(reason)

    def programming_begins(self) -> None:
        """Calibrate nothing until the new matrix is there."""
        self._drop_job()
        self._doubt("the matrix is being programmed", usable=False)

    def _compile(self, target_s: Matrix, reason: str) -> bool:
        condition = self.condition
        before = condition.compiled
        try:
            content, version = self._journal.calibration(self._content)
            if (
                before is None
                or before.content != content
                or not same_target(before.programmed.conductance_s, target_s)
            ):
                condition.compiled = Compiled.of(content, target_s, like=self._loaded)
                self._loaded = condition.compiled
            condition.version, condition.widening_a = version, None
        except CrosscalError as error:
            condition.compiled = None
            self._doubt(f"{reason}; no calibration for its matrix: {error}", usable=False)
            self._alarm("uncalibrated", f"the matrix of the board cannot be calibrated: {error}")
            return False
        return True

    # Reads

    def unexplained(self, vectors: int) -> None:
        """Take reads that no inputs explain for evidence of drift; a sentinel looks at once."""
        logger.info("%d reads that no inputs explain", vectors)
        if self._due_s > self._clock.monotonic() and self._affordable(len(self._sentinel_vectors())):
            self._due_s = self._clock.monotonic()

    def feel(self) -> None:
        """Ask for the temperature, which costs no board time; when it has moved, the sentinels are due.

        Raises:
            BoardError: from the board.
        """
        temperature_c = self._temperature_c()
        if temperature_c is not None and self.watch is not None and self.watch.felt(temperature_c):
            self._due_s = min(self._due_s, self._clock.monotonic())

    # Slices of work

    @property
    def busy(self) -> str:
        """The job under way; empty if there is none."""
        return self._job_name if self._job is not None else ""

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
        if self._hardware is None:
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
        if self._hardware is None or self.condition.compiled is None:
            return -240 if self._hardware is None else 105
        self._verify_now("asked for")
        if self.condition.doubt:
            self._begin("recalibration", self._recalibrate("asked for", 2 * self._hardware.facts.rows))
            while self.step():
                feed()
        return 105 if self.condition.doubt else 0

    def go_back(self) -> None:
        """Take the version that a user asked to go back to."""
        taken = self._journal.take_rollback()
        if taken is None:
            return
        compiled = self.condition.compiled
        if compiled is not None and self._hardware is not None:
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
        if self._job is not None:
            logger.debug("%s ended", self._job_name)
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
        compiled, reader = self.condition.compiled, self._require_reader()
        if compiled is None:
            return
        programmed = compiled.programmed
        known = reader.read(self._ordinary_vectors(programmed, VERIFIED_VECTORS))
        self._spend(known)
        verification = verify(programmed, known.voltage_v, known.current_a)
        ratio = _ratio(verification)
        self.condition.usable = ratio < WRONG_RATIO
        data = {"ratio": ratio, "rms_error_a": verification.rms_a, "reason": reason}
        self._journal.event("verification", f"{reason}: errors {ratio:.2f} × the expected ones", data)
        if ratio <= MOST_RATIO:
            self._clear(verification)
        else:
            self._doubt(f"{reason}; errors are {ratio:.1f} × the expected ones", usable=ratio < WRONG_RATIO)
            self._wanted = reason

    def _clear(self, verification: Verification) -> None:
        """Take the calibration for verified, and watch it from now on."""
        self.condition.doubt, self.condition.usable = "", True
        self.condition.verified_at_s = self._clock.monotonic()
        self._wanted = ""
        self._commit_first(verification)
        compiled = self.condition.compiled
        if compiled is not None:
            now_s = self._clock.monotonic()
            self.watch = DriftWatch(
                compiled.programmed,
                self.settings,
                rng=self._rng,
                now_s=now_s,
                vector_s=self._require_reader().vector_s,
                temperature_c=self._temperature_c(),
                verified_nmse=_nmse(verification),
                before=self.watch,
            )
            self._due_s = now_s + self._interval_s()

    def _commit_first(self, verification: Verification) -> None:
        compiled = self.condition.compiled
        if self.condition.version is None and compiled is not None:
            self.condition.version = self._journal.commit(
                compiled.content, self._facts(compiled.programmed, "as trained", None, verification)
            )

    def _look(self) -> Iterator[None]:
        """Read the sentinels and test them for drift."""
        watch = self.watch
        if watch is None:
            self._verify_now("due")
            return
        parts: list[KnownReadings] = []
        for part in self._require_reader().slices(watch.voltage_v):
            parts.append(part)
            self._spend(part)
            yield
        known = joined(parts)
        self._require_cool(known)
        finding = self.latest = watch.take(known, self._temperature_c(), self._clock.monotonic())
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
        compiled, reader = self.condition.compiled, self._require_reader()
        if compiled is None:
            return
        programmed = compiled.programmed
        voltage_v = np.concatenate(
            [self._telling_vectors(programmed, vectors), self._ordinary_vectors(programmed, FRESH_VECTORS)]
        )
        parts: list[KnownReadings] = []
        for part in reader.slices(voltage_v):
            parts.append(part)
            self._spend(part)
            yield
        known = joined(parts)
        self._require_cool(known)
        learned = slice(0, vectors)
        learning = self._aside(
            lambda: programmed.recalibrated(
                voltage_v[learned], known.current_a[learned], usable=known.usable[learned]
            )
        )
        yield from _until_done(learning)
        better = learning.result()
        before = verify(programmed, voltage_v[vectors:], known.current_a[vectors:])
        after = verify(better, voltage_v[vectors:], known.current_a[vectors:])
        self._wanted = ""
        if not after.no_worse_than(before):
            self._keep(before, after)
            return
        facts = self._facts(better, reason, before, after) | {"vectors": vectors}
        renewing = self._aside(lambda: compiled.recalibrated(better, facts))
        yield from _until_done(renewing)
        renewed = renewing.result()
        version = self._journal.commit(renewed.content, facts)
        if version is None:
            # A full disk: the better calibration is used, and is lost with the daemon.
            logger.error("the recalibration could not be stored; it is in use until the daemon ends")
        self._content = renewed.content
        self.condition.compiled, self.condition.version = renewed, version or self.condition.version
        self._loaded = renewed
        self._widen(after)
        self._journal.event("recalibration", f"{reason}: {vectors} vectors", facts)
        self._clear(after)

    def _keep(self, before: Verification, after: Verification) -> None:
        """Keep the calibration in use: the new one is worse."""
        text = (
            f"a recalibration failed its verification ({after.rms_a:.3g} A, {before.rms_a:.3g} A before); "
            "the calibration stays as it was: look at the board"
        )
        self._retry_s = self._clock.monotonic() + max(RETRY_S, self._interval_s())
        self._alarm("verification failed", text)
        ratio = _ratio(before)
        if ratio > MOST_RATIO:
            self._doubt(text, usable=ratio < WRONG_RATIO)
            self._wanted = "after a recalibration that failed"

    def _widen(self, after: Verification) -> None:
        """State larger deviations for columns with errors beyond the expected ones, and name them."""
        self.condition.widening_a = None
        if after.expected_a is None:
            return
        by_column_a = np.sqrt(np.nanmean(after.error_a**2, axis=0))
        beyond = by_column_a > UNREPAIRED_RATIO * max(after.expected_a, float(np.nanmedian(by_column_a)))
        if beyond.any():
            self.condition.widening_a = np.where(beyond, by_column_a, 0.0)
            names = ", ".join(str(column + 1) for column in np.flatnonzero(beyond))
            self._alarm(
                "not repaired",
                f"columns {names} stay off after recalibration; their deviations are stated larger",
                {"columns": [int(column) + 1 for column in np.flatnonzero(beyond)]},
            )

    # Parts

    def _vectors_to_learn(self) -> int:
        """Choose K by the size of the drift, within what the board's time allows.

        Raises:
            InputError: it allows none at present.
        """
        reader, time = self._require_reader(), self.board_time
        affordable = 0 if time is None else int(time.balance_s / reader.vector_s)
        if self.watch is None:
            # Never verified: reads wait for it, whatever it takes.
            return min(2 * reader.hardware.facts.rows, max(affordable - FRESH_VECTORS, 8))
        return self.watch.vectors_to_learn(self.latest, affordable=affordable, verification=FRESH_VECTORS)

    def _affordable(self, vectors: int) -> bool:
        reader, time = self._reader, self.board_time
        return reader is not None and time is not None and time.balance_s >= vectors * reader.vector_s

    def _interval_s(self) -> float:
        low_s, high_s = self.settings.interval_s
        if self.watch is None:
            return low_s
        return min(max(self.watch.interval_s(self._clock.monotonic()), low_s), high_s)

    def _sentinel_vectors(self) -> np.ndarray:
        return np.empty((0, 0)) if self.watch is None else self.watch.voltage_v

    def _ordinary_vectors(self, programmed: ProgrammedCalibrator, count: int) -> np.ndarray:
        low_v, high_v = self._inputs(programmed)
        return self._rng.uniform(low_v, high_v, (count, programmed.shape[0]))

    def _telling_vectors(self, programmed: ProgrammedCalibrator, count: int) -> np.ndarray:
        low_v, high_v = self._inputs(programmed)
        if programmed.learns_cells:
            return informative_vectors(count, programmed.shape[0], low_v=low_v, high_v=high_v, rng=self._rng)
        # What a network answers to vectors unlike those it was trained on says little of all others.
        return self._ordinary_vectors(programmed, count)

    @staticmethod
    def _inputs(programmed: ProgrammedCalibrator) -> tuple[float, float]:
        if programmed.voltage_range_v is None:
            raise InputError(
                "got a calibrator whose file gives no range of inputs; train one (crosscal train)"
            )
        return programmed.voltage_range_v

    def _temperature_c(self) -> float | None:
        hardware = self._require_hardware()
        if "TEMP" not in hardware.facts.capabilities:
            return None
        temperature_c = hardware.temperature_c()
        return temperature_c if np.isfinite(temperature_c) else None

    def _require_cool(self, known: KnownReadings) -> None:
        if known.over_temperature:
            raise RangeError(
                wanted(
                    got="a board over its temperature limit, or a driver at its limit, while known vectors "
                    "were read",
                    allowed="readings without such complaints",
                    remedy="mend the cause; the calibration stays as it is",
                )
            )

    def _spend(self, known: KnownReadings) -> None:
        if self.board_time is not None:
            self.board_time.spend(known.board_s)

    def _facts(
        self,
        programmed: ProgrammedCalibrator,
        reason: str,
        before: Verification | None,
        after: Verification,
    ) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "reason": reason,
            "board": self._identity,
            "shape": list(programmed.shape),
            "level": str(programmed.level),
            "rms_error_after_a": after.rms_a,
            "expected_error_after_a": after.expected_a,
            "temperature_c": self._temperature_c(),
        }
        return facts if before is None else facts | {"rms_error_before_a": before.rms_a}

    def _doubt(self, text: str, *, usable: bool) -> None:
        if text != self.condition.doubt:
            logger.warning("calibration in doubt: %s", text)
        self.condition.doubt, self.condition.usable = text, usable

    def _alarm(self, kind: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        self._journal.alarm(kind, text, data)

    def _require_hardware(self) -> KeptHardware:
        if self._hardware is None:
            raise BoardConnectionError("the board is away")
        return self._hardware

    def _require_reader(self) -> VectorReader:
        if self._reader is None:
            raise BoardConnectionError("the board is away")
        return self._reader


def _nmse(verification: Verification) -> float:
    spread_a2 = verification.ideal_a.var(axis=0).mean()
    return float(np.nanmean(verification.error_a**2) / max(spread_a2, np.finfo(float).tiny))


def _until_done(work: Future[Any]) -> Iterator[None]:
    while not work.done():
        yield


def _ratio(verification: Verification) -> float:
    """Error relative to the one that is expected."""
    expected_a = verification.expected_a
    if expected_a is None:
        expected_a = UNKNOWN_ERROR * float(np.abs(verification.ideal_a).max())
    return verification.rms_a / max(expected_a, np.finfo(float).tiny)
