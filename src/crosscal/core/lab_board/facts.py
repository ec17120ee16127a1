"""Fixed facts of a board with a Python API, and the codes that its converters speak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, wanted


@dataclass(frozen=True, slots=True)
class ConverterCodes:
    """Linear scale between a converter's whole-number codes and SI values.

    Many boards of labs are driven and read in codes, such as 8 bits of which 50 to 246 are used.

    Attributes:
        first, last: smallest and largest code in use.
        at_first, at_last: their meaning [V] or [A]; the larger value may belong to the smaller code.
    """

    first: int
    last: int
    at_first: float
    at_last: float

    def __post_init__(self) -> None:
        if not self.first < self.last:
            raise _refused(f"codes {self.first} to {self.last}", "a first code below the last")
        if self.at_first == self.at_last or not np.isfinite([self.at_first, self.at_last]).all():
            raise _refused(f"values {self.at_first} and {self.at_last}", "two finite values that differ")

    @property
    def step(self) -> float:
        """Change of the value from one code to the next [V] or [A]."""
        return (self.at_last - self.at_first) / (self.last - self.first)

    def encode(self, value: np.ndarray) -> np.ndarray:
        """Round values to the nearest codes in use, int64 of the same shape."""
        codes = np.rint(self.first + (np.asarray(value) - self.at_first) / self.step)
        return np.clip(codes, self.first, self.last).astype(np.int64)

    def decode(self, code: np.ndarray) -> np.ndarray:
        """Turn codes into values [V] or [A], of the same shape; NaN stays NaN."""
        return self.at_first + (np.asarray(code, dtype=float) - self.first) * self.step


@dataclass(frozen=True, slots=True)
class PulseSchedule:
    """Pulses that write-verify tries on a cell, until its conductance is inside the tolerance.

    The voltage begins at `start_v`, rises by `step_v` with every pulse of the same polarity and begins anew
    when the cell has passed its target (incremental-step pulse programming).

    Attributes:
        start_v, step_v, stop_v: magnitudes [V].
        width_s: duration of each pulse [s].
        positive_raises: True if a positive pulse raises the conductance.
        sweeps: most pulses that one cell is given.
    """

    start_v: float = 0.5
    step_v: float = 0.05
    stop_v: float = 2.0
    width_s: float = 1e-6
    positive_raises: bool = True
    sweeps: int = 200

    def __post_init__(self) -> None:
        if not 0.0 < self.start_v <= self.stop_v < np.inf or not 0.0 <= self.step_v < np.inf:
            raise _refused(
                f"pulses from {self.start_v} V by {self.step_v} V to {self.stop_v} V",
                "0 < start_v ≤ stop_v and step_v ≥ 0",
            )
        if not 0.0 < self.width_s < np.inf or self.sweeps < 1:
            raise _refused(
                f"width_s = {self.width_s} with {self.sweeps} sweeps", "a width above 0 and 1 sweep or more"
            )


@dataclass(frozen=True, slots=True)
class LabBoardFacts:
    """Facts that never change while a board is powered; validated on construction.

    Attributes:
        identity: maker, model, serial number and firmware, by commas as far as they are known.
        shape: rows (inputs) and columns (outputs), (N, M).
        conductance_limits_s: smallest and largest conductance that a cell can be written to [S].
        full_scale_a: largest magnitude of a column's current that can be measured [A].
        voltage_limit_v: largest magnitude ever driven while reading [V].
        input_codes: scale of the input converters, if `read_currents` takes codes; volts if None.
        output_codes: scale of the output converters, if `read_currents` returns codes; amperes if None.
        pulses: schedule of write-verify, for boards that are written by `pulse`.
    """

    identity: str
    shape: tuple[int, int]
    conductance_limits_s: tuple[float, float]
    full_scale_a: float
    voltage_limit_v: float
    input_codes: ConverterCodes | None = None
    output_codes: ConverterCodes | None = None
    pulses: PulseSchedule = PulseSchedule()

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or not all(int(n) == n and n >= 1 for n in self.shape):
            raise _refused(f"shape {self.shape}", "(rows, columns), each 1 or more")
        # A list or numpy's numbers compare unequal to an array's shape.
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        low_s, high_s = self.conductance_limits_s
        if not 0.0 <= low_s < high_s < np.inf:
            raise _refused(f"conductance_limits_s {low_s} to {high_s} S", "0 ≤ low < high, in siemens")
        if high_s > 1.0:
            raise _refused(
                f"conductance_limits_s up to {high_s:g} S", "siemens: 100 µS are 100e-6, no cell reaches 1 S"
            )
        for name in ("full_scale_a", "voltage_limit_v"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise _refused(f"{name} = {getattr(self, name)}", "a finite number above 0")
        if self.full_scale_a > 10.0:
            raise _refused(f"full_scale_a = {self.full_scale_a:g} A", "amperes: 1 mA is 1e-3")


def _refused(got: str, allowed: str) -> RangeError:
    return RangeError(wanted(got=got, allowed=allowed, remedy="correct the board's facts"))
