"""The linear part of a prediction as sums of whole numbers, in which nothing is rounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp, ldexp

from crosscal.firmware_models.c_calibrator.c_text import (
    double_array,
    float_literal,
    integer_array,
    padded,
    single,
)

_INPUT_BITS = 29
"""Of a standardised input and its sign: the way from one bound to the other still fits 32 bits on top."""
_WEIGHT_BITS = 30  # of a coefficient: it fits 32 with its sign
_SUM_BITS = 62  # of a sum with a reading: it fits 64 with its sign
_REACH = 64
"""Readings beyond so many times the largest that inputs cause are taken for that large: none is explained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactSums:
    """Inputs, coefficients and currents as whole numbers.

    Attributes:
        bounds: least and most of a standardised input. input_places: its binary places.
        weights: coefficients, (N, M). weight_places: their binary places.
        per_ampere: units of a sum, (M,). origins: a reading at inputs of 0, with and without the channels'
            offsets, (M,) each. reach_a: largest magnitude of a reading that is told apart from others [A].
    """

    bounds: tuple[float, float]
    input_places: int
    weight_places: int
    weights: list[list[int]]
    per_ampere: list[float]
    origins: tuple[list[int], list[int]]
    reach_a: float

    @property
    def places(self) -> int:
        """Binary places of a sum."""
        return self.input_places + self.weight_places

    @classmethod
    def of(
        cls,
        first: Sequence[Sequence[float]],
        *,
        bounds: tuple[float, float],
        constant: Sequence[float],
        scale: Sequence[float],
        shifts_a: tuple[Sequence[float], Sequence[float]],
        limit_a: float,
    ) -> ExactSums:
        """Choose as many binary places as 64 bits hold.

        Args:
            first: coefficients of inputs in scaled currents, (N, M). bounds: least and most of an input.
            constant: of scaled currents, (M,). scale: from ampere to these, (M,).
            shifts_a: taken off currents before that, with and without the channels' offsets [A], (M,) each.
            limit_a: of readings [A].

        Raises:
            RangeError: no numbers of single precision.
        """
        for values in (*first, constant, scale, *shifts_a):
            for value in values:
                single(value)
        columns, most = range(len(constant)), max(map(abs, bounds))
        own = max(abs(constant[m]) + most * sum(abs(row[m]) for row in first) for m in columns)
        shifted = max(abs(shift[m] * scale[m]) for shift in shifts_a for m in columns)
        largest_scale = max(map(abs, scale))
        reach_a = single(min(limit_a, _REACH * (own + shifted) / largest_scale))
        largest = own + shifted + reach_a * largest_scale
        input_places = _INPUT_BITS - frexp(most)[1]
        weight_places = min(
            _WEIGHT_BITS - frexp(max(abs(value) for row in first for value in row))[1],
            _SUM_BITS - input_places - frexp(largest)[1],
        )
        places = input_places + weight_places
        with_offsets, without = (
            [round(ldexp(constant[m] + shift_a[m] * scale[m], places)) for m in columns]
            for shift_a in shifts_a
        )
        return cls(
            bounds=bounds,
            input_places=input_places,
            weight_places=weight_places,
            weights=[[round(ldexp(value, weight_places)) for value in row] for row in first],
            per_ampere=[ldexp(value, places) for value in scale],
            origins=(with_offsets, without),
            reach_a=reach_a,
        )

    def text(self) -> str:
        """Write them in C."""
        least, most = self.bounds
        units = {
            "REACH_A": self.reach_a,
            "PER_INPUT": 2.0**self.input_places,
            "INPUT_UNIT": 2.0**-self.input_places,
            "WEIGHT_UNIT": 2.0**-self.weight_places,
            "CURRENT_UNIT": 2.0**-self.places,
            "SPAN": most - least,
        }
        whole = {"LEAST_WHOLE": least, "MOST_WHOLE": most}
        columns = padded(len(self.per_ampere))
        weights = [value for row in self.weights for value in (*row, *[0] * (columns - len(row)))]
        return "\n".join(
            [
                *(f"#define NAME_{name} {float_literal(value)}" for name, value in units.items()),
                *(f"#define NAME_{name} {round(ldexp(z, self.input_places))}" for name, z in whole.items()),
                integer_array("int32_t", "first", weights),
                double_array("per_ampere", self.per_ampere),
                integer_array("int64_t", "origin", self.origins[0]),
                integer_array("int64_t", "origin_without_offsets", self.origins[1]),
            ]
        )
