"""Acquisition in progress: vectors read in slices, in a range that suits them all."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from crosscal.firmware_models.hardware import Hardware, Reading
from crosscal.firmware_models.numeric import NOT_A_NUMBER

# Bits of the status of a reading (docs/remote_interface.md).
OVER_RANGE, UNDER_RESOLUTION, AMPLIFIER_FAULT, NOT_CALIBRATED = 1, 2, 4, 8

SLICE_VECTORS = 64
"""Read between two looks at other clients: on a 12×16 bench 2.7 ms; with 16 a sequence takes 2.5 times as
much time, with 1,024 two thirds of it, and others wait 23 ms (`python benchmarks/constants.py SLICE`)."""
_HEADROOM = 1.1
"""Of a range above the largest current. Insensitive between 1 and 1.5: of 200 acquisitions with a noise of
3 % of full scale none saturates, since a saturated one is read again in the next range; more room costs
resolution (`python benchmarks/constants.py HEADROOM`)."""


@dataclass(slots=True)
class Trace:
    """Results of the last acquisition, as far as they have come.

    Attributes:
        columns: currents of one vector.
        current_a: [A], points × columns; 9.91E37 where there is no reading.
        status: one byte per current.
        calibrated_a, uncalibrated: as of `Reading`; empty without group CAL.
    """

    columns: int
    current_a: array[float] = field(default_factory=lambda: array("d"))
    status: bytearray = field(default_factory=bytearray)
    calibrated_a: array[float] = field(default_factory=lambda: array("d"))
    uncalibrated: bytearray = field(default_factory=bytearray)

    @property
    def points(self) -> int:
        """Vectors read so far."""
        return len(self.status) // self.columns

    def extend(self, reading: Reading) -> None:
        """Append the readings of further vectors."""
        if _any(reading.status, AMPLIFIER_FAULT):
            self.current_a.extend(
                NOT_A_NUMBER if status & AMPLIFIER_FAULT else current
                for current, status in zip(reading.current_a, reading.status, strict=True)
            )
        else:
            self.current_a.extend(reading.current_a)
        self.status += reading.status
        self.calibrated_a.extend(reading.calibrated_a)
        self.uncalibrated += reading.uncalibrated

    def currents(self, first: int, last: int, *, calibrated: bool) -> array[float]:
        """Currents of points counted from 0, `last` not included, as a client asked for them."""
        values_a = self.calibrated_a if calibrated and self.uncalibrated else self.current_a
        return values_a[first * self.columns : last * self.columns]

    def status_bits(self, first: int, last: int, *, calibrated: bool) -> bytes:
        """Status of the same points; bit 3 is for clients that asked for calibrated currents."""
        piece = slice(first * self.columns, last * self.columns)
        if not (calibrated and self.uncalibrated):
            return bytes(self.status[piece])
        pairs = zip(self.status[piece], self.uncalibrated[piece], strict=True)
        return bytes(bits | NOT_CALIBRATED if doubtful else bits for bits, doubtful in pairs)


@dataclass(slots=True)
class Acquisition:
    """Reads some vectors; `step` does one slice.

    Auto-ranging starts in the present range and repeats the pass in a better one: the next higher while
    something saturates, then the lowest that still leaves headroom above the largest current.

    Attributes:
        hardware: the analogue side.
        voltage_v: voltages to drive, vectors × rows.
        range_index: range of the present pass, and of the result.
        auto_range: whether the range may change.
        aperture_s, averages, dwell_s: as the settings were when it began.
        trace: readings of the present pass.
        over_temperature, hardware_error, compliance: met in any slice.
    """

    hardware: Hardware
    voltage_v: array[float]
    range_index: int
    auto_range: bool
    aperture_s: float
    averages: int
    dwell_s: float
    trace: Trace = field(init=False)
    over_temperature: bool = field(default=False, init=False)
    hardware_error: bool = field(default=False, init=False)
    compliance: bool = field(default=False, init=False)
    _lowest_index: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.trace = Trace(self.hardware.facts.columns)

    def step(self) -> bool:
        """Read the next slice of vectors; False once the result stands."""
        rows = self.hardware.facts.rows
        first = self.trace.points * rows
        self._read(self.voltage_v[first : first + SLICE_VECTORS * rows])
        if self.trace.points * rows < len(self.voltage_v):
            return True
        return self.auto_range and self._change_range()

    def _read(self, voltage_v: array[float]) -> None:
        reading = self.hardware.measure(
            voltage_v,
            range_index=self.range_index,
            aperture_s=self.aperture_s,
            averages=self.averages,
            dwell_s=self.dwell_s,
        )
        self.trace.extend(reading)
        self.over_temperature |= reading.over_temperature
        self.hardware_error |= reading.hardware_error or _any(reading.status, AMPLIFIER_FAULT)
        self.compliance |= reading.compliance

    @property
    def not_calibrated(self) -> bool:
        """Whether some reading could not be calibrated."""
        return self.trace.uncalibrated.count(0) < len(self.trace.uncalibrated)

    @property
    def saturated(self) -> bool:
        """Whether some reading is over range."""
        return _any(self.trace.status, OVER_RANGE)

    def _change_range(self) -> bool:
        """Begin another pass in a better range; False if this one suits."""
        better = self._better_range()
        if better == self.range_index:
            return False
        self.range_index = better
        self.trace = Trace(self.trace.columns)
        return True

    def _better_range(self) -> int:
        ranges_a = self.hardware.facts.ranges_a
        last = len(ranges_a) - 1
        if self.saturated:
            # What saturated once is not tried again: noise could make the passes go up and down for ever.
            self._lowest_index = min(self.range_index + 1, last)
            return self._lowest_index
        largest_a = self._largest_current()
        fitting = (index for index, full_a in enumerate(ranges_a) if full_a >= _HEADROOM * largest_a)
        return max(self._lowest_index, min(next(fitting, last), self.range_index))

    def _largest_current(self) -> float:
        current_a = self.trace.current_a
        if self.hardware_error:
            # A broken amplifier's number is none.
            current_a = [
                a for a, s in zip(current_a, self.trace.status, strict=True) if not s & AMPLIFIER_FAULT
            ]
        return max(max(current_a), -min(current_a)) if current_a else 0.0


def _any(status: bytes | bytearray, bit: int) -> bool:
    """Whether some reading has a bit; most have none at all."""
    return status.count(0) < len(status) and any(map(bit.__and__, status))
