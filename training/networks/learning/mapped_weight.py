"""Weights as cells will hold them, inside a network in training: rounded, scattered, biased."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from crosscal.training.networks.mapping.level_table import level_table
from crosscal.training.networks.mapping.options import DIFFERENTIAL, MappingOptions

KEPT_PART = 0.999
"""Part of a layer's weights within its range; the others are clipped. 0.995 to 0.9999 train alike."""

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)


class MappedWeight(nn.Module):
    """A parametrisation of a weight; gradients pass rounding as if it were not there.

    Args:
        options: cells, bits, scale (a range; any other stands for `layer`) and representation.
        favourable: codes of the most significant slice for restricted columns; None: all.
        scatter: whether the cells' scatter is drawn anew for every use in training.

    Attributes:
        drawn: whether it is drawn outside training too.
    """

    places: Tensor
    restricted: Tensor
    factor: Tensor

    def __init__(
        self, options: MappingOptions, *, favourable: tuple[int, ...] | None = None, scatter: bool = False
    ) -> None:
        super().__init__()
        table = level_table(options.cells, options.slices)
        self.options, self.scatter, self.drawn = options, scatter, False
        values, variance = _signed_values(options)
        order = np.argsort(values, kind="stable")
        values, variance = values[order], variance[order]
        top = _signed_top_codes(options)[order]
        allowed = np.ones(len(values), bool) if favourable is None else np.isin(top, favourable)
        self.reach = table.middle if options.representation != DIFFERENTIAL else _reach(options)
        for name, kept in (("all", np.ones(len(values), bool)), ("some", allowed)):
            chosen = values[kept]
            self.register_buffer(f"{name}_values", torch.tensor(chosen, dtype=torch.float32))
            middles = torch.tensor((chosen[1:] + chosen[:-1]) / 2, dtype=torch.float32)
            self.register_buffer(f"{name}_middles", middles)
            sigma = torch.tensor(np.sqrt(variance[kept]), dtype=torch.float32)
            self.register_buffer(f"{name}_deviation", sigma)
        self.register_buffer("factor", torch.tensor(0.0))
        self.register_buffer("restricted", torch.zeros(0, dtype=torch.bool))

    def set_range(self, weight: Tensor) -> None:
        """Choose the digital factor of the layer from its weights as they are now."""
        if self.restricted.shape != weight.shape:
            self.restricted = torch.zeros_like(weight, dtype=torch.bool)
        fixed = self.options.fixed_range
        if fixed is not None:
            self.factor.fill_(fixed / level_table(self.options.cells, self.options.slices).middle)
            return
        magnitude = weight.detach().abs().flatten()
        kept = max(1, int(KEPT_PART * magnitude.numel()))
        largest = float(magnitude.kthvalue(kept).values)
        self.factor.fill_(max(largest, 1e-12) / self.reach)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight as the cells hold it."""
        with torch.no_grad():
            scaled = weight / self.factor
            found, sigma = self._nearest(scaled, "all")
            if bool(self.restricted.any()):
                other, other_sigma = self._nearest(scaled, "some")
                found = torch.where(self.restricted, other, found)
                sigma = torch.where(self.restricted, other_sigma, sigma)
            if self.drawn or (self.scatter and self.training):
                found = found + sigma * torch.randn_like(found)
            change = found * self.factor - weight
        return weight + change

    def _nearest(self, scaled: Tensor, name: str) -> tuple[Tensor, Tensor]:
        place = torch.bucketize(scaled, getattr(self, f"{name}_middles"))
        return getattr(self, f"{name}_values")[place], getattr(self, f"{name}_deviation")[place]


def _signed_values(options: MappingOptions) -> tuple[np.ndarray, np.ndarray]:
    """List every value of a weight, and the variance that scatter gives it, in distances of levels."""
    table = level_table(options.cells, options.slices)
    by_code = (options.cells.deviation / options.cells.unit) ** 2
    squared = table.significance**2
    variance = by_code[table.codes] @ squared
    if options.representation != DIFFERENTIAL:
        return table.values - table.middle, variance
    kept = table.values <= _reach(options) + 1e-9
    positive, quiet = table.values[kept], by_code[0] * squared.sum()
    both = np.concatenate([-positive[:0:-1], positive])
    return both, np.concatenate([variance[kept][:0:-1], variance[kept]]) + quiet


def _signed_top_codes(options: MappingOptions) -> np.ndarray:
    table = level_table(options.cells, options.slices)
    top = table.codes[:, -1]
    if options.representation != DIFFERENTIAL:
        return top
    kept = top[table.values <= _reach(options) + 1e-9]
    return np.concatenate([kept[:0:-1], kept])


def _reach(options: MappingOptions) -> float:
    """Return the largest magnitude in pairs; a fixed range leaves them one bit less."""
    table = level_table(options.cells, options.slices)
    return table.span if options.fixed_range is None else table.middle - float(table.values[1])


def attach_mapped_weights(
    network: nn.Module, options: MappingOptions, *, favourable: tuple[int, ...] | None, scatter: bool
) -> list[nn.Module]:
    """Give every product by weights of a network mapped weights; return the layers in order."""
    layers = weight_layers(network)
    for layer in layers:
        mapped = MappedWeight(options, favourable=favourable, scatter=scatter)
        mapped.set_range(weight_of(layer))
        parametrize.register_parametrization(layer, "weight", mapped)
    return layers


def weight_layers(network: nn.Module) -> list[nn.Module]:
    """List the products by weights of a network in order."""
    layers: list[nn.Module] = list(network.modules())
    return [layer for layer in layers if isinstance(layer, LAYERS)]


@contextmanager
def scatter_drawn(layers: list[nn.Module]) -> Iterator[None]:
    """Draw the cells' scatter anew for every use, as if each batch met another chip."""
    for layer in layers:
        mapped_weight_of(layer).drawn = True
    try:
        yield
    finally:
        for layer in layers:
            mapped_weight_of(layer).drawn = False


def weight_of(layer: nn.Module) -> Tensor:
    """Return the weight as the layer uses it, with its graph."""
    held: Any = layer
    return held.weight


def mapped_weight_of(layer: nn.Module) -> MappedWeight:
    """Return the parametrisation of a layer."""
    held: Any = layer
    return held.parametrizations.weight[0]


def original_weight_of(layer: nn.Module) -> nn.Parameter:
    """Return the float weight behind the parametrisation."""
    held: Any = layer
    return held.parametrizations.weight.original
