"""Places of output files and folders, checked before the work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from crosscal.core.errors import InputError, wanted

Command = Callable[..., Any]

force_option = click.option("--force", is_flag=True, help="Replace files that exist.")


def require_output_file(output: Path, *, force: bool) -> None:
    """Refuse a place that nothing can be written to, and a file that is there already.

    Raises:
        InputError: a folder, a folder that is missing or read-only, or, without `force`, an existing file.
    """
    if output.is_dir() or not output.parent.is_dir():
        fault = "a folder" if output.is_dir() else "in a folder that does not exist"
        raise _refused(output, fault, "give the name of a file in a folder that exists")
    if not os.access(output.parent, os.W_OK):
        raise _refused(output, "in a folder that cannot be written", "choose a folder that can be written")
    if output.is_file() and not force:
        raise _refused(output, "a file that exists already", "give another name, or --force to replace it")


def require_output_folder(folder: Path) -> None:
    """Make a folder for output, with those above it.

    Raises:
        InputError: a file stands in its place or in that of a folder above it.
        OSError: the system refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        blocking = next((each for each in (folder, *folder.parents) if each.is_file()), folder)
        raise _refused(blocking, "a file where a folder is asked for", "choose another folder") from error


def _refused(output: Path, fault: str, remedy: str) -> InputError:
    return InputError(
        wanted(got=f"{output}, {fault}", allowed="a new file in a folder that exists", remedy=remedy)
    )
