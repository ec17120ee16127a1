"""Options of commands that work on a simulated board: the board, its matrix, its vectors, its wires."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from crosscal.commands.options.bench_name import BenchName
from crosscal.commands.options.finite_number import FiniteNumber

DEFAULT_BENCH = "lab-12x16"
Command = Callable[..., Any]


def board_options(*, vector: str) -> Callable[[Command], Command]:
    """Add the argument and options that choose board, matrix and vectors.

    Args:
        vector: the default of `--vector`.
    """

    def decorate(command: Command) -> Command:
        options = (
            click.argument("bench", type=BenchName(), default=DEFAULT_BENCH),
            click.option(
                "--matrix",
                type=click.Path(path_type=Path),
                help="Target in siemens, N×M: a .npy or .csv file.",
            ),
            click.option(
                "--seed",
                type=click.IntRange(0),
                default=1,
                show_default=True,
                help="Draws the target, if no --matrix is given, and random vectors.",
            ),
            click.option(
                "--vector",
                default=vector,
                show_default=True,
                help="Volts: one number for all rows, a .npy or .csv file of N or B×N, or random, sine, dc, "
                "fir with counts, as random:3,dc:1.",
            ),
            click.option(
                "--after",
                "after_s",
                type=FiniteNumber(0),
                default=0.0,
                show_default=True,
                help="Bench time to let pass first [s].",
            ),
        )
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def tile_option(command: Command) -> Command:
    """Add the option that chooses one array of a board that has several."""
    return click.option(
        "--tile",
        type=click.IntRange(1),
        nargs=2,
        default=(1, 1),
        show_default=True,
        help="On a board of several tiles: row and column of the one to take.",
    )(command)


def storage_options(*, capacitance: str) -> Callable[[Command], Command]:
    """Add the options of capacitance and inductance of the wires.

    Args:
        capacitance: the default of `--capacitance`, in words.
    """

    def decorate(command: Command) -> Command:
        inductance = click.option(
            "--inductance",
            "inductance_h",
            type=FiniteNumber(0),
            help="In series with every wire segment [H].  [default: the board's]",
        )
        return click.option(
            "--capacitance",
            "capacitance_f",
            type=FiniteNumber(0),
            help=f"From every wire node to ground [F].  [default: {capacitance}]",
        )(inductance(command))

    return decorate
