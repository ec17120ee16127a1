"""Checkpoints: the whole state of a training, written so that a kill at any instant leaves a whole one."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from crosscal.core.durable_file import replace_file
from crosscal.core.errors import TrainingError

FORMAT = "crosscal-checkpoint"
FORMAT_VERSION = 2
"""2: with finished steps of the preparation."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values to `path`: beside it first, then renamed into its place.

    Raises:
        TrainingError: the file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "format_version": FORMAT_VERSION, **state}, buffer)
    try:
        replace_file(path, buffer.getbuffer(), beside=path.with_name(f".{path.name}.{os.getpid()}.new"))
    except OSError as error:
        raise TrainingError(
            f"the checkpoint {path} cannot be written: {error}; choose a folder with room in it"
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read the state from a file of `save_checkpoint`; no code in the file is ever run.

    Raises:
        TrainingError: no checkpoint of ours, damaged, or of a newer format.
    """
    try:
        state = torch.load(path, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"{path} cannot be read as a checkpoint ({error}); start anew without --resume"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a crosscal checkpoint; start anew without --resume")
    if state["format_version"] > FORMAT_VERSION:
        raise TrainingError(
            f"{path} has format version {state['format_version']}, this crosscal reads up to "
            f"{FORMAT_VERSION}; update crosscal"
        )
    return state
