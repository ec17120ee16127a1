"""Names of calibrators on a command line, separated by commas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

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

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the last name of the list."""
        del ctx, param
        return complete_last(incomplete, calibrator_names())


def complete_last(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    """Complete the last of several names with commas between; those given are not offered again."""
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in names
        if name.startswith(last) and name not in given
    ]
