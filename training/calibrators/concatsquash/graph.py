"""ONNX graph of `concatsquash`: first the part of the matrix alone, then a plain network on `current`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from crosscal.training.calibrators.graph_writer import (
    CALIBRATED,
    CONDUCTANCE,
    CURRENT,
    GraphFacts,
    GraphWriter,
)

if TYPE_CHECKING:
    from crosscal.training.calibrators.concatsquash.calibrator import ConcatSquash


def write_concatsquash(graph: GraphWriter, calibrator: ConcatSquash) -> GraphFacts:
    """Write a trained calibrator, from `conductance` and `current` to `calibrated`."""
    features = calibrator.features.write_graph(graph)
    z = _write_encoder(graph, calibrator, features)
    whitening = calibrator.whitening
    fold = {
        "layers": [
            layer.write_fold(graph, z, index, whitening if index == 0 else None)
            for index, layer in enumerate(calibrator.layers)
        ],
        "activation": "sigmoid",
        **_write_normalisation(graph, calibrator, features),
    }
    _write_network(graph, fold)
    normalisation = {
        "input": "current minus the mean current predicted for the matrix, over current_spread_a",
        "output": "times ideal_spread_a, plus the ideal currents at mean_voltage_v",
        "current_spread_a": calibrator.current_spread_a.tolist(),
        "ideal_spread_a": calibrator.ideal_spread_a.tolist(),
        "mean_voltage_v": calibrator.mean_voltage_v.tolist(),
    }
    return GraphFacts(fold=fold, normalisation=normalisation)


def _write_encoder(graph: GraphWriter, calibrator: ConcatSquash, features: str) -> str:
    """Write z as a column vector (latent, 1)."""
    linear = _write_linear(graph, features, calibrator.latent, "latent")
    inner = _write_linear(graph, features, calibrator.inner, "inner")
    graph.node("Sigmoid", [inner], "inner_gate")
    graph.node("Mul", [inner, "inner_gate"], "inner_silu")
    outer = _write_linear(graph, "inner_silu", calibrator.outer, "outer")
    return graph.node("Add", [linear, outer], "z")


def _write_normalisation(graph: GraphWriter, calibrator: ConcatSquash, features: str) -> dict[str, str]:
    mean = _write_linear(graph, features, calibrator.mean_current, "mean_current")
    graph.constant("as_row", [-1], np.int64)
    graph.constant("current_spread", calibrator.current_spread_a)
    graph.constant("mean_voltage", calibrator.mean_voltage_v[None, :])
    graph.constant("fold_input_scale", 1.0 / calibrator.current_spread_a.double())
    graph.constant("fold_output_scale", calibrator.ideal_spread_a)
    graph.constant("fold_skip", (calibrator.skip * calibrator.ideal_spread_a).detach())
    graph.node("Reshape", [mean, "as_row"], "mean_current_in_spreads")
    graph.node("Mul", ["mean_current_in_spreads", "current_spread"], "fold_input_shift")
    graph.node("MatMul", ["mean_voltage", CONDUCTANCE], "mean_ideal")
    graph.node("Reshape", ["mean_ideal", "as_row"], "fold_output_shift")
    names = ("input_shift", "input_scale", "output_shift", "output_scale", "skip")
    return {name: f"fold_{name}" for name in names}


def _write_linear(graph: GraphWriter, inputs: str, layer: torch.nn.Linear, name: str) -> str:
    graph.constant(f"{name}_weight", layer.weight.detach())
    graph.constant(f"{name}_bias", layer.bias.detach()[:, None])
    graph.node("MatMul", [f"{name}_weight", inputs], f"{name}_product")
    return graph.node("Add", [f"{name}_product", f"{name}_bias"], name)


def _write_network(graph: GraphWriter, fold: dict[str, Any]) -> None:
    graph.node("Sub", [CURRENT, fold["input_shift"]], "current_centred")
    graph.node("Mul", ["current_centred", fold["input_scale"]], "x_0")
    *hidden, (last_weight, last_bias) = fold["layers"]
    x = "x_0"
    for index, (weight, bias) in enumerate(hidden, start=1):
        graph.node("Gemm", [x, weight, bias], f"plain_{index}", transB=1)
        x = graph.node("Sigmoid", [f"plain_{index}"], f"x_{index}")
    graph.node("Gemm", [x, last_weight, last_bias], "network", transB=1)
    graph.node("Mul", ["network", fold["output_scale"]], "network_scaled")
    graph.node("Mul", ["x_0", fold["skip"]], "skipped")
    graph.node("Add", ["network_scaled", "skipped"], "correction")
    graph.node("Add", ["correction", fold["output_shift"]], CALIBRATED)
