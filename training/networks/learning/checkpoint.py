"""Checkpoint of a training: a file after every epoch, for the same plan and data alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import torch

from crosscal.core.errors import InputError, wanted
from crosscal.core.whole_file import whole_file
from crosscal.training.networks.learning.plan import LearningPlan


def write_checkpoint(path: Path, plan: LearningPlan, shape: tuple[int, ...], state: dict[str, Any]) -> None:
    """Write the state of a training.

    Args:
        path: the file.
        plan: of the training.
        shape: of its inputs.
        state: plain values and tensors.
    """
    with whole_file(path) as part:
        torch.save({"fingerprint": _fingerprint(plan, shape), **state}, part)


def read_checkpoint(path: Path, plan: LearningPlan, shape: tuple[int, ...], device: str) -> dict[str, Any]:
    """Read a state; no code in the file is executed.

    Raises:
        InputError: the state of another plan, or of data of another shape.
    """
    state = torch.load(path, map_location=device, weights_only=True)
    if state["fingerprint"] != _fingerprint(plan, shape):
        raise InputError(
            wanted(
                got=f"{path}, the state of another training",
                allowed="that of the same plan and data",
                remedy="give another output, or delete that file",
            )
        )
    return state


def _fingerprint(plan: LearningPlan, shape: tuple[int, ...]) -> str:
    options = asdict(plan.options) | {"cells": msgspec.to_builtins(plan.options.cells)}
    own = {name: getattr(plan, name) for name in plan.__dataclass_fields__ if name != "options"}
    return json.dumps({"plan": own, "options": options, "inputs": list(shape)}, sort_keys=True)
