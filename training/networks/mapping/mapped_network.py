"""Mapped network: its graph, its float weights, and the codes and ranges of every layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.network.layer_codes import LayerCodes
from crosscal.training.networks.graph.graph import Graph
from crosscal.training.networks.mapping.matrix_layer import MatrixLayer
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.mapping.ranges import InputRange


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedLayer:
    """One layer as it is programmed.

    Attributes:
        matrix: geometry, float weights and bias.
        codes: of each group.
        factor: of each output, (O,), brings sums back to weights.
        reference: sum of a weight of 0.
        inputs: their range.
        weight_error: rms error of the mapped weights, relative to the rms of the weights.
    """

    matrix: MatrixLayer
    codes: tuple[LayerCodes, ...]
    factor: np.ndarray
    reference: float
    inputs: InputRange
    weight_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedNetwork:
    """A network, mapped.

    Attributes:
        graph: with nodes `Crossbar` in place of products by weights.
        layers: by the numbers of these nodes.
        options: of the mapping, its representation chosen.
        notes: choices and their reasons, for people.
    """

    graph: Graph
    layers: tuple[MappedLayer, ...]
    options: MappingOptions
    notes: tuple[str, ...]

    @property
    def tiles(self) -> int:
        """Tiles in all."""
        return sum(codes.tiles for layer in self.layers for codes in layer.codes)
