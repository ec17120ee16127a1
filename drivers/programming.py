"""A matrix into the array by the board's write-verify, and what it reports of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.drivers.arrays import array_command
from crosscal.drivers.error_queue import Condition
from crosscal.drivers.reply import text_of
from crosscal.drivers.scpi_format import read_list, whole
from crosscal.drivers.session import Session
from crosscal.drivers.waiting import PROGRAMMING, Pace, run_to_end

TARGET = b":ARR:COND:TARG"
START, STOP, RESULT = b":ARR:PROG", b":ARR:PROG:ABOR", b":ARR:PROG:RES?"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramReport:
    """What the board reports of a programming run.

    Attributes:
        cells_failed: cells outside the tolerance at their last verify reading.
        rms_relative_error: of the verify readings, failed cells included; NaN if the board has none.
        iterations: write-verify iterations used.
        conditions: what the board queued about the run, such as a stuck cell.
    """

    cells_failed: int
    rms_relative_error: float
    iterations: int
    conditions: tuple[Condition, ...] = ()


def program(session: Session, matrix: np.ndarray, pace: Pace) -> ProgramReport:
    """Send a checked target [S], (N, M), and program it; hold the session's lock.

    The wait has no end of its own: only the board knows how long a matrix takes, and its cap on iterations
    bounds it. A board that stops answering meanwhile is noticed.
    """
    session.exchange(*array_command(TARGET, matrix))
    conditions = run_to_end(session, (START,), PROGRAMMING, pace=pace)
    answer = session.exchange(RESULT)
    conditions += [*answer.earlier, *answer.conditions]
    failed, error, iterations = read_list(text_of(answer.elements[0]), 3)
    return ProgramReport(
        cells_failed=whole(failed),
        rms_relative_error=float(error),
        iterations=whole(iterations),
        conditions=tuple(dict.fromkeys(conditions)),
    )
