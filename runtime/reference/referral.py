"""Referral of readings to reference conditions, with its own error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from crosscal.core.array_types import Currents, Float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LawDeviations:
    """Standard deviations of a range's law as learned, independent of one another.

    Attributes:
        middle_a: mean reading of the comparison, in reference currents [A], (M,).
        at_middle_a: of the law there [A], (M,).
        gain: of its gain, which adds to that away from the middle, (M,).
    """

    middle_a: Float[np.ndarray, " columns"]
    at_middle_a: Float[np.ndarray, " columns"]
    gain: Float[np.ndarray, " columns"]

    @property
    def none(self) -> bool:
        """Whether the law is exact, as that of the reference range is."""
        return not (self.at_middle_a.any() or self.gain.any())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Referral:
    """Referral of readings of one range at one temperature; a function of measured currents [A], (B, M).

    Attributes:
        offset_a: [A], (M,), NaN for a column that is not known.
        gain: (M,).
        deviations: of the law.
        factor: of currents now relative to those that the reference conditions tell.
    """

    offset_a: Float[np.ndarray, " columns"]
    gain: Float[np.ndarray, " columns"]
    deviations: LawDeviations
    factor: float = 1.0

    @classmethod
    def unknown(cls) -> Self:
        """Return that of a range that is not known: NaN for every current."""
        nothing = np.zeros(1)
        exact = LawDeviations(middle_a=nothing, at_middle_a=nothing, gain=nothing)
        return cls(offset_a=np.full(1, np.nan), gain=np.ones(1), deviations=exact)

    def __call__(self, current_a: Currents) -> Currents:
        referred_a = (current_a - self.offset_a) / self.gain
        return referred_a if self.factor == 1.0 else referred_a / self.factor

    def deviation_a(self, referred_a: Currents) -> Currents | None:
        """Standard deviation of referred currents by the error of the law [A], (B, M); None for none."""
        law = self.deviations
        if law.none:
            return None
        beside_a = referred_a * self.factor - law.middle_a
        return np.hypot(law.at_middle_a, law.gain * beside_a) / np.abs(self.gain * self.factor)
