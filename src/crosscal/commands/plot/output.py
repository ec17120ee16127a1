"""Output of all pictures of `crosscal plot`: file of the picture, and file of the numbers behind it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from crosscal.commands.terminal.progress import console
from crosscal.core.errors import InputError, wanted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Command = Callable[..., Any]
Table = dict[str, np.ndarray]


def output_options(name: str) -> Callable[[Command], Command]:
    """Add `-o` and `--data`; the picture is called `name` unless told otherwise."""

    def decorate(command: Command) -> Command:
        path = click.Path(path_type=Path)
        command = click.option(
            "--data", type=path, help="Also write the numbers, to make a picture of one's own: .csv or .npz."
        )(command)
        return click.option(
            "-o",
            "--output",
            type=path,
            default=Path(f"{name}.png"),
            show_default=True,
            help="Picture to write: .png, .svg or .pdf.",
        )(command)

    return decorate


def write_picture(draw: Callable[[], Figure], table: Table, *, output: Path, data: Path | None) -> None:
    """Draw and save a picture, and the numbers behind it if they are asked for.

    Args:
        draw: makes the picture.
        table: columns of numbers that can be broadcast to one shape.
        output: picture's file.
        data: file of the numbers.

    Raises:
        InputError: a file of a kind that is not written.
    """
    from crosscal.simulated_bench.pictures.style import require_format, save_picture

    require_format(output)
    if data is not None and data.suffix not in (".csv", ".npz"):
        raise InputError(wanted(got=f"{data}", allowed=".csv, .npz", remedy="give --data such a suffix"))
    save_picture(draw(), output)
    console.print(f"wrote {output}")
    if data is not None:
        _write_table(table, data)
        console.print(f"wrote {data}: {', '.join(table)}")


def over_array(**values: np.ndarray) -> Table:
    """Make columns of numbers of values over the array (N, M), led by row and column, counted from 1."""
    rows, columns = next(iter(values.values())).shape
    return {"row": np.arange(1, rows + 1)[:, None], "column": np.arange(1, columns + 1)[None, :], **values}


def _write_table(table: Table, path: Path) -> None:
    arrays = dict(zip(table, np.broadcast_arrays(*table.values()), strict=True))
    if path.suffix == ".npz":
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(arrays)
        writer.writerows(zip(*(array.ravel().tolist() for array in arrays.values()), strict=True))
