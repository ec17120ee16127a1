"""Reference conditions of a board, and the laws that refer readings of each of its current ranges to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

from crosscal.core.errors import InputError
from crosscal.runtime.reference.range_law import RangeLaw
from crosscal.runtime.reference.referral import Referral
from crosscal.runtime.reference.temperature_slopes import ColumnSlopes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceConditions:
    """Laws of the ranges that are known, by index; the first one learned is the reference.

    Attributes:
        laws: of the ranges that are known.
    """

    laws: Mapping[int, RangeLaw] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "laws", MappingProxyType(dict(self.laws)))

    @property
    def reference_index(self) -> int | None:
        """The range that all others are referred to; None before any reading."""
        return next(iter(self.laws), None)

    def with_law(self, range_index: int, law: RangeLaw) -> Self:
        """Return them with another range known."""
        return replace(self, laws={**self.laws, range_index: law})

    def with_slopes(self, range_index: int, slopes: ColumnSlopes) -> Self:
        """Return them with other slopes of a range."""
        return self.with_law(range_index, self.laws[range_index].with_slopes(slopes))

    def pivoted(self, range_index: int, temperature_c: float | None) -> Self:
        """Return the law of the range that a calibration has just learned in; it is the reference now.

        What was known of the others held for the calibration before, and for offsets of its time.

        Args:
            range_index: of a law.
            temperature_c: new slopes turn about it [°C]; None where the board reports none.
        """
        return replace(self, laws={range_index: self.laws[range_index].pivoted(temperature_c)})

    def referral(self, range_index: int, temperature_c: float | None) -> Referral:
        """Give the function that refers readings to the reference conditions.

        Args:
            range_index: their range.
            temperature_c: of the board; None where it reports none.

        Returns:
            Function of measured currents [A], (B, M): NaN where the range, or a column of it, is not known.
        """
        law = self.laws.get(range_index)
        return Referral.unknown() if law is None else law.referral(temperature_c)

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values for the store, the reference first."""
        return [{"range_index": at, **law.to_json()} for at, law in self.laws.items()]

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Read the list that `to_json` gave.

        Raises:
            InputError: it is something else.
        """
        try:
            return cls(laws={int(entry["range_index"]): RangeLaw.from_json(entry) for entry in document})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"got reference conditions that are none ({error}); allowed: what to_json gave"
            ) from error
