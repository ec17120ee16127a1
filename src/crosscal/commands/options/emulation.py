"""Options of a board in the emulator: its array, its cells, the calibrator on board."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_ARRAY = (16, 12)  # as `lab-16x12`
LARGEST_SIDE = 64  # its arrays and the calibrator fit the emulated board's memory

_ARRAY = re.compile(r"([0-9]{1,4})x([0-9]{1,4})")


class ArrayShape(click.ParamType):
    """`ROWSxCOLUMNS`."""

    name = "array"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read rows and columns."""
        if isinstance(value, tuple):
            return value
        found = _ARRAY.fullmatch(str(value))
        if found is None or not all(1 <= int(side) <= LARGEST_SIDE for side in found.groups()):
            self.fail(f"{value!r}; allowed: 16x12 for instance, {LARGEST_SIDE} a side at most", param, ctx)
        return int(found[1]), int(found[2])


def emulation(command: F) -> F:
    """Add `--qemu` and the options that go with it: `array`, `cells`, `header`, `name`."""
    for option in (
        click.option("--name", help="With --header: beginning of the names in it, `calibrator` if left out."),
        click.option(
            "--header",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="With --qemu: calibrator on board, as crosscal export-c wrote it.",
        ),
        click.option(
            "--cells",
            type=click.Choice(["ohmic", "sinh"]),
            help="With --qemu: law of the cells; ohmic if left out.",
        ),
        click.option(
            "--array",
            type=ArrayShape(),
            metavar="ROWSxCOLUMNS",
            help="With --qemu: size of the array, 16x12 if left out.",
        ),
        click.option("--qemu", is_flag=True, help="Serve firmware in C on an emulated Cortex-M4, on --pty."),
    ):
        command = option(command)
    return command


def refuse_without_emulation(options: dict[str, object]) -> None:
    """Refuse options that only a board in the emulator has.

    Raises:
        click.UsageError: one was given without `--qemu`.
    """
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise click.UsageError(f"{', '.join(given)}: only with --qemu")
