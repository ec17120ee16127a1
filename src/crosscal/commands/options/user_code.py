"""Option that lets settings files run code of the user's."""

from __future__ import annotations

import click

from crosscal.core.user_code import VARIABLE, code_allowed

TAKES_SETTINGS = {"backend", "bench", "profile", "settings", "truth"}
"""Parameters of commands that may lead to a `bench.toml`."""


def add_allow_code(command: click.Command) -> click.Command:
    """Add `--allow-code` to a command that reads settings of a simulated board, or to those of a group."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_allow_code(each)
        return command
    names = {parameter.name for parameter in command.params}
    if names & TAKES_SETTINGS and "allow_code" not in names:
        command.params.append(
            click.Option(
                ["--allow-code"],
                is_flag=True,
                expose_value=False,
                callback=_allow,
                help=f"Let a bench.toml run Python code that it names, as {VARIABLE}=1 does.",
            )
        )
    return command


def _allow(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value:
        context.with_resource(code_allowed())
