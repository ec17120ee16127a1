"""Packing of a convolution's groups: several on the diagonal of one tile, where weights of 0 are quiet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosscal.training.networks.mapping.matrix_layer import MatrixLayer
from crosscal.training.networks.mapping.options import DIFFERENTIAL, MappingOptions
from crosscal.training.networks.mapping.weight_codes import encode_weights


def pack_groups(layer: MatrixLayer, options: MappingOptions) -> MatrixLayer:
    """Join groups to fewer and larger ones, as many as fit a tile: 0 stands where they do not meet.

    Only in pairs, where a weight of 0 is two cells at the lowest level: in single shifted columns it is a
    middle code. Empty cells scatter too: at most as much in all as those of the weights.

    Args:
        layer: with or without groups.
        options: of the mapping, its representation chosen.
    """
    groups, outputs, inputs = layer.weight.shape
    if groups == 1 or options.representation != DIFFERENTIAL:
        return layer
    most = min(
        options.tile_rows // inputs,
        options.tile_columns // (2 * options.slices * outputs),
        _quiet(layer, options),
    )
    joined = max((count for count in range(1, most + 1) if groups % count == 0), default=1)
    weight = np.zeros((groups // joined, joined, outputs, joined, inputs), dtype=layer.weight.dtype)
    apart = layer.weight.reshape(groups // joined, joined, outputs, inputs)
    for place in range(joined):
        weight[:, place, :, place] = apart[:, place]
    weight = weight.reshape(groups // joined, joined * outputs, joined * inputs)
    return replace(layer, weight=weight, packed=joined)


def _quiet(layer: MatrixLayer, options: MappingOptions) -> int:
    """Return the most groups whose empty cells scatter no more than those of the weights."""
    apart = replace(options, read_back=False)
    by_code = (options.cells.deviation / options.cells.unit) ** 2
    own, empty = 0.0, 0.0
    for weight in layer.weight:
        encoded = encode_weights(weight, apart, DIFFERENTIAL, layer.factor)
        squared = encoded.significance**2
        own += float((by_code[encoded.codes].sum(axis=3) @ squared).mean())
        empty += float(2 * by_code[0] * squared.sum())
    return layer.groups if empty == 0 else min(layer.groups, 1 + int(own / empty))


def packing_notes(layers: list[MatrixLayer]) -> list[str]:
    """Say which layers' groups share tiles."""
    packed = [f"{layer.name} ({layer.packed} to a tile)" for layer in layers if layer.packed > 1]
    return [f"groups that share tiles, on their diagonals: {', '.join(packed)}"] if packed else []
