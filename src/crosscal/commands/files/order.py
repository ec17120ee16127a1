"""Order of file arguments: two that are swapped are wrong usage, not damage."""

from __future__ import annotations

from pathlib import Path

import click

from crosscal.core.file_content import HDF5, ONNX, describe_content


def require_order(calibrator: Path, run: Path) -> None:
    """Refuse a calibrator and a run that are given the other way round.

    Raises:
        click.UsageError: the calibrator is an HDF5 file and the run an ONNX file.
    """
    if _is(calibrator, HDF5) and _is(run, ONNX):
        raise click.UsageError(
            f"{calibrator} is a run and {run} a calibrator: give CALIBRATOR first, then RUN"
        )


def require_resource_first(resource: str) -> None:
    """Refuse a calibrator in the place of a board's resource.

    Raises:
        click.UsageError: the resource is an ONNX file.
    """
    if _is(Path(resource), ONNX):
        raise click.UsageError(f"{resource} is a file and not a board: give RESOURCE first, then CALIBRATOR")


def _is(path: Path, kind: str) -> bool:
    try:
        return describe_content(path) == kind
    except OSError:
        # Whoever opens it says so.
        return False
