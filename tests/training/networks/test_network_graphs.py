"""Graphs read from ONNX and torch: the same outputs as onnxruntime, and clear refusals."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from support.made_networks import small_network
from torch import nn

from crosscal.core.errors import FileFormatError, InputError, RangeError, ShapeError
from crosscal.training.networks.graph.onnx_reader import graph_of_model, read_onnx
from crosscal.training.networks.graph.running import GraphRunner
from crosscal.training.networks.graph.torch_module import module_to_onnx
from crosscal.training.networks.mapping.mapper import map_graph
from crosscal.training.networks.mapping.matrix_layer import split_matrix_layers


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(4, 8, 3, stride=2, dilation=2, padding=2, groups=2)
        self.right = nn.Conv2d(4, 8, 1, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        right = nn.functional.avg_pool2d(self.right(x), 3, stride=1, padding=1, count_include_pad=False)
        both = torch.cat([nn.functional.leaky_relu(self.left(x)), torch.tanh(self.norm(right))], dim=1)
        pooled = nn.functional.adaptive_avg_pool2d(both, 1)
        return torch.log_softmax(self.last(torch.clamp(pooled, -0.5, 0.8).flatten(1)), dim=1)


MODULES = {
    "small": (small_network, (1, 12, 12)),
    "branches": (Branches, (4, 11, 11)),
    "signal": (
        lambda: nn.Sequential(
            nn.Conv1d(3, 6, 5, stride=2, padding=2, dilation=2),
            nn.ELU(),
            nn.MaxPool1d(2, ceil_mode=True),
            nn.Flatten(),
            nn.Linear(6 * 7, 3),
            nn.Sigmoid(),
        ),
        (3, 32),
    ),
    "depthwise": (
        lambda: nn.Sequential(
            nn.Conv2d(6, 12, 3, groups=6, padding=1),
            nn.Hardswish(),
            nn.Conv2d(12, 4, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Softmax(dim=1),
        ),
        (6, 7, 5),
    ),
    "normalised": (
        lambda: nn.Sequential(nn.Linear(7, 9), nn.LayerNorm(9), nn.GELU(), nn.Linear(9, 2, bias=False)),
        (7,),
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_graph_gives_the_outputs_of_onnxruntime_before_and_after_its_matrices_are_taken_out(
    name: str,
) -> None:
    make, shape = MODULES[name]
    torch.manual_seed(1)
    model = module_to_onnx(make().eval(), shape)
    x = torch.randn(5, *shape)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"input": x.numpy()})[0]
    graph = graph_of_model(onnx.load_from_string(model), name)
    assert np.abs(GraphRunner(graph).run(x).numpy() - expected).max() < 1e-5
    split, layers = split_matrix_layers(graph)

    def by_vectors(number: int, value: torch.Tensor) -> torch.Tensor:
        layer = layers[number]
        vectors, outputs = layer.vectors(value)
        products = [v @ torch.from_numpy(w).T for v, w in zip(vectors, layer.weight, strict=True)]
        return layer.outputs_of(products, outputs) + layer.per_output(torch.from_numpy(layer.bias))

    def at_once(number: int, value: torch.Tensor) -> torch.Tensor:
        layer = layers[number]
        return layer.product(value, torch.from_numpy(layer.weight)) + layer.per_output(
            torch.from_numpy(layer.bias)
        )

    for multiply in (by_vectors, at_once):
        assert np.abs(GraphRunner(split).run(x, multiply).numpy() - expected).max() < 1e-5


def model_of(nodes: list, weights: dict[str, np.ndarray], shape: tuple, output: str = "y") -> onnx.ModelProto:
    return helper.make_model(
        helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )


def test_a_graph_written_for_one_image_runs_batches() -> None:
    rng = np.random.default_rng(0)
    weights = {
        "k": rng.normal(size=(4, 1, 3, 3)).astype(np.float32),
        "shape": np.array([1, -1]),
        "w": rng.normal(size=(144, 3)).astype(np.float32),
        "b": rng.normal(size=3).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"], auto_pad="SAME_UPPER"),
        helper.make_node("Reshape", ["a", "shape"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["y"]),
    ]
    model = model_of(nodes, weights, (1, 1, 6, 6))
    x = rng.normal(size=(3, 1, 6, 6)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = np.concatenate([session.run(None, {"x": image[None]})[0] for image in x])
    found = GraphRunner(graph_of_model(model, "net")).run(torch.from_numpy(x)).numpy()
    assert np.abs(found - expected).max() < 1e-5


def test_operators_that_cannot_be_run_are_named_with_their_nodes() -> None:
    nodes = [helper.make_node("LSTM", ["x", "w", "r"], ["y"], name="/encoder/LSTM", hidden_size=3)]
    weights = {name: np.zeros((1, 12, 3), dtype=np.float32) for name in ("w", "r")}
    with pytest.raises(InputError, match=r"LSTM \(node '/encoder/LSTM'\); allowed: .*Conv"):
        graph_of_model(model_of(nodes, weights, (None, 1, 3)), "net")


def test_weights_that_are_no_numbers_are_refused_with_their_node() -> None:
    weights = {"w": np.full((3, 2), np.nan, dtype=np.float32)}
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"], name="last")], weights, (None, 3))
    with pytest.raises(RangeError, match="6 weights that are NaN or infinite in node 'last'"):
        split_matrix_layers(graph_of_model(model, "net"))


def test_a_network_without_weights_and_a_file_that_is_none_are_refused(tmp_path) -> None:
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], {}, (None, 3))
    with pytest.raises(InputError, match="without any product by weights"):
        split_matrix_layers(graph_of_model(model, "net"))
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no network at all")
    with pytest.raises(FileFormatError, match=r"net\.onnx"):
        read_onnx(path)


def test_weights_in_another_file_are_read_and_missed_by_its_name(tmp_path) -> None:
    model = onnx.load_from_string(module_to_onnx(small_network(), (1, 12, 12)))
    path, whole = tmp_path / "net.onnx", graph_of_model(model, "whole")
    onnx.save(model, path, save_as_external_data=True, location="net.onnx.data", size_threshold=0)
    read = read_onnx(path)
    assert all(np.array_equal(read.constants[name], value) for name, value in whole.constants.items())
    (tmp_path / "net.onnx.data").unlink()
    with pytest.raises(FileFormatError, match=r"net.onnx without net.onnx.data beside it"):
        read_onnx(path)


def test_outputs_after_the_first_are_left_out_and_named() -> None:
    model = onnx.load_from_string(module_to_onnx(small_network(), (1, 12, 12)))
    model.graph.output.append(helper.make_tensor_value_info(model.graph.node[0].output[0], 1, None))
    network = map_graph(graph_of_model(model, "two"))
    assert f"left out: {model.graph.node[0].output[0]}" in network.notes[0]
    assert len(network.layers) == 4


def test_inputs_of_another_shape_name_the_layer() -> None:
    graph = graph_of_model(onnx.load_from_string(module_to_onnx(small_network(), (1, 12, 12))), "net")
    with pytest.raises(ShapeError, match=r"inputs of shape \(2, 3, 12, 12\).*node .*Conv"):
        GraphRunner(graph).run(torch.zeros(2, 3, 12, 12))
