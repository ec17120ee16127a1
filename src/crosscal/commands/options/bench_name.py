"""Name of a simulated board on a command line: a profile or a bench.toml, with completion."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem


class BenchName(click.ParamType):
    """Text that names a simulated board; a shell completes profiles and files."""

    name = "bench"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Leave the text as it is; see `click.ParamType.convert`."""
        del param, ctx
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List profiles, and let the shell add files."""
        del ctx, param
        from crosscal.simulated_bench import profile_names

        profiles = [CompletionItem(name) for name in profile_names() if name.startswith(incomplete)]
        return [*profiles, CompletionItem(incomplete, type="file")]


class BackendName(BenchName):
    """PyVISA backend; a shell completes `@py` and the simulated boards."""

    name = "backend"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List `@py`, and every profile as a backend."""
        del ctx, param
        from crosscal.simulated_bench import profile_names

        names = ["@py", *(f"{name}@crosscal" for name in profile_names())]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


backend_option = click.option(
    "--backend",
    type=BackendName(),
    metavar="NAME",
    help="PyVISA backend: @py, bench.toml@crosscal, …  [default: PyVISA's own]",
)
