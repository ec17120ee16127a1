"""Check of an output path before the work, not after it."""

from __future__ import annotations

from pathlib import Path

import click


def require_output_file(output: Path, *, force: bool) -> None:
    """Refuse a place that nothing can be written to, and a file that is there already.

    Raises:
        click.BadParameter: a folder, a folder that is missing, or, without `force`, an existing file.
    """
    if output.is_dir() or not output.parent.is_dir():
        raise click.BadParameter(
            f"{output} is {'a folder' if output.is_dir() else 'in a folder that does not exist'}; give the "
            "name of a file in a folder that exists",
            param_hint="--output",
        )
    if output.exists() and not force:
        raise click.BadParameter(
            f"{output} exists already; give another name, or --force to replace it", param_hint="--output"
        )
