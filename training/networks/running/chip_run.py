"""Run of a mapped network on tiles: whole numbers in, sums out, factors and digital layers around them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crosscal.core.errors import InputError, wanted
from crosscal.core.network.tile_port import LayerCost, ProgrammedLayer, Tiles
from crosscal.training.networks.graph.running import GraphRunner, Multiply
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.mapping.ranges import whole_numbers
from crosscal.training.networks.running.read_back import compensate

MERGED_METHOD = 2
"""Number of the way that merged runs compute, raised when their results change, so that kept scores are not
mixed. 2: they have the noise of reads, as converted runs do."""

BLOCK_VALUES = 1 << 23
"""Values of vectors cut out of images at a time, 16 MB: a hundred images of VGG8 are 240 MB. A quarter and
four times as many are as fast within 5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCorrection:
    """Gain and offset of every output, (O,), applied digitally to the sums with their reference."""

    gain: Tensor
    offset: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Merged:
    """A layer of a merged run, in the unit of the float layer: see `FoldedLayer`; `power` by whole number."""

    weight: Tensor
    deviation: Tensor
    read_variance: Tensor | None
    power: Tensor


TileCorrection = Callable[[Tensor, Tensor], Tensor]
"""Takes sums of rows of tiles and slices, (R, B, S, O), and the whole numbers that they are of, (B, K)."""


