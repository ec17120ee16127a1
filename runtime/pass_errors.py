"""Errors of reading in passes, as training has learned them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from crosscal.core.errors import RangeError


@dataclass(frozen=True, slots=True, kw_only=True)
class PassErrors:
    """Errors of a number of passes beyond those that the surrogate expects, learned in training.

    Attributes:
        passes: P.
        variance: of the white noise that would err as much, of scaled currents.
        inflation: root mean square error relative to the deviation that the surrogate states.
    """

    passes: int
    variance: float
    inflation: float

    def __post_init__(self) -> None:
        if self.passes < 1 or not (0.0 <= self.variance < math.inf and 0.0 < self.inflation < math.inf):
            raise RangeError(
                f"got {self}; allowed: 1 pass or more, finite variance and inflation; export again"
            )
