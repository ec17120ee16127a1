"""Quarantine of columns that a recalibration could not repair."""

from __future__ import annotations

import numpy as np

from crosscal.daemon.journal import Journal
from crosscal.daemon.upkeep.condition import Condition
from crosscal.daemon.upkeep.judgement import unrepaired
from crosscal.runtime.recalibration.verification import Verification


def quarantine(condition: Condition, after: Verification, journal: Journal) -> None:
    """State larger deviations for columns with errors beyond the expected ones, and name them.

    Args:
        condition: of the calibration.
        after: its errors on vectors that it has not learned from.
        journal: for the alarm.
    """
    condition.widening_a = widening_a = unrepaired(after)
    if widening_a is None:
        return
    columns = [int(column) + 1 for column in np.flatnonzero(widening_a)]
    names = ", ".join(map(str, columns))
    journal.alarm(
        "not repaired",
        f"columns {names} stay off after recalibration; their deviations are stated larger",
        {"columns": columns},
    )
