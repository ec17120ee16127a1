"""Plan of a recalibration on a board: the vectors to measure, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.runtime.recalibration.vectors import InputWindow
from crosscal.runtime.recalibration.verification import FEWEST_VECTORS

_FIRST_BATCH = 8  # few, so that the next ones are soon designed for the cells that are known least
_GROWTH = 0.5
"""Of the vectors so far, in a batch: the last one measures at most half as many again as were needed."""


class Ending(StrEnum):
    """Reason why no more known vectors were measured."""

    ACCURATE = "accurate"
    NOISE = "noise"
    VECTORS = "vectors"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalibrationPlan:
    """Vectors to measure; validated on construction.

    Attributes:
        vectors: known vectors to learn from; the most of them where `until` or `time_s` may end earlier.
        verification: further vectors, drawn like ordinary inputs, to verify on.
        voltage_range_v: lowest and highest input [V].
        read_back: whether cells are read back first, where board and calibrator can.
        levels_v: the few values that inputs have [V], such as those of binary ones; None: any in the range.
        step_v: distance of the voltages that the board can drive [V]; None: any.
        until: root mean square error of reads, relative to the largest ideal current of the matrix, that is
            accurate enough: once it is predicted, no more is measured. None: all vectors are.
        time_s: seconds after which no more known vectors are begun, but for those to verify on; looked at
            every 16 vectors. None: any time.
    """

    vectors: int
    verification: int
    voltage_range_v: tuple[float, float]
    read_back: bool = True
    levels_v: tuple[float, ...] | None = None
    step_v: float | None = None
    until: float | None = None
    time_s: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("vectors", 1), ("verification", FEWEST_VECTORS)):
            if getattr(self, name) < least:
                raise InputError(
                    wanted(
                        got=f"{name} = {getattr(self, name)}",
                        allowed=f"{least} or more",
                        remedy="measure more vectors",
                    )
                )
        for name in ("until", "time_s"):
            given = getattr(self, name)
            if given is not None and not (np.isfinite(given) and given > 0.0):
                raise RangeError(
                    wanted(
                        got=f"{name} = {given}",
                        allowed="a number above 0",
                        remedy="leave it out to measure all vectors",
                    )
                )
        _ = self.window

    @property
    def total(self) -> int:
        """Vectors to measure in all, at most."""
        return self.vectors + self.verification

    @property
    def window(self) -> InputWindow:
        """Inputs that the board may be driven with."""
        low_v, high_v = self.voltage_range_v
        return InputWindow(low_v=low_v, high_v=high_v, levels_v=self.levels_v, step_v=self.step_v)

    def next_batch(self, measured: int) -> int:
        """Known vectors to measure before the readings are looked at again."""
        return min(max(_FIRST_BATCH, int(_GROWTH * measured)), self.vectors - measured)
