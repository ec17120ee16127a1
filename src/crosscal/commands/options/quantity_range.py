"""Ranges of a quantity on a command line, such as `2uS:20uS` or `-0.2V:0.2V`."""

from __future__ import annotations

import math
from typing import Any

import click

from crosscal.core.quantities import parse_quantity


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
