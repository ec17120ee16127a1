"""Run of a mapped network on tiles: whole numbers in, sums out, factors and digital layers around them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from crosscal.core.network.tile_port import LayerCost, Tiles
from crosscal.training.networks.graph.running import GraphRunner, Multiply
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.mapping.ranges import whole_numbers
from crosscal.training.networks.running.read_back import compensate


@dataclass(slots=True, kw_only=True)
class ColumnCorrection:
    """Gain and offset of every output, (O,), applied digitally."""

    gain: Tensor
    offset: Tensor


class ChipRun:
    """A mapped network, programmed.

    Args:
        network: codes and ranges.
        tiles: that its layers are programmed into.
        merged: whether conversions are folded into one matrix and noise of the size of their rounding.
        seed: of that noise.
        device: torch's device.
    """

    def __init__(
        self,
        network: MappedNetwork,
        tiles: Tiles,
        *,
        merged: bool = False,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.network = network
        self._device, self._merged = device, merged
        self._runner = GraphRunner(network.graph, device)
        self._programmed = [[tiles.program(codes) for codes in layer.codes] for layer in network.layers]
        if network.options.read_back:
            for layer, programmed in zip(network.layers, self._programmed, strict=True):
                for group, each in enumerate(programmed):
                    compensate(each, layer, group, network.options)
        self._noise = torch.Generator(device=device).manual_seed(seed)
        self._factors = [torch.from_numpy(layer.factor).to(device) for layer in network.layers]
        self._biases = [torch.from_numpy(layer.matrix.bias).to(device) for layer in network.layers]
        self.corrections: dict[int, ColumnCorrection] = {}
        self.refresh()

    def refresh(self) -> None:
        """Fold the tiles' matrices anew, as after they aged."""
        if self._merged:
            self._folded = [self._fold(number) for number in range(len(self._programmed))]

    @property
    def costs(self) -> list[list[LayerCost]]:
        """Costs of every group of every layer, per input vector."""
        return [[layer.cost for layer in layers] for layers in self._programmed]

    def run(self, x: Tensor) -> Tensor:
        """Run a batch of inputs (B, …) and return the network's outputs."""
        return self.run_with(x, self.multiply)

    @torch.no_grad()
    def run_with(self, x: Tensor, multiply: Multiply) -> Tensor:
        """Run a batch with another product of layers, such as one that learns from it."""
        return self._runner.run(x.to(self._device), multiply)

    @torch.no_grad()
    def multiply(self, number: int, x: Tensor) -> Tensor:
        """Do the product of one layer, with its correction and bias."""
        found = self.product(number, x)
        matrix = self.network.layers[number].matrix
        correction = self.corrections.get(number)
        if correction is not None:
            found = found * matrix.per_output(correction.gain) + matrix.per_output(correction.offset)
        return found + matrix.per_output(self._biases[number])

    def product(self, number: int, x: Tensor) -> Tensor:
        """Do the product of one layer as the tiles give it, in the unit of the float layer."""
        layer = self.network.layers[number]
        numbers, factor = whole_numbers(x, layer.inputs, layer.codes[0].coding)
        if self._merged:
            return self._merged_product(number, numbers) * factor
        vectors, shape = layer.matrix.vectors(numbers.to(torch.int16))
        sums = []
        for programmed, part in zip(self._programmed[number], vectors, strict=True):
            found = programmed.multiply(part)
            if layer.reference:
                found = found - layer.reference * part.sum(dim=1, keepdim=True, dtype=torch.float32)
            sums.append(found)
        joined = layer.matrix.outputs_of(sums, shape)
        return joined * layer.matrix.per_output(self._factors[number]) * factor

    def _fold(self, number: int) -> tuple[Tensor, Tensor]:
        layer = self.network.layers[number]
        folded = [programmed.folded() for programmed in self._programmed[number]]
        weight = torch.stack([(matrix - layer.reference).T for matrix, _ in folded])
        factors = self._factors[number]
        weight = weight * factors.view(weight.shape[0], -1, 1)
        return weight.contiguous(), torch.cat([deviation for _, deviation in folded]) * factors

    def _merged_product(self, number: int, numbers: Tensor) -> Tensor:
        layer = self.network.layers[number]
        weight, deviation = self._folded[number]
        found = layer.matrix.product(numbers, weight)
        if not bool(deviation.any()):
            return found
        noise = torch.randn(found.shape, generator=self._noise, device=found.device)
        return torch.addcmul(found, noise, layer.matrix.per_output(deviation).expand_as(found))
