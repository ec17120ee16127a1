"""Programming of a matrix by the board's write-verify, and its report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.drivers.scpi.arrays import array_command
from crosscal.drivers.scpi.error_queue import Condition, failures_explained
from crosscal.drivers.scpi.format import read_list, whole
from crosscal.drivers.scpi.polling import PROGRAMMING, Clock, run_until_idle
from crosscal.drivers.scpi.reply import text_of
from crosscal.drivers.scpi.session import Session
from crosscal.drivers.settings import TARGET

START, STOP, RESULT = b":ARR:PROG", b":ARR:PROG:ABOR", b":ARR:PROG:RES?"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramReport:
    """Report of the board on a programming run.

    Attributes:
        cells_failed: cells outside the tolerance at their last verify reading.
        rms_relative_error: of the verify readings, failed cells included; NaN if the board has none.
        iterations: write-verify iterations used.
        conditions: queued by the board about the run, such as a stuck cell.
    """

    cells_failed: int
    rms_relative_error: float
    iterations: int
    conditions: tuple[Condition, ...] = ()


def program(session: Session, matrix: np.ndarray, clock: Clock) -> ProgramReport:
    """Send a checked target [S], (N, M), and program it; hold the session's lock.

    The wait has no end of its own: only the board knows how long a matrix takes, and its cap on iterations
    bounds it. A board that stops answering meanwhile is noticed.
    """
    session.exchange(*array_command(TARGET, matrix))
    conditions = run_until_idle(session, (START,), PROGRAMMING, clock=clock)
    with failures_explained(conditions):
        answer = session.exchange(RESULT)
    conditions += [*answer.earlier, *answer.conditions]
    failed, error, iterations = read_list(text_of(answer.elements[0]), 3)
    return ProgramReport(
        cells_failed=whole(failed),
        rms_relative_error=float(error),
        iterations=whole(iterations),
        conditions=tuple(dict.fromkeys(conditions)),
    )
