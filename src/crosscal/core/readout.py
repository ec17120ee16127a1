"""Currents of a batch of vectors with their status bits, read at once or in passes, rows in groups."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from crosscal.core.array_types import Currents, Float, StatusBits, Vectors
from crosscal.core.errors import RangeError, ReadingError, wanted


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


def row_groups(rows: int, passes: int) -> tuple[np.ndarray, ...]:
    """Divide rows into groups of about the same size, each spread over the whole height: indices from 0.

    Args:
        rows: of the array, N.
        passes: number of groups, P.

    Raises:
        RangeError: fewer than one pass, or more than rows.
    """
    if not 1 <= passes <= rows:
        raise RangeError(
            wanted(
                got=f"{passes} passes for {rows} rows",
                allowed=f"1 to {rows}",
                remedy="read in fewer passes, two or three in most cases",
            )
        )
    return tuple(np.arange(first, rows, passes) for first in range(passes))


def vectors_in_passes(voltage_v: Vectors, passes: int) -> Float[np.ndarray, "driven rows"]:
    """Drive the rows of each vector in groups: (B·P, N) vectors [V], the P passes of a vector in turn.

    Args:
        voltage_v: inputs [V], (B, N).
        passes: number of groups, P.
    """
    batch, rows = voltage_v.shape
    driven_v = np.zeros((batch, passes, rows))
    for p, group in enumerate(row_groups(rows, passes)):
        driven_v[:, p, group] = voltage_v[:, group]
    return driven_v.reshape(batch * passes, rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassReadout:
    """Currents of a batch that was read in passes.

    Attributes:
        readout: of all passes, the P of a vector in turn, (B·P, M).
        passes: P.
    """

    readout: Readout
    passes: int

    @property
    def current_a(self) -> Float[np.ndarray, "batch passes columns"]:
        """Measured column currents [A], (B, P, M); NaN where the amplifier gave no reading."""
        return self._stacked(self.readout.current_a)

    @property
    def status(self) -> np.ndarray:
        """`Status` bits of each current, (B, P, M)."""
        return self._stacked(self.readout.status)

    @property
    def usable(self) -> np.ndarray:
        """True where a reading may be used, (B, P, M)."""
        return self._stacked(self.readout.usable)

    @property
    def range_a(self) -> float:
        """Full scale that the currents were taken in [A]."""
        return self.readout.range_a

    def require_usable(self) -> Float[np.ndarray, "batch passes columns"]:
        """Return the currents, or refuse them as `Readout.require_usable` does.

        Raises:
            ReadingError: some readings are over range or without a working amplifier.
        """
        return self._stacked(self.readout.require_usable())

    def _stacked(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, self.passes, values.shape[-1])
