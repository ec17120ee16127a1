"""Options of a recalibration: the number of known vectors, or what is to be reached with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from crosscal.commands.options.quantity import QuantityValue
from crosscal.commands.options.share import Share

_VECTORS = 32  # enough to halve errors on boards of 12 to 32 rows (docs/results.md)
_MOST_PER_ROW = 4  # twice as many as the rows leave little more to learn

Command = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """End of a measurement of known vectors, as the command line has it; checked on construction.

    Attributes:
        vectors: known vectors; None unless given.
        until: error that is small enough, relative to the largest ideal current; None unless given.
        most: known vectors at most; None unless given.
        time_s: seconds at most; None unless given.
    """

    vectors: int | None
    until: float | None
    most: int | None
    time_s: float | None

    def __post_init__(self) -> None:
        if self.vectors is not None and (self.open_ended or self.most is not None):
            raise click.UsageError(
                "--vectors measures so many, whatever they tell: give --max-vectors with --until or --time"
            )
        if self.most is not None and not self.open_ended:
            raise click.UsageError("--max-vectors needs --until or --time; --vectors says how many")

    @property
    def open_ended(self) -> bool:
        """Whether the readings decide how many there are."""
        return self.until is not None or self.time_s is not None

    def count(self, rows: int) -> int:
        """Known vectors, or the most of them, for an array of this many rows."""
        if self.open_ended:
            return self.most or _MOST_PER_ROW * rows
        return self.vectors or _VECTORS


def stopping_options(command: Command) -> Command:
    """Add the options, which `Stopping` takes."""
    options = (
        click.option(
            "--vectors",
            type=click.IntRange(1, 4096),
            help=f"Known vectors to learn from.  [default: {_VECTORS}]",
        ),
        click.option(
            "--until",
            type=Share(),
            metavar="SHARE",
            help="Measure known vectors until reads are predicted to be off by no more than this (rms), "
            "relative to the largest ideal current of the matrix: 0.1% or 1e-3.",
        ),
        click.option(
            "--max-vectors",
            "most",
            type=click.IntRange(1, 4096),
            help=f"Known vectors at most, with --until or --time.  [default: {_MOST_PER_ROW} for each row]",
        ),
        click.option(
            "--time",
            "time_s",
            type=QuantityValue("s"),
            metavar="DURATION",
            help="Begin no more known vectors after this time, such as 20s.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
