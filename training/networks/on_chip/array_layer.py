"""Layers of a network on arrays that are trained in place."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crosscal.core.errors import InputError, wanted
from crosscal.core.network.pulsed_port import PulsedArray, PulsedTiles

INPUT_BITS, ERROR_BITS = 8, 8  # activations and errors of DNN+NeuroSim V2.1
_START = 0.5
"""Of the range, that weights begin in: room for either sign, and the middle of both curves."""


class ArrayProduct(torch.autograd.Function):
    """Product by an array, and its derivatives by the same array driven from the other side."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shadow: Tensor, array: PulsedArray) -> Tensor:
        """Multiply (B, K) in whole numbers; `shadow` only receives the gradient."""
        del shadow
        scaled, largest = _whole(x, INPUT_BITS)
        ctx.array = array
        ctx.save_for_backward(scaled * largest)
        return array.multiply(scaled) * largest

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor, Tensor, None]:
        """Send errors back through the array; the gradient of weights is made beside it."""
        (x,) = ctx.saved_tensors
        scaled, largest = _whole(errors[0], ERROR_BITS)
        return ctx.array.multiply_back(scaled) * largest, x.T @ (scaled * largest), None


def _whole(values: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Round to whole numbers over the largest one's range: values within ±1, and their scale."""
    largest = values.abs().amax().clamp_min(1e-30)
    steps = 2 ** (bits - 1) - 1
    return torch.round(values * (steps / largest)) / steps, largest


class ArrayLayer(nn.Module):
    """A convolution or a product by weights of an array; its bias is digital.

    Args:
        layer: gives shapes, strides and pads.
        tiles: that the array is laid out in.
        rng: draws the first weights.
    """

    def __init__(self, layer: nn.Conv2d | nn.Linear, tiles: PulsedTiles, rng: torch.Generator) -> None:
        super().__init__()
        outputs = layer.weight.shape[0]
        inputs = layer.weight[0].numel()
        start = _START * (2.0 * torch.rand(inputs, outputs, generator=rng) - 1.0)
        self.array = tiles.array(start)
        # Uniform weights as He's initialisation has them.
        self.scale = math.sqrt(6.0 / inputs) / _START
        self.shadow = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.window = layer if isinstance(layer, nn.Conv2d) else None

    def forward(self, x: Tensor) -> Tensor:
        """Multiply."""
        if self.window is None:
            return self.scale * self._product(x) + self.bias
        kernel, strides = self.window.kernel_size, self.window.stride
        pads = _pads(self.window)
        vectors = F.unfold(x, kernel, padding=pads, stride=strides).transpose(1, 2)
        found = self.scale * self._product(vectors.reshape(-1, vectors.shape[2])) + self.bias
        across = (x.shape[3] + 2 * pads[1] - kernel[1]) // strides[1] + 1
        return (
            found.view(len(x), -1, found.shape[1]).transpose(1, 2).reshape(len(x), found.shape[1], -1, across)
        )

    def _product(self, vectors: Tensor) -> Tensor:
        return ArrayProduct.apply(vectors, self.shadow, self.array)


def _pads(layer: nn.Conv2d) -> tuple[int, ...]:
    """Return the pads of a convolution, which are numbers here.

    Raises:
        InputError: pads by name.
    """
    if isinstance(layer.padding, str):
        got = f"a convolution with padding={layer.padding!r}"
        raise InputError(wanted(got=got, allowed="numbers", remedy="give the pads as numbers"))
    return layer.padding


def on_arrays(network: nn.Module, tiles: PulsedTiles, rng: torch.Generator) -> list[ArrayLayer]:
    """Put every convolution and product of a network on arrays, in place, and return them."""
    found: list[ArrayLayer] = []
    for name, child in list(network.named_children()):
        if isinstance(child, nn.Conv2d | nn.Linear):
            found.append(ArrayLayer(child, tiles, rng))
            setattr(network, name, found[-1])
        else:
            found += on_arrays(child, tiles, rng)
    return found
