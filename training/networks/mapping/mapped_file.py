"""Files of mapped networks: a zip archive of one JSON document and plain arrays; no code is executed."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from crosscal.core.errors import CrosscalError, FileFormatError, wanted
from crosscal.core.network.cell_profile import CellProfile
from crosscal.core.network.input_coding import InputCoding
from crosscal.core.network.layer_codes import LayerCodes
from crosscal.core.whole_file import whole_file
from crosscal.training.networks.graph.graph import Graph, Node
from crosscal.training.networks.graph.operators import OPERATORS
from crosscal.training.networks.mapping.mapped_network import MappedLayer, MappedNetwork
from crosscal.training.networks.mapping.matrix_layer import MatrixLayer
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.mapping.ranges import InputRange

FORMAT, FORMAT_VERSION = "crosscal-mapped-network", 1  # grows when an older reader would err
DOCUMENT = "network.json"


def save_mapped(network: MappedNetwork, path: str | Path) -> None:
    """Write a mapped network.

    Raises:
        OSError: the file cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    graph = network.graph
    for k, (_, value) in enumerate(graph.constants.items()):
        arrays[f"constants/{k}"] = value
    layers = []
    for k, layer in enumerate(network.layers):
        arrays[f"layers/{k}/weight"] = layer.matrix.weight
        arrays[f"layers/{k}/bias"] = layer.matrix.bias
        arrays[f"layers/{k}/factor"] = layer.factor
        arrays[f"layers/{k}/codes"] = np.stack([codes.codes for codes in layer.codes])
        first = layer.codes[0]
        layers.append(
            {
                "name": layer.matrix.name,
                "window": list(layer.matrix.window),
                "attributes": layer.matrix.attributes,
                "packed": layer.matrix.packed,
                "reference": layer.reference,
                "inputs": asdict(layer.inputs),
                "weight_error": layer.weight_error,
                "coding": asdict(first.coding),
                "significance": first.significance.tolist(),
                "adc_bits": first.adc_bits,
                "adc_range": first.adc_range.tolist(),
            }
        )
    options = {
        name: getattr(network.options, name)
        for name in network.options.__dataclass_fields__
        if name != "cells"
    }
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "graph": {
            "nodes": [asdict(node) for node in graph.nodes],
            "constants": list(graph.constants),
            "input": graph.input,
            "input_shape": list(graph.input_shape),
            "fixed_batch": graph.fixed_batch,
            "output": graph.output,
        },
        "layers": layers,
        "options": options,
        "cells": msgspec.to_builtins(network.options.cells),
        "notes": list(network.notes),
    }
    with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(DOCUMENT, json.dumps(document))
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)


def load_mapped(path: str | Path) -> MappedNetwork:
    """Read a mapped network.

    Raises:
        FileFormatError: another kind of file, a damaged one, or one of a newer format.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            document = json.loads(archive.read(DOCUMENT))
            _require_version(document, path)

            def array(name: str) -> np.ndarray:
                with archive.open(f"{name}.npy") as entry:
                    return np.lib.format.read_array(entry, allow_pickle=False)

            return _network(document, array)
    except FileFormatError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, CrosscalError) as error:
        got = f"{path}, no mapped network or a damaged one ({' '.join(str(error).split())[:160]})"
        raise FileFormatError(
            wanted(got=got, allowed="a file of crosscal network map", remedy="map the network again")
        ) from error


def _require_version(document: Any, path: str | Path) -> None:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileFormatError(
            wanted(
                got=f"{path}, a file of another kind",
                allowed="a file of crosscal network map",
                remedy="map the network first",
            )
        )
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise FileFormatError(
            wanted(
                got=f"{path} of format {version}",
                allowed=f"format {FORMAT_VERSION}",
                remedy="map the network again, or use another crosscal",
            )
        )


def _network(document: dict, array: Any) -> MappedNetwork:
    given = document["graph"]
    nodes = tuple(
        Node(**{**node, "inputs": tuple(node["inputs"]), "outputs": tuple(node["outputs"])})
        for node in given["nodes"]
    )
    for node in nodes:
        if node.operator != "Crossbar" and node.operator not in OPERATORS:
            raise ValueError(f"the operator {node.operator} is unknown")
    graph = Graph(
        nodes=nodes,
        constants={name: array(f"constants/{k}") for k, name in enumerate(given["constants"])},
        input=given["input"],
        input_shape=tuple(given["input_shape"]),
        fixed_batch=given["fixed_batch"],
        output=given["output"],
    )
    cells = msgspec.convert(document["cells"], CellProfile)
    options = MappingOptions(cells=cells, **document["options"])
    layers = tuple(_layer(k, layer, options, array) for k, layer in enumerate(document["layers"]))
    return MappedNetwork(graph=graph, layers=layers, options=options, notes=tuple(document["notes"]))


def _layer(k: int, layer: dict, options: MappingOptions, array: Any) -> MappedLayer:
    coding = InputCoding(**layer["coding"])
    plain = LayerCodes(
        name=layer["name"],
        codes=(groups := array(f"layers/{k}/codes"))[0],
        significance=np.array(layer["significance"], dtype=np.float64),
        coding=coding,
        adc_bits=layer["adc_bits"],
        adc_range=np.array(layer["adc_range"], dtype=np.float64),
        tile_rows=options.tile_rows,
        tile_columns=options.tile_columns,
    )
    return MappedLayer(
        matrix=MatrixLayer(
            name=layer["name"],
            weight=array(f"layers/{k}/weight"),
            bias=array(f"layers/{k}/bias"),
            window=tuple(layer["window"]),
            attributes=layer["attributes"],
            packed=layer.get("packed", 1),
        ),
        codes=tuple(replace(plain, codes=codes) for codes in groups),
        factor=array(f"layers/{k}/factor"),
        reference=layer["reference"],
        inputs=InputRange(**layer["inputs"]),
        weight_error=layer["weight_error"],
    )
