"""Known vectors of every layer: the whole numbers that known inputs bring to its tiles in software."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.mapping.ranges import whole_numbers
from crosscal.training.networks.running.software import SoftwareRun

VECTORS_MOST = 4096
"""Vectors kept of a layer: variances taken from so many are off by 2 %."""


@torch.no_grad()
def known_vectors(network: MappedNetwork, software: SoftwareRun, known: Tensor) -> list[list[np.ndarray]]:
    """Run known inputs in software, and collect what reaches every group of every layer.

    Args:
        network: mapped.
        software: the same in floats.
        known: inputs, (B, …).

    Returns:
        Whole numbers by layer and group, each (B', K), evenly chosen.
    """
    found: list[list[np.ndarray]] = [[] for _ in network.layers]

    def watch(number: int, x: Tensor) -> Tensor:
        layer = network.layers[number]
        numbers, _ = whole_numbers(x, layer.inputs, layer.codes[0].coding)
        vectors, _ = layer.matrix.vectors(numbers.to(torch.int16))
        for part in vectors:
            places = torch.linspace(0, len(part) - 1, min(len(part), VECTORS_MOST)).long()
            found[number].append(part[places].cpu().numpy())
        return software.multiply(number, x)

    software.run_with(known, watch)
    return found
