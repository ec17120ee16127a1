"""Quantity on a command line, such as `1mA` or `20 uS`."""

from __future__ import annotations

from typing import Any

import click

from crosscal.core.quantities import parse_quantity


class QuantityValue(click.ParamType):
    """Turns a positive number with a prefix and unit into SI units.

    Args:
        unit: `S`, `V` or `A`.
    """

    name = "quantity"

    def __init__(self, unit: str) -> None:
        self._unit = unit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read and check; see `click.ParamType.convert`."""
        try:
            number = parse_quantity(str(value), self._unit)
        except ValueError:
            number = 0.0
        if number <= 0:
            self.fail(f"{value!r}; allowed: more than 0, such as 1m{self._unit}", param, ctx)
        return number