class ChipRun:
    """A mapped network, programmed.

    Args:
        network: codes and ranges.
        tiles: that its layers are programmed into.
        merged: whether conversions are folded into one matrix and noise of the size of their rounding.
        seed: of that noise.
        device: torch's device.

    Attributes:
        programmed, written: groups of every layer in their tiles, and the codes written last.
        corrections: of outputs, by number of the layer.
        tile_corrections: of single tiles, by number of the layer, for each group.
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
        self.device, self._merged = device, merged
        self._runner = GraphRunner(network.graph, device)
        self.programmed: list[list[ProgrammedLayer]] = []
        self.written: list[list[np.ndarray]] = []
        for layer in network.layers:
            self.programmed.append([tiles.program(codes) for codes in layer.codes])
            self.written.append(
                [
                    compensate(each, layer, group, network.options)
                    if network.options.read_back
                    else layer.codes[group].codes
                    for group, each in enumerate(self.programmed[-1])
                ]
            )
        self._noise = torch.Generator(device=device).manual_seed(seed)
        self._factors = [torch.from_numpy(layer.factor).to(device) for layer in network.layers]
        self._biases = [torch.from_numpy(layer.matrix.bias).to(device) for layer in network.layers]
        self.corrections: dict[int, ColumnCorrection] = {}
        self.tile_corrections: dict[int, list[TileCorrection]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Fold the tiles' matrices anew, as after they aged."""
        if self._merged:
            self._merged_layers = [self._fold(number) for number in range(len(self.programmed))]

    def clear_corrections(self) -> None:
        """Take all corrections away."""
        self.corrections.clear()
        self.tile_corrections.clear()

    def require_tiles(self) -> None:
        """Refuse to correct single tiles of a merged run, which has none.

        Raises:
            InputError: the run is merged.
        """
        if self._merged:
            raise InputError(
                wanted(
                    got="a calibration of single tiles in the mode merged",
                    allowed="the modes exact and converted",
                    remedy="choose --mode converted, or calibrate columns",
                )
            )

    @property
    def costs(self) -> list[list[LayerCost]]:
        """Costs of every group of every layer, per input vector."""
        return [[layer.cost for layer in layers] for layers in self.programmed]

    def run(self, x: Tensor) -> Tensor:
        """Run a batch of inputs (B, …) and return the network's outputs."""
        return self.run_with(x, self.multiply)

    @torch.no_grad()
    def run_with(self, x: Tensor, multiply: Multiply) -> Tensor:
        """Run a batch with another product of layers, such as one that learns from it."""
        return self._runner.run(x.to(self.device), multiply)

    @torch.no_grad()
    def multiply(self, number: int, x: Tensor) -> Tensor:
        """Do the product of one layer, with its correction and bias."""
        found = self.product(number, x)
        matrix = self.network.layers[number].matrix
        correction = self.corrections.get(number)
        if correction is not None:
            reference = self.reference(number, x)
            found = (found + reference) * matrix.per_output(correction.gain) - reference
            found = found + matrix.per_output(correction.offset)
        return found + matrix.per_output(self._biases[number])

    def reference(self, number: int, x: Tensor) -> Tensor:
        """Return what was taken off the sums of one layer for their reference, in the unit of `product`."""
        layer = self.network.layers[number]
        if not layer.reference or number in self.tile_corrections:
            return torch.zeros((), device=x.device)
        numbers, factor = whole_numbers(x, layer.inputs, layer.codes[0].coding)
        weight = torch.full(layer.matrix.weight.shape, layer.reference, device=x.device)
        return layer.matrix.product(numbers, weight) * layer.matrix.per_output(self._factors[number]) * factor

    def product(self, number: int, x: Tensor) -> Tensor:
        """Do the product of one layer as the tiles give it, in the unit of the float layer."""
        layer = self.network.layers[number]
        numbers, factor = whole_numbers(x, layer.inputs, layer.codes[0].coding)
        if self._merged:
            return self._merged_product(number, numbers) * factor
        values = numbers[:1].numel() * math.prod(layer.matrix.window)  # of one input's vectors, at the most
        parts = numbers.to(torch.int16).split(max(1, BLOCK_VALUES // values))
        joined = torch.cat([self._sums(number, part) for part in parts])
        return joined * layer.matrix.per_output(self._factors[number]) * factor

    def _sums(self, number: int, numbers: Tensor) -> Tensor:
        """Multiply whole numbers of some inputs in the tiles, and take the reference off."""
        layer = self.network.layers[number]
        vectors, shape = layer.matrix.vectors(numbers)
        sums = []
        for group, part in enumerate(vectors):
            programmed = self.programmed[number][group]
            if number in self.tile_corrections:
                sums.append(self.tile_corrections[number][group](programmed.multiply_apart(part), part))
                continue
            found = programmed.multiply(part)
            if layer.reference:
                found = found - layer.reference * part.sum(dim=1, keepdim=True, dtype=torch.float32)
            sums.append(found)
        return layer.matrix.outputs_of(sums, shape)

    def _fold(self, number: int) -> _Merged:
        layer = self.network.layers[number]
        folded = [programmed.folded() for programmed in self.programmed[number]]
        factors = self._factors[number]
        by_group = factors.view(len(folded), -1, 1)
        weight = torch.stack([(each.matrix - layer.reference).T for each in folded]) * by_group
        variances = [each.read_variance.T for each in folded if each.read_variance is not None]
        power = layer.codes[0].coding.power()
        return _Merged(
            weight=weight.contiguous(),
            deviation=torch.cat([each.deviation for each in folded]) * factors,
            read_variance=(torch.stack(variances) * by_group**2).contiguous() if variances else None,
            power=torch.as_tensor(power, dtype=torch.float32, device=self.device),
        )

    def _merged_product(self, number: int, numbers: Tensor) -> Tensor:
        layer, merged = self.network.layers[number], self._merged_layers[number]
        found = layer.matrix.product(numbers, merged.weight)
        if merged.read_variance is None and not bool(merged.deviation.any()):
            return found
        noise = torch.randn(found.shape, generator=self._noise, device=found.device)
        if merged.read_variance is None:
            return torch.addcmul(found, noise, layer.matrix.per_output(merged.deviation).expand_as(found))
        first = len(merged.power) - 1 - layer.codes[0].coding.largest
        power = merged.power[numbers.long() + first]
        variance = layer.matrix.product(power, merged.read_variance)
        variance = variance + layer.matrix.per_output(merged.deviation**2)
        return torch.addcmul(found, noise, variance.sqrt())
