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
from crosscal.training.networks.graph.attributes import ATTRIBUTES
from crosscal.training.networks.graph.onnx_reader import graph_of_model, read_onnx
from crosscal.training.networks.graph.operators import OPERATORS
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


def model_of(
    nodes: list, weights: dict[str, np.ndarray], shape: tuple, output: str = "y", opset: int = 13
) -> onnx.ModelProto:
    return helper.make_model(
        helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
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
    with pytest.raises(ShapeError, match=r"inputs of shape \(2, 3, 12, 12\) \(in node .*Conv"):
        GraphRunner(graph).run(torch.zeros(2, 3, 12, 12))


def gemm(inputs: list[str] | None = None, **attributes: object) -> onnx.NodeProto:
    return helper.make_node("Gemm", inputs or ["x", "w"], ["a"], name="product", **attributes)


def by_onnxruntime(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


LEADING_SHAPE = [
    helper.make_node("Shape", ["a"], ["s"]),
    helper.make_node("Gather", ["s", "zero"], ["n"]),
    helper.make_node("Unsqueeze", ["n", "first"], ["n1"]),
    helper.make_node("Concat", ["n1", "rest"], ["sizes"], axis=0),
    helper.make_node("Reshape", ["a", "sizes"], ["y"]),
]
SCALED = {"w": np.linspace(-9, 9, 16, dtype=np.float32).reshape(4, 4)}
PADDED = {"pads": np.array([1, 2]), "rows": np.array([0])}
CASES = {
    "scalar index": (
        [gemm(), *LEADING_SHAPE],
        {"zero": np.array(0), "first": np.array([0]), "rest": np.array([2, -1])},
    ),
    "part of a shape": (
        [
            gemm(),
            helper.make_node("Shape", ["a"], ["s"], start=-1),
            helper.make_node("Concat", ["first", "s"], ["sizes"], axis=0),
            helper.make_node("Reshape", ["a", "sizes"], ["y"]),
        ],
        {"first": np.array([-1])},
    ),
    "axes of a padding": ([gemm(), helper.make_node("Pad", ["a", "pads", "", "rows"], ["y"])], PADDED),
    "wrapped padding": (
        [
            helper.make_node("Unsqueeze", ["x", "one"], ["r"]),
            helper.make_node("MatMul", ["r", "w"], ["a"]),
            helper.make_node("Pad", ["a", "pads"], ["y"], mode="wrap"),
        ],
        {"one": np.array([1]), "pads": np.array([0, 0, 1, 0, 0, 2])},
    ),
    "small whole numbers": (
        [
            gemm(),
            helper.make_node("Cast", ["a"], ["i"], to=TensorProto.INT8),
            helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
        ],
        {},
    ),
    "selu": ([gemm(), helper.make_node("Selu", ["a"], ["y"], alpha=1.2, gamma=2.0)], {}),
    "usual selu": ([gemm(), helper.make_node("Selu", ["a"], ["y"])], {}),
    "all rows": ([gemm(), helper.make_node("Flatten", ["a"], ["y"], axis=2)], {}),
    "nothing reduced": ([gemm(), helper.make_node("ReduceSum", ["a"], ["y"], noop_with_empty_axes=1)], {}),
    "one number added": (
        [gemm(["x", "w", "c"]), helper.make_node("Relu", ["a"], ["y"])],
        {"c": np.float32(2)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_attributes_and_inputs_count_as_in_onnxruntime(name: str) -> None:
    nodes, constants = CASES[name]
    model = model_of(nodes, SCALED | constants, ("n", 4), opset=19)
    x = np.random.default_rng(3).normal(size=(4, 4)).astype(np.float32)
    expected = by_onnxruntime(model, x)
    split, layers = split_matrix_layers(graph_of_model(model, name))

    def multiply(_: int, value: torch.Tensor) -> torch.Tensor:
        return layers[0].product(value, torch.from_numpy(layers[0].weight)) + torch.from_numpy(layers[0].bias)

    found = GraphRunner(split).run(torch.from_numpy(x), multiply).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("legacy", ["view", "unpacked"])
def test_sizes_that_torch_reads_off_a_free_batch_are_run(legacy: str) -> None:
    class Sized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(1, 4, 3), nn.Linear(16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(x)
            if legacy == "unpacked":
                b, c, h, w = x.shape
                x = x.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)
            return self.last(x.view(x.size(0), -1))

    module, x = Sized().eval(), torch.randn(5, 1, 4, 4)
    graph = graph_of_model(onnx.load_from_string(module_to_onnx(module, (1, 4, 4))), legacy)
    assert (GraphRunner(graph).run(x) - module(x)).abs().max() < 1e-5


REFUSED = {
    "AveragePool": ({"kernel_shape": [2], "dilations": [2]}, r"dilations = \[2\].*the attributes dilations"),
    "BatchNormalization": ({"training_mode": 1}, "training_mode = 1.*training_mode = 0"),
    "Cast": ({"to": TensorProto.STRING}, "to = 8.*the attributes to = 1, 2"),
    "Selu": ({"unheard_of": 3.0}, "unheard_of = 3.0.*the attributes alpha, gamma"),
    "Relu": ({"consumed_inputs": [0]}, "consumed_inputs.*the attributes none"),
    "Constant": ({"value_string": "3"}, "value_string = 3"),
}


@pytest.mark.parametrize("operator", REFUSED)
def test_attributes_that_would_be_ignored_are_refused_with_the_node(operator: str) -> None:
    attributes, message = REFUSED[operator]
    node = helper.make_node(operator, ["a"], ["y"], name="odd", **attributes)
    with pytest.raises(InputError, match=rf"{operator} with {message}") as refused:
        graph_of_model(model_of([gemm(), node], SCALED, ("n", 4)), "net")
    assert "node 'odd'" in str(refused.value)


@pytest.mark.parametrize("asked", [None, False, True])
def test_dropout_is_run_in_inference_and_refused_where_training_mode_asks_for_it(asked: bool | None) -> None:
    inputs = ["a", "ratio"] + ([] if asked is None else ["train"])
    nodes = [gemm(), helper.make_node("Dropout", inputs, ["y"], name="odd")]
    constants = SCALED | {"ratio": np.float32(0.5), "train": np.array(asked is True)}
    model = model_of(nodes, constants, ("n", 4))
    if asked:
        with pytest.raises(InputError, match=r"training_mode = true in node 'odd'; allowed: .*false"):
            graph_of_model(model, "net")
    else:
        assert "Dropout" in {node.operator for node in graph_of_model(model, "net").nodes}


def test_dropout_of_weights_is_looked_at_too() -> None:
    nodes = [
        helper.make_node("Dropout", ["w", "ratio", "train"], ["w2"], name="odd"),
        helper.make_node("Gemm", ["x", "w2"], ["y"], name="product"),
    ]
    constants = {"w": np.ones((4, 4), np.float32), "ratio": np.float32(0.5), "train": np.array(True)}
    with pytest.raises(InputError, match="training_mode = true in node 'odd'"):
        graph_of_model(model_of(nodes, constants, ("n", 4)), "net")


def test_every_operator_that_onnx_gives_attributes_has_those_it_understands_declared() -> None:
    assert set(ATTRIBUTES) - {"Constant"} <= set(OPERATORS)
    for operator in OPERATORS:
        known = {
            name
            for schema in onnx.defs.get_all_schemas_with_history()
            if schema.name == operator and schema.domain == ""
            for name in schema.attributes
        }
        assert set(ATTRIBUTES.get(operator, {})) <= known, f"{operator}: no attribute of ONNX"


def test_a_constant_that_differs_between_inputs_of_a_batch_is_refused() -> None:
    weights = SCALED | {"c": np.ones((4, 1), dtype=np.float32)}
    graph = graph_of_model(model_of([gemm(["x", "w", "c"])], weights, (4, 4), output="a"), "net")
    with pytest.raises(
        InputError, match=r"node 'product' with a constant of shape \(4, 1\) added; allowed: .*\(4,\)"
    ):
        split_matrix_layers(graph)


def test_constants_written_for_one_input_are_joined_to_a_batch() -> None:
    rng = np.random.default_rng(5)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Expand", ["class", "one"], ["row"]),
        helper.make_node("Concat", ["row", "a"], ["y"], axis=1),
    ]
    weights = SCALED | {"class": rng.normal(size=(1, 1, 4)).astype(np.float32), "one": np.array([1, 1, 4])}
    model, x = model_of(nodes, weights, (1, 3, 4)), rng.normal(size=(3, 3, 4)).astype(np.float32)
    expected = np.concatenate([by_onnxruntime(model, each[None]) for each in x])
    found = GraphRunner(graph_of_model(model, "net")).run(torch.from_numpy(x)).numpy()
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (helper.make_node("Concat", ["a", "a"], ["y"], name="join"), "'axis' is missing"),
        (helper.make_node("Relu", ["a", "a"], ["y"], name="join"), "takes 1 positional|argument"),
        (helper.make_node("Relu", ["nowhere"], ["y"], name="join"), "'nowhere' is missing"),
        (helper.make_node("MatMul", ["a", "a"], ["y"], name="join"), "cannot be multiplied"),
    ],
)
def test_faults_of_the_network_are_not_blamed_on_the_data(node: onnx.NodeProto, message: str) -> None:
    graph = graph_of_model(model_of([gemm(), node], SCALED, ("n", 4)), "net")
    with pytest.raises(ShapeError, match=rf"network that itself does not fit in node 'join' .*({message})"):
        GraphRunner(graph).run(torch.zeros(3, 4))


def test_a_fault_of_constants_names_the_node() -> None:
    nodes = [
        helper.make_node("Concat", ["w", "w"], ["w2"], name="join"),
        helper.make_node("MatMul", ["x", "w2"], ["y"]),
    ]
    with pytest.raises(InputError, match=r"constants that node 'join' cannot take .*'axis' is missing"):
        graph_of_model(model_of(nodes, SCALED, ("n", 4)), "net")


def test_weights_of_a_node_and_weights_that_are_cut_off_are_missed_by_their_files_name(tmp_path) -> None:
    weight = numpy_helper.from_array(SCALED["w"], "w")
    constant = helper.make_node("Constant", [], ["w"], value=weight)
    path = tmp_path / "net.onnx"
    onnx.save(
        model_of([constant, gemm()], {}, ("n", 4), output="a"),
        path,
        save_as_external_data=True,
        location="net.data",
        size_threshold=0,
        convert_attribute=True,
    )
    assert np.array_equal(read_onnx(path).constants["w"], SCALED["w"])
    whole = (tmp_path / "net.data").read_bytes()
    (tmp_path / "net.data").write_bytes(whole[:20])
    with pytest.raises(FileFormatError, match=f"net.data cut off, at 20 bytes of {len(whole)}"):
        read_onnx(path)
    (tmp_path / "net.data").unlink()
    with pytest.raises(FileFormatError, match=r"net.onnx without net.data beside it"):
        read_onnx(path)


def test_products_by_constants_that_stay_digital_are_noted() -> None:
    nodes = [gemm(), helper.make_node("MatMul", ["left", "a"], ["y"], name="across")]
    weights = SCALED | {"left": np.ones((2, 128, 128), dtype=np.float32)}
    network = map_graph(graph_of_model(model_of(nodes, weights, ("n", 4)), "net"))
    assert (
        "products by constants that stay digital: across (a constant of shape (2, 128, 128))" in network.notes
    )


def test_a_network_that_does_not_say_the_shape_of_its_inputs_asks_for_data() -> None:
    model = model_of([gemm()], SCALED, (), output="a")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    graph = graph_of_model(model, "net")
    with pytest.raises(ShapeError, match=r"does not say the shape of its inputs.*--ranges-from"):
        map_graph(graph)
    assert len(map_graph(graph, ranges_from=np.ones((9, 4), dtype=np.float32)).layers) == 1
