"""A layer of a network in whole numbers: weights of 16 bits, each unit with binary places of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp

from crosscal.core.errors import RangeError, wanted
from crosscal.firmware_models.c_calibrator.c_text import integer_array, padded

Q15 = 15  # binary places of a number of 16 bits between -1 and 1
SUM_PLACES = 20
"""Binary places of a unit's sum: 32 bits then reach to 2048, and rounding is a tenth of Q15's."""

_SUM_BITS = 30  # of products, and of the bias: together they fit 32 with a sign
_MOST_SHIFT = 62  # of a number of 64 bits with a sign


def places_of(largest: float) -> int:
    """Binary places with which a number of that size still fits 16 bits."""
    return Q15 - frexp(largest * (1.0 + 2.0**-Q15))[1] if largest > 0.0 else Q15


@dataclass(frozen=True, slots=True, kw_only=True)
class Q15Layer:
    """A layer of a network; units are filled up to a multiple of 4.

    Attributes:
        weights: a row for each unit. biases: with `SUM_PLACES`.
        common_shift: binary places that all sums have too many, so many that the rest fits 32 bits.
        shifts: what each unit has on top.
    """

    weights: list[list[int]]
    biases: list[int]
    common_shift: int
    shifts: list[int]

    @classmethod
    def of(
        cls, weights: Sequence[Sequence[float]], biases: Sequence[float], *, inputs: int, places: int
    ) -> Q15Layer:
        """Round a layer.

        Args:
            weights: a row for each unit. biases: one for each.
            inputs: that the layer before has, filled up; below 1 in size if `places` is `Q15`.
            places: binary places of the inputs.

        Raises:
            RangeError: weights or biases too large for 32 bits.
        """
        units = padded(len(biases))
        rows = [[*row, *[0.0] * (inputs - len(row))] for row in weights]
        rows += [[0.0] * inputs] * (units - len(rows))
        exponents = [min(places_of(max(map(abs, row))), _MOST_SHIFT + SUM_PLACES - places) for row in rows]
        whole = [[round(value * 2**e) for value in row] for row, e in zip(rows, exponents, strict=True)]
        shifts = [e + places - SUM_PLACES for e in exponents]
        largest = max(sum(map(abs, row)) for row in whole) * 2**places
        common = max(0, largest.bit_length() - _SUM_BITS) if places == Q15 else 0
        filled = [*biases, *[0.0] * (units - len(biases))]
        if min(shifts) < common or max(map(abs, filled)) >= 2 ** (_SUM_BITS - SUM_PLACES):
            raise RangeError(
                wanted(
                    got=f"a weight of {max(max(map(abs, row)) for row in rows):.3g} and a bias of "
                    f"{max(map(abs, filled)):.3g}",
                    allowed="a unit's sum below 1000 in fixed point",
                    remedy="export without --fixed-point",
                )
            )
        return cls(
            weights=whole,
            biases=[round(bias * 2**SUM_PLACES) for bias in filled],
            common_shift=common,
            shifts=[shift - common for shift in shifts],
        )

    @property
    def units(self) -> int:
        """Units, filled up."""
        return len(self.biases)

    @property
    def inputs(self) -> int:
        """Numbers in a row."""
        return len(self.weights[0])

    @property
    def constant_bytes(self) -> int:
        """Size of the arrays."""
        return self.units * (2 * self.inputs + 1 + 4)

    def arrays(self, index: int) -> str:
        """Write weights, shifts and biases."""
        return (
            integer_array("int16_t", f"weight_{index}", [value for row in self.weights for value in row])
            + integer_array("int8_t", f"shift_{index}", self.shifts)
            + integer_array("int32_t", f"bias_{index}", self.biases)
        )
