"""Importance of crossbar columns, and the restriction of the most important ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crosscal.training.networks.learning.mapped_weight import (
    mapped_weight_of,
    original_weight_of,
    weight_of,
)

BATCHES = 8
"""Batches that importance is summed over; 4 to 32 restrict the same columns but for a few percent."""


def column_importance(
    network: nn.Module, layers: list[nn.Module], batches: list[tuple[Tensor, Tensor]], rows: int
) -> list[Tensor]:
    """Sum the importance of the weights of every column.

    The importance of a weight is the magnitude of ∂Q/∂w with Q the sum of the outputs at the right classes,
    before any softmax (Diware et al., AICAS 2023, who do not say whether magnitudes are meant).

    Args:
        network: with mapped weights.
        layers: with weights.
        batches: inputs and classes.
        rows: of a crossbar; longer columns are cut.

    Returns:
        For each layer (O, chunks).
    """
    totals = [torch.zeros_like(weight_of(layer).detach()) for layer in layers]
    for x, y in batches:
        network.zero_grad()
        outputs = network(x)
        outputs.gather(1, y[:, None]).sum().backward()
        for total, layer in zip(totals, layers, strict=True):
            gradient = original_weight_of(layer).grad
            if gradient is not None:
                total += gradient.abs()
    network.zero_grad()
    return [
        torch.stack([part.sum(dim=1) for part in total.flatten(1).split(rows, dim=1)], dim=1)
        for total in totals
    ]


def restrict_columns(
    layers: list[nn.Module], importance: list[Tensor], parts: tuple[float, ...], rows: int
) -> None:
    """Restrict the most important columns of every layer to favourable values.

    Args:
        layers: with mapped weights.
        importance: of their columns, (O, chunks).
        parts: of the columns of each layer, 0 to 1.
        rows: of a crossbar.
    """
    for layer, found, part in zip(layers, importance, parts, strict=True):
        count = round(part * found.numel())
        chosen = torch.zeros(found.numel(), dtype=torch.bool, device=found.device)
        chosen[found.flatten().argsort(descending=True)[:count]] = True
        shape = original_weight_of(layer).shape
        width = shape[1:].numel()
        mask = chosen.view(found.shape).repeat_interleave(rows, dim=1)[:, :width]
        mapped_weight_of(layer).restricted = mask.reshape(shape)
