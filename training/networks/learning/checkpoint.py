"""Checkpoint of a training: a file after every epoch, for the same plan and data alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crosscal.core.errors import InputError, wanted
from crosscal.core.network.fingerprint import fingerprint
from crosscal.core.whole_file import whole_file
from crosscal.training.networks.learning.plan import LearningPlan


def write_checkpoint(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Write the state of a training.

    Args:
        path: the file.
        identity: of the training.
        state: plain values and tensors.
    """
    with whole_file(path) as part:
        torch.save({"fingerprint": identity, **state}, part)


def read_checkpoint(path: Path, identity: str, device: str) -> dict[str, Any]:
    """Read a state; no code in the file is executed.

    Raises:
        InputError: the state of another training: of another plan, other data or another first network.
    """
    state = torch.load(path, map_location=device, weights_only=True)
    if state["fingerprint"] != identity:
        raise InputError(
            wanted(
                got=f"{path}, the state of another training",
                allowed="that of the same plan, data and first network",
                remedy="give another output, or delete that file",
            )
        )
    return state


def training_identity(plan: LearningPlan, x: Tensor, y: Tensor, network: nn.Module) -> str:
    """Tell trainings apart by their plan, their data and the network that they begin with."""
    return fingerprint(plan, x, y, repr(network), dict(network.state_dict()))
