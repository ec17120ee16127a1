"""Verification of the calibration in use, on known vectors like those of users."""

from __future__ import annotations

from crosscal.core.errors import ReadingError
from crosscal.daemon.upkeep.judgement import error_ratio, in_doubt, relative_error, wrong
from crosscal.daemon.upkeep.known_inputs import ordinary_inputs
from crosscal.daemon.upkeep.upkept import Upkept
from crosscal.daemon.upkeep.watch.drift_watch import DriftWatch
from crosscal.runtime.recalibration.verification import Verification, verify

VERIFIED_VECTORS = 8
"""Vectors of the verification before the first reads: 10 ms of a board, and 8 M readings to judge by."""


def verify_now(upkept: Upkept, reason: str) -> None:
    """Measure a few known vectors, and judge the calibration by them.

    Where amplifiers give no readings there is nothing to judge by, and nothing that a read could be
    calibrated from: that is an alarm, and looked at again.

    Raises:
        BoardError: from the board.
    """
    compiled, board = upkept.calibration.compiled, upkept.require_board()
    if compiled is None:
        return
    programmed = compiled.programmed
    known = board.read(ordinary_inputs(programmed, VERIFIED_VECTORS, upkept.rng))
    try:
        verification = verify(programmed, known.voltage_v, known.current_a)
    except ReadingError as error:
        take_as_unreadable(upkept, error)
        return
    ratio = error_ratio(verification)
    data = {"ratio": ratio, "rms_error_a": verification.rms_a, "reason": reason}
    upkept.journal.event("verification", f"{reason}: errors {ratio:.2f} × the expected ones", data)
    if in_doubt(verification):
        text = f"{reason}; errors are {ratio:.1f} × the expected ones"
        upkept.calibration.doubt(text, usable=not wrong(verification), error_ratio=ratio)
        upkept.schedule.wanted = reason
    else:
        take_as_verified(upkept, verification)


def take_as_unreadable(upkept: Upkept, error: ReadingError) -> None:
    """Calibrate nothing on a board that is there but gives no readings to calibrate; verify again later."""
    upkept.calibration.doubt(f"no readings to calibrate: {error}", usable=False)
    upkept.watch = None
    upkept.schedule.wanted = ""
    upkept.schedule.look_in(upkept.interval_s)
    upkept.journal.alarm("readings", f"readings of the board cannot be calibrated: {error}")


def take_as_verified(upkept: Upkept, verification: Verification) -> None:
    """Take the calibration for verified, and watch it from now on; the first one is committed.

    Raises:
        BoardError: from the board.
    """
    calibration, board = upkept.calibration, upkept.require_board()
    calibration.verified()
    upkept.schedule.wanted = ""
    compiled = calibration.compiled
    if compiled is None:
        return
    if calibration.condition.version is None:
        calibration.commit_first(compiled, upkept.facts(compiled, "as trained", None, verification))
    upkept.watch = DriftWatch(
        compiled.programmed,
        upkept.settings,
        rng=upkept.rng,
        now_s=upkept.clock.monotonic(),
        vector_s=board.vector_s,
        temperature_c=board.temperature_c(),
        verified_nmse=relative_error(verification),
        before=upkept.watch,
        memory=None if upkept.watch else upkept.journal.noise(compiled.programmed.conductance_s),
    )
    upkept.schedule.look_in(upkept.interval_s)
