"""Input coding: whole numbers as digits that digital-to-analogue converters apply one after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, wanted

BITS_MOST = 15
"""Inputs travel as 16-bit integers."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One application of digits: bits `shift` to `shift + bits` of a number, counted `weight` times.

    Attributes:
        shift, bits: place and width of the digit.
        weight: factor of its sums.
        negative: whether the digit is taken of −x, and of x otherwise; numbers below 0 then count as 0.
        complement: whether x is in two's complement, so that numbers below 0 have digits too.
    """

    shift: int
    bits: int
    weight: float
    negative: bool = False
    complement: bool = False

    def digits(self, numbers: np.ndarray) -> np.ndarray:
        """Take the digits of whole numbers, any shape."""
        whole = numbers.astype(np.int32)
        if not self.complement:
            whole = np.maximum(-whole if self.negative else whole, 0)
        return (whole >> self.shift) & (2**self.bits - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCoding:
    """Digits of inputs.

    Unsigned inputs are applied digit by digit. Signed ones of 1-bit digits are in two's complement, and the
    plane of the sign counts negatively; of wider digits, the positive inputs are applied first and the
    negative ones after them, with one bit less each.

    Attributes:
        bits: of a whole number, with its sign if there is one.
        digit_bits: of one digit, the width of the converters.
        signed: whether there are inputs below 0.

    Raises:
        RangeError: a width that converters cannot have.
    """

    bits: int = 8
    digit_bits: int = 1
    signed: bool = False

    def __post_init__(self) -> None:
        least = 2 if self.signed else 1
        if not least <= self.bits <= BITS_MOST:
            got = f"inputs of {self.bits} bits"
            raise RangeError(
                wanted(got=got, allowed=f"{least} to {BITS_MOST}", remedy="choose another width")
            )
        if not 1 <= self.digit_bits <= self.bits:
            got = f"converters of {self.digit_bits} bits for inputs of {self.bits}"
            allowed = f"1 to {self.bits}"
            raise RangeError(wanted(got=got, allowed=allowed, remedy="choose another width with --dac"))

    @property
    def largest(self) -> int:
        """The largest whole number; the least is −largest, or 0."""
        return 2 ** (self.bits - 1) - 1 if self.signed else 2**self.bits - 1

    @property
    def widest(self) -> int:
        """The largest digit, applied as the whole read voltage."""
        return max(2**plane.bits - 1 for plane in self.planes())

    def power(self) -> np.ndarray:
        """Sum up the squares of each number's digits, times the squares of their weights: (numbers,).

        The first number is 0, or the least one where there are numbers below 0. Independent noise that is
        in proportion to each digit adds to a sum of all digits with this variance.
        """
        numbers = np.arange(-self.largest if self.signed else 0, self.largest + 1)
        return np.sum([(plane.weight * plane.digits(numbers)) ** 2 for plane in self.planes()], axis=0)

    def planes(self) -> tuple[Plane, ...]:
        """List the digits in the order of their application."""
        if self.signed and self.digit_bits == 1:
            top = self.bits - 1
            return tuple(
                Plane(k, 1, -(2.0**k) if k == top else 2.0**k, complement=True) for k in range(self.bits)
            )
        magnitude = self.bits - 1 if self.signed else self.bits
        shifts = range(0, magnitude, self.digit_bits)
        plain = [(k, min(self.digit_bits, magnitude - k), 2.0**k) for k in shifts]
        positive = tuple(Plane(*each) for each in plain)
        if not self.signed:
            return positive
        return positive + tuple(Plane(k, bits, -weight, negative=True) for k, bits, weight in plain)
