"""Law of a board's temperature, as its training run tells: slopes of channels and of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Float, Matrix
from crosscal.core.errors import RangeError, ShapeError

LEAST_SPAN_C = 2.0
"""Between the coldest and the warmest matrix of a run, at least: a thermometer's noise is less, and a
laboratory's hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTemperature:
    """Scale of deviations where the temperature is known, relative to those of any in the run.

    A calibrator's deviations are learned over all temperatures of its run.

    Attributes:
        variance: of a reading about the calibrator's model.
        inflation: of the answers' deviations, beside that.
    """

    variance: float
    inflation: float

    def __post_init__(self) -> None:
        if not (0.0 < self.variance <= 1.0 and np.isfinite(self.inflation) and self.inflation > 0.0):
            raise RangeError(f"got {self}; allowed: a share of the variance, and a factor above 0")


ANY_TEMPERATURE = KnownTemperature(variance=1.0, inflation=1.0)
"""As learned over all temperatures."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TemperatureLaw:
    """Changes of a board's readings per degree; checked on construction.

    Attributes:
        reference_c: temperature that the calibrator holds at, the mean of its training run [°C].
        span_c: lowest and highest temperature of that run [°C].
        offset_per_c: of each column's offset, relative to full scale [1/°C], (M,).
        gain_per_c: relative change of each column's currents [1/°C], (M,).
        cell_per_c: relative change of a cell whose target lies `half_s` above `middle_s`, beside that [1/°C].
        middle_s, half_s: of the conductances trained on [S].
        known: scale of deviations where the temperature is known.
    """

    reference_c: float
    span_c: tuple[float, float]
    offset_per_c: Float[np.ndarray, " columns"]
    gain_per_c: Float[np.ndarray, " columns"]
    cell_per_c: float
    middle_s: float
    half_s: float
    known: KnownTemperature = ANY_TEMPERATURE

    def __post_init__(self) -> None:
        if self.offset_per_c.shape != self.gain_per_c.shape or self.offset_per_c.ndim != 1:
            raise ShapeError(
                f"got slopes of {self.offset_per_c.shape} offsets and {self.gain_per_c.shape} gains; "
                "allowed: (M,) of both"
            )
        numbers = [self.reference_c, self.span_c, self.offset_per_c, self.gain_per_c, self.cell_per_c]
        if not all(np.isfinite(each).all() for each in [*numbers, self.middle_s]) or not self.half_s > 0.0:
            raise RangeError(
                "got a law of temperature with numbers that are not finite; allowed: finite ones"
            )

    def change(self, target_s: Matrix, temperature_c: float) -> Float[np.ndarray, "columns unknowns"]:
        """Change of each column's unknowns from the reference to a temperature [°C], (M, N + 2).

        In the order of `ColumnPosterior`: offset, gain, each cell's own.
        """
        warmer_c = temperature_c - self.reference_c
        cells = self.cell_per_c * self.above_middle(target_s)
        return warmer_c * np.concatenate(
            [self.offset_per_c[:, None], self.gain_per_c[:, None], cells], axis=1
        )

    def above_middle(self, target_s: Matrix) -> Float[np.ndarray, "columns rows"]:
        """How far targets [S], (N, M), lie above the middle, relative to `half_s`, (M, N)."""
        return (target_s.T - self.middle_s) / self.half_s

    def to_json(self) -> dict[str, Any]:
        """Return the `temperature` key of the file's `cell_law`."""
        return {
            "reference_c": self.reference_c,
            "span_c": list(self.span_c),
            "offset_per_c": self.offset_per_c.tolist(),
            "gain_per_c": self.gain_per_c.tolist(),
            "cell_per_c": self.cell_per_c,
            "middle_s": self.middle_s,
            "half_s": self.half_s,
            "known_variance": self.known.variance,
            "known_inflation": self.known.inflation,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, columns: int) -> Self:
        """Read that key.

        Raises:
            ShapeError, RangeError: slopes of another array, or impossible numbers.
            KeyError, TypeError, ValueError: something is missing or of the wrong type.
        """
        low_c, high_c = document["span_c"]
        law = cls(
            reference_c=float(document["reference_c"]),
            span_c=(float(low_c), float(high_c)),
            offset_per_c=np.array(document["offset_per_c"], dtype=np.float64),
            gain_per_c=np.array(document["gain_per_c"], dtype=np.float64),
            cell_per_c=float(document["cell_per_c"]),
            middle_s=float(document["middle_s"]),
            half_s=float(document["half_s"]),
            known=KnownTemperature(
                variance=float(document.get("known_variance", 1.0)),
                inflation=float(document.get("known_inflation", 1.0)),
            ),
        )
        if law.offset_per_c.size != columns:
            raise ShapeError(f"got slopes of {law.offset_per_c.size} columns; allowed: {columns}")
        return law
