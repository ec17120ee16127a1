"""Quantities as people write them, such as `20uS`, `-0.2 V` or `20e-6`."""

from __future__ import annotations

import math
import re
from decimal import Decimal

# Of the SI, with both letters that are written for micro.
PREFIXES = {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "k": 1e3}

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)")


def parse_quantity(text: str, unit: str) -> float:
    """Read a number with an optional SI prefix and unit.

    Args:
        text: such as `20uS`, `20 µS` or `20e-6`.
        unit: `S`, `V` or `A`.

    Raises:
        ValueError: it is of another form, of another unit or not finite.
    """
    match = _NUMBER.fullmatch(text.strip())
    suffix = match[2].strip() if match else ""
    prefix = suffix.removesuffix(unit)
    if match is None or prefix not in PREFIXES or (prefix and prefix == suffix):
        raise ValueError(f"{text!r} is no quantity in {unit}")
    # In decimals, so that 20uS is 20e-6 S to the last bit.
    value = float(Decimal(match[1]) * Decimal(str(PREFIXES[prefix])))
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value
