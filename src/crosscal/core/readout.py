"""Currents of a batch of vectors with their status bits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from crosscal.core.array_types import Currents, StatusBits
from crosscal.core.errors import ReadingError


class Status(IntFlag):
    """Bits of `FETCh:STATus?`, per column and vector."""

    OVER_RANGE = 1
    UNDER_RESOLUTION = 2
    AMPLIFIER_FAULT = 4
    UNCALIBRATED = 8


UNUSABLE = Status.OVER_RANGE | Status.AMPLIFIER_FAULT | Status.UNCALIBRATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """Currents of a batch, with the status of each.

    Attributes:
        current_a: measured column currents [A], (B, M); NaN where the amplifier gave no reading.
        status: `Status` bits of each current, (B, M).
        range_a: full scale the currents were taken in [A].
    """

    current_a: Currents
    status: StatusBits
    range_a: float

    @property
    def usable(self) -> np.ndarray:
        """True where a reading may be used, (B, M)."""
        return (self.status & int(UNUSABLE)) == 0

    def require_usable(self) -> Currents:
        """Return the currents, or refuse: a saturated or missing reading is not a number to go on with.

        Raises:
            ReadingError: some readings are over range or without a working amplifier.
        """
        usable = self.usable
        if usable.all():
            return self.current_a
        bad = ~usable
        where = f"columns {_counted(bad, over_axis=0)}"
        if len(bad) > 1:
            where += f"; vectors {_counted(bad, over_axis=1)}"
        fault = self._faults()
        raise ReadingError(
            f"got {int(bad.sum())} of {bad.size} readings {fault} ({where}; counted from 1, in the "
            f"{self.range_a:.3g} A range); allowed: readings inside the range; use a higher range or smaller "
            "inputs, or call read() to get the currents together with their status bits"
        )

    def _faults(self) -> str:
        names = {
            Status.UNCALIBRATED: "that cannot be calibrated",
            Status.AMPLIFIER_FAULT: "without a working amplifier",
            Status.OVER_RANGE: "over range",
        }
        met = [name for bit, name in names.items() if (self.status & int(bit)).any()]
        return " or ".join(met)


def _counted(bad: np.ndarray, *, over_axis: int, shown: int = 8) -> str:
    """Name the places with bad readings, counted from 1: the first of them, and the number of the others."""
    places = np.flatnonzero(bad.any(axis=over_axis)) + 1
    named = ", ".join(str(place) for place in places[:shown])
    return named if len(places) <= shown else f"{named} and {len(places) - shown} more"
