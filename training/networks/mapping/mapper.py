"""Mapper of networks: from a graph or a torch module to codes and ranges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from crosscal.core.errors import InputError, wanted
from crosscal.core.network.cell_profile import load_cell_profile
from crosscal.core.network.input_coding import InputCoding
from crosscal.core.network.layer_codes import LayerCodes
from crosscal.training.networks.graph.graph import Graph
from crosscal.training.networks.graph.running import GraphRunner
from crosscal.training.networks.graph.torch_module import graph_of_module
from crosscal.training.networks.mapping.mapped_network import MappedLayer, MappedNetwork
from crosscal.training.networks.mapping.matrix_layer import MatrixLayer, digital_products, split_matrix_layers
from crosscal.training.networks.mapping.options import AUTO, TRAINED, MappingOptions
from crosscal.training.networks.mapping.packing import pack_groups, packing_notes
from crosscal.training.networks.mapping.planner import choose_representation, training_advice
from crosscal.training.networks.mapping.random_inputs import random_inputs
from crosscal.training.networks.mapping.ranges import converter_ranges, input_range, whole_numbers
from crosscal.training.networks.mapping.weight_codes import encode_weights

DEFAULT_CELLS = "wan-2022"
KEPT_INPUTS = 128
"""Inputs of a layer kept for its ranges."""


def map_network(
    module: torch.nn.Module,
    input_shape: tuple[int, ...],
    options: MappingOptions | None = None,
    *,
    ranges_from: np.ndarray | Tensor | None = None,
    factors: dict[str, float] | None = None,
) -> MappedNetwork:
    """Map a torch module.

    Args:
        module: made of layers that ONNX has; it is mapped as it infers.
        input_shape: of one input, without the batch.
        options: cells, tiles, converters; the defaults are those of `crosscal network map`.
        ranges_from: inputs that stand for the data, (B, …), some hundred; random ones if None.
        factors: digital factors that `NetworkTrainer.finished` returns beside the module; None: not trained
            for cells.

    Raises:
        InputError, RangeError, ShapeError: a module or options that cannot be mapped.
    """
    return map_graph(graph_of_module(module, input_shape, factors=factors), options, ranges_from=ranges_from)


def map_graph(
    graph: Graph, options: MappingOptions | None = None, *, ranges_from: np.ndarray | Tensor | None = None
) -> MappedNetwork:
    """Map a graph; see `map_network`."""
    options = options or MappingOptions(cells=load_cell_profile(DEFAULT_CELLS))
    split, matrices = split_matrix_layers(graph)
    notes = []
    if graph.unused_outputs:
        unused = ", ".join(graph.unused_outputs)
        notes.append(f"the first output, {graph.output}, is the network's; left out: {unused}")
    digital = digital_products(split)
    if digital:
        notes.append(f"products by constants that stay digital: {', '.join(digital)}")
    scale = _scale(matrices, options)
    read_back = scale != TRAINED if options.read_back is None else options.read_back
    options = replace(options, scale=scale, read_back=read_back)
    if read_back:
        notes.append("cells are read after writing: lower slices make up for errors of higher ones")
    choice = choose_representation(matrices, options)
    if options.representation == AUTO:
        options = replace(options, representation=choice.representation)
    notes += [choice.reason, training_advice(choice, options.cells)]
    matrices = [pack_groups(layer, options) for layer in matrices]
    notes += packing_notes(matrices)
    own = ranges_from is None
    inputs = random_inputs(graph.input_shape) if ranges_from is None else torch.as_tensor(ranges_from).float()
    notes.append(
        "every input vector brings its own range; ADC ranges from random inputs, half as wide again"
        if own
        else f"ranges of converters from {len(inputs)} given inputs"
    )
    seen = _layer_inputs(split, matrices, inputs)
    layers = [_map_layer(layer, x, options, own=own) for layer, x in zip(matrices, seen, strict=True)]
    return MappedNetwork(graph=split, layers=tuple(layers), options=options, notes=tuple(notes))


def _scale(layers: list[MatrixLayer], options: MappingOptions) -> str:
    trained = all(layer.factor is not None for layer in layers)
    if options.scale == AUTO:
        return TRAINED if trained else "column"
    if options.scale == TRAINED and not trained:
        raise InputError(
            wanted(
                got="the scale 'trained' for a network without factors of its own",
                allowed="a file of crosscal network train, of a method other than plain",
                remedy="choose --scale column",
            )
        )
    return options.scale


def _layer_inputs(graph: Graph, layers: list[MatrixLayer], inputs: Tensor) -> list[Tensor]:
    seen: list[Tensor] = [torch.empty(0)] * len(layers)
    weights = [torch.from_numpy(layer.weight) for layer in layers]

    def multiply(number: int, x: Tensor) -> Tensor:
        layer = layers[number]
        seen[number] = x[:KEPT_INPUTS].clone()
        return layer.product(x, weights[number]) + layer.per_output(torch.from_numpy(layer.bias))

    with torch.no_grad():
        GraphRunner(graph).run(inputs, multiply)
    return seen


def _map_layer(layer: MatrixLayer, seen: Tensor, options: MappingOptions, *, own: bool) -> MappedLayer:
    found = input_range(seen, options.input_bits, own=own)
    coding = InputCoding(bits=options.input_bits, digit_bits=options.dac_bits, signed=found.signed)
    encoded = [encode_weights(group, options, options.representation, layer.factor) for group in layer.weight]
    numbers, _ = whole_numbers(seen, found, coding)
    vectors, _ = layer.vectors(numbers)
    ranges = converter_ranges(
        vectors,
        encoded,
        coding,
        options.cells,
        tile_rows=options.tile_rows,
        adc_bits=options.adc_bits,
        spare=own,
    )
    codes = tuple(
        LayerCodes(
            name=layer.name,
            codes=each.codes,
            significance=each.significance,
            coding=coding,
            adc_bits=options.adc_bits,
            adc_range=ranges,
            tile_rows=options.tile_rows,
            tile_columns=options.tile_columns,
        )
        for each in encoded
    )
    mapped = np.stack([each.weight for each in encoded])
    power = float((layer.weight**2).mean())
    error = float(np.sqrt(((mapped - layer.weight) ** 2).mean() / power)) if power else 0.0
    return MappedLayer(
        matrix=layer,
        codes=codes,
        factor=np.concatenate([each.factor for each in encoded]),
        reference=encoded[0].reference,
        inputs=found,
        weight_error=error,
    )
