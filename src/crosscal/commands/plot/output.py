"""Output of all pictures of `crosscal plot`: file of the picture, and file of the numbers behind it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.terminal.progress import console
from crosscal.core.errors import InputError, wanted
from crosscal.core.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Command = Callable[..., Any]
Table = dict[str, np.ndarray]


def output_options(name: str) -> Callable[[Command], Command]:
    """Add `-o`, `--data` and `--force`; the picture is called `name` unless told otherwise.

    In the name, `{device}` stands for the argument `device`, so that pictures of several do not meet.
    The places are checked before the command runs; it gets `output` and `data`.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def checked(*positional: Any, output: Path, data: Path | None, force: bool, **others: Any) -> Any:
            if output == default:
                output = Path(str(default).format(**others))
            _require_files(output, data, force=force)
            return command(*positional, output=output, data=data, **others)

        default = Path(f"{name}.png")
        path = click.Path(path_type=Path)
        with_force = force_option(checked)
        with_data = click.option(
            "--data", type=path, help="Also write the numbers, to make a picture of one's own: .csv or .npz."
        )(with_force)
        return click.option(
            "-o",
            "--output",
            type=path,
            default=default,
            show_default=True,
            help="Picture to write: .png, .svg or .pdf.",
        )(with_data)

    return decorate


def write_picture(draw: Callable[[], Figure], table: Table, *, output: Path, data: Path | None) -> None:
    """Draw and save a picture, and the numbers behind it if they are asked for.

    Args:
        draw: makes the picture.
        table: columns of numbers that can be broadcast to one shape.
        output: picture's file.
        data: file of the numbers.

    Raises:
        OSError: the disk is full, or the place cannot be written; no part of a file is left.
    """
    from crosscal.simulated_bench.pictures.style import save_picture

    save_picture(draw(), output)
    console.print(f"wrote {output}")
    if data is not None:
        _write_table(table, data)
        console.print(f"wrote {data}: {', '.join(table)}")


def over_array(**values: np.ndarray) -> Table:
    """Make columns of numbers of values over the array (N, M), led by row and column, counted from 1."""
    rows, columns = next(iter(values.values())).shape
    return {"row": np.arange(1, rows + 1)[:, None], "column": np.arange(1, columns + 1)[None, :], **values}


def _require_files(output: Path, data: Path | None, *, force: bool) -> None:
    """Check the places of a picture and of its numbers, before the work.

    Raises:
        InputError: a file of a kind that is not written, a place that cannot be written, or an existing file.
    """
    from crosscal.simulated_bench.pictures.style import require_format

    require_format(output)
    require_output_file(output, force=force)
    if data is not None:
        if data.suffix.lower() not in (".csv", ".npz"):
            raise InputError(wanted(got=f"{data}", allowed=".csv, .npz", remedy="give --data such a suffix"))
        require_output_file(data, force=force)


def _write_table(table: Table, path: Path) -> None:
    arrays = dict(zip(table, np.broadcast_arrays(*table.values()), strict=True))
    if path.suffix.lower() == ".npz":
        with whole_file(path) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        return
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(arrays)
        writer.writerows(zip(*(array.ravel().tolist() for array in arrays.values()), strict=True))
