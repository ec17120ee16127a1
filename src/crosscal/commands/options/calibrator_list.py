"""Names of calibrators on a command line, separated by commas."""

from __future__ import annotations

from typing import Any

import click

from crosscal.training import calibrator_names


class CalibratorList(click.ParamType):
    """Turns `affine,structured` into a tuple of known names, each once, in the order given."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split and check; see `click.ParamType.convert`."""
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in str(value).split(",")))
        for name in names:
            if name not in calibrator_names():
                self.fail(f"{name!r}; allowed: {', '.join(calibrator_names())}", param, ctx)
        return names
