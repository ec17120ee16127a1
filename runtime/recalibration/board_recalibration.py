"""Recalibration of the matrix that a board holds: measure known vectors, learn, and verify on others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import InputError
from crosscal.core.port import CrossbarPort
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.known_inputs import telling_vectors
from crosscal.runtime.recalibration.known_readings import KnownReadings, measured
from crosscal.runtime.recalibration.plan import Ending, RecalibrationPlan
from crosscal.runtime.recalibration.prediction import largest_ideal_a, predicted_error_a
from crosscal.runtime.recalibration.report import RecalibrationReport
from crosscal.runtime.recalibration.verification import Verification, verify
from crosscal.runtime.reference.reading_conditions import averages_of

_AS_GOOD_AS_KNOWN = 1.1
"""Predicted error relative to that with all cells known, below which more vectors help no more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoardRecalibration:
    """Result of a recalibration on a board.

    Attributes:
        calibrator: recalibrated; whether to use it is for `verified` to say.
        report: level of the posterior, and the readings behind it.
        before, after: errors on the verification vectors.
        vectors: known vectors that were measured.
        ending: why no more of them were.
        largest_ideal_a: largest ideal current that inputs can cause in the matrix [A].
        predicted: root mean square error predicted of reads, relative to that; None if it was not asked for.
        read_back: whether cells were read back, too.
        enough_averages: readings as trained on, averaged, beyond which more no longer pay; None if not known.
    """

    calibrator: ProgrammedCalibrator
    report: RecalibrationReport
    before: Verification
    after: Verification
    vectors: int
    ending: Ending
    largest_ideal_a: float
    predicted: float | None = None
    read_back: bool = False
    enough_averages: int | None = None

    @property
    def verified(self) -> bool:
        """Whether it is no worse than before, by more than the verification vectors can tell."""
        return self.after.no_worse_than(self.before)

    @property
    def accurate(self) -> bool:
        """Whether the accuracy that was asked for is predicted; True if none was."""
        return self.predicted is None or self.ending is Ending.ACCURATE


def recalibrate_on_board(
    port: CrossbarPort,
    programmed: ProgrammedCalibrator,
    plan: RecalibrationPlan,
    *,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> BoardRecalibration:
    """Recalibrate the matrix that a board holds.

    Where the board reads its cells back, and the calibrator knows how exactly, they are learned from that
    first. Known vectors are measured batch by batch, each designed to lower the error that those before it
    have left. Saturated and missing readings are left out and counted in the report. `programmed` stays as it
    is.

    Args:
        port: the board, holding the target that `programmed` was compiled for.
        programmed: its calibrator.
        plan: the measurements to make, and when to stop.
        rng: draws the vectors.
        progress: told after every few vectors how many of how many, at most, are measured.
        clock: seconds; counts from the call on.

    Raises:
        ReadingError: the board complains of compliance or temperature, or too few verification vectors could
            be read.
        ShapeError, RangeError, InputError: nothing can be learned from these vectors, see
            `ProgrammedCalibrator.recalibrated`; or an accuracy is asked for of a kind that cannot predict it.
        BoardError: from the board.
    """
    end_s = np.inf if plan.time_s is None else clock() + plan.time_s
    averages = averages_of(port, programmed.cell_law)
    if averages is not None:
        programmed = programmed.at(averages=averages)
    if plan.until is not None:
        # Refuses, before anything is measured, a kind that cannot predict.
        _ = programmed.linearised

    def late() -> bool:
        return clock() >= end_s

    def told(done: int) -> None:
        if progress is not None:
            progress(done, plan.total)

    read_back = plan.read_back and programmed.uses_read_backs and "READBACK" in port.capabilities
    informed = programmed.with_read_back(port.read_conductance()) if read_back else programmed
    known, better, ending, predicted = KnownReadings.none(programmed.shape), informed, None, None
    while ending is None:
        count = plan.next_batch(len(known)) if programmed.learns_cells else plan.vectors
        voltage_v = telling_vectors(better, count, window=plan.window, rng=rng)
        known = known.followed_by(measured(port, voltage_v, told, begun=len(known), late=late))
        better = known.learned_by(informed)
        predicted = _predicted(better, plan, rng)
        ending = _ending(better, plan, len(known), predicted, late=late(), rng=rng)
    fresh_v = plan.window.ordinary(plan.verification, programmed.shape[0], rng)
    fresh = measured(port, fresh_v, told, begun=len(known))
    if better.report is None:
        raise InputError("got a calibrator that reports nothing of its recalibration; allowed: one of ours")
    return BoardRecalibration(
        calibrator=better,
        report=better.report,
        before=verify(programmed, fresh_v, fresh.seen_a),
        after=verify(better, fresh_v, fresh.seen_a),
        vectors=len(known),
        ending=ending,
        largest_ideal_a=largest_ideal_a(programmed, plan.window),
        predicted=predicted,
        read_back=read_back,
        enough_averages=better.enough_averages(len(known)),
    )


def _predicted(
    programmed: ProgrammedCalibrator,
    plan: RecalibrationPlan,
    rng: np.random.Generator,
    *,
    cells_known: bool = False,
) -> float | None:
    """Predict the error of reads relative to the largest ideal current; None if no accuracy is asked for."""
    if plan.until is None:
        return None
    error_a = predicted_error_a(programmed, plan.window, rng=rng, cells_known=cells_known)
    return error_a / largest_ideal_a(programmed, plan.window)


def _ending(
    programmed: ProgrammedCalibrator,
    plan: RecalibrationPlan,
    vectors: int,
    predicted: float | None,
    *,
    late: bool,
    rng: np.random.Generator,
) -> Ending | None:
    """Tell why no more vectors are to be measured; None if more are."""
    if plan.until is not None and predicted is not None:
        if predicted <= plan.until:
            return Ending.ACCURATE
        least = _predicted(programmed, plan, rng, cells_known=True)
        if least is not None and plan.until < least and predicted < _AS_GOOD_AS_KNOWN * least:
            return Ending.NOISE
    if vectors >= plan.vectors:
        return Ending.VECTORS
    return Ending.TIME if late else None
