"""Ranges of a quantity on a command line, such as `2uS:20uS` or `-0.2V:0.2V`."""

from __future__ import annotations

import math
import re
from typing import Any

import click

PREFIXES = {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "k": 1e3}

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)")


def parse_quantity(text: str, unit: str) -> float:
    """Read a number with an optional SI prefix and unit, such as `20uS`, `20 µS` or `20e-6`.

    Raises:
        ValueError: it is of another form, of another unit or not finite.
    """
    match = _NUMBER.fullmatch(text.strip())
    suffix = match[2].removesuffix(unit) if match else None
    if match is None or suffix not in PREFIXES or (suffix and not match[2].endswith(unit)):
        raise ValueError(f"{text!r} is no quantity in {unit}")
    value = float(match[1]) * PREFIXES[suffix]
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


class QuantityRange(click.ParamType):
    """Turns `LOW:HIGH` into two numbers in SI units, the lower one first.

    Args:
        unit: `S` or `V`.
        least: smallest number allowed.
    """

    name = "low:high"

    def __init__(self, unit: str, *, least: float = -math.inf) -> None:
        self._unit, self._least = unit, least

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Split and check; see `click.ParamType.convert`."""
        if isinstance(value, tuple):
            return value
        parts = str(value).split(":")
        example = "2uS:20uS" if self._unit == "S" else "-0.2V:0.2V"
        try:
            low, high = (parse_quantity(part, self._unit) for part in parts)
        except ValueError:
            self.fail(f"{value!r}; allowed: LOW:HIGH in {self._unit}, such as {example}", param, ctx)
        if not low < high or low < self._least:
            least = "" if self._least == -math.inf else f" and {self._least:g} {self._unit} or more"
            self.fail(f"{value!r}; allowed: a LOW below HIGH{least}, such as {example}", param, ctx)
        return low, high
