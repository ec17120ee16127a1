"""Patterns of board names of a suite on a command line, separated by commas, with completion."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from crosscal.commands.options.calibrator_list import complete_last


class BoardPatterns(click.ParamType):
    """Turns `64x64*,wires-6` into a tuple of patterns; a shell completes names of boards."""

    name = "patterns"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split; see `click.ParamType.convert`."""
        del param, ctx
        return value if isinstance(value, tuple) else tuple(part.strip() for part in str(value).split(","))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the last pattern by the names of the suite's boards."""
        del param
        from crosscal.commands.suite.boards import load_suite

        return complete_last(incomplete, (board.name for board in load_suite(ctx.params.get("table")).boards))
