"""Software reference: the same network in floats, without any crossbar."""

from __future__ import annotations

import torch
from torch import Tensor

from crosscal.training.networks.graph.running import GraphRunner, Multiply
from crosscal.training.networks.mapping.mapped_network import MappedNetwork


class SoftwareRun:
    """The float network that was mapped.

    Args:
        network: mapped.
        device: torch's device.
    """

    def __init__(self, network: MappedNetwork, device: str = "cpu") -> None:
        self._network = network
        self._runner = GraphRunner(network.graph, device)
        self._weights = [torch.from_numpy(layer.matrix.weight).to(device) for layer in network.layers]
        self._biases = [torch.from_numpy(layer.matrix.bias).to(device) for layer in network.layers]
        self._device = device

    def run(self, x: Tensor) -> Tensor:
        """Run a batch of inputs (B, …) and return the network's outputs."""
        return self.run_with(x, self.multiply)

    @torch.no_grad()
    def run_with(self, x: Tensor, multiply: Multiply) -> Tensor:
        """Run a batch with another product of layers, such as one that watches."""
        return self._runner.run(x.to(self._device), multiply)

    @torch.no_grad()
    def multiply(self, number: int, x: Tensor) -> Tensor:
        """Do the product of one layer."""
        matrix = self._network.layers[number].matrix
        return matrix.product(x, self._weights[number]) + matrix.per_output(self._biases[number])
