"""Share of a whole on a command line, such as `0.1%` or `1e-3`."""

from __future__ import annotations

import math
from typing import Any

import click


class Share(click.ParamType):
    """Turns a percentage, or a plain number, into a number between 0 and 1."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read and check; see `click.ParamType.convert`."""
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
        except ValueError:
            number = math.nan
        if not 0.0 < number < 1.0:
            self.fail(f"{value!r}; allowed: more than 0 and less than 1, such as 0.1% or 1e-3", param, ctx)
        return number
