"""The exported file: the same answers as torch, folded exactly, from nothing but what the format promises."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from support.random_board import RandomBoard

import crosscal
from crosscal.core.errors import CalibratorFileError, ShapeError
from crosscal.training import (
    Measurements,
    TrainingPlan,
    TrainingResult,
    calibrate,
    calibrator_names,
    export_calibrator,
    train,
)
from crosscal.training.calibrators.concatsquash.calibrator import ConcatSquash
from crosscal.training.calibrators.concatsquash.graph import write_concatsquash
from crosscal.training.calibrators.graph_writer import GraphWriter

CASES = [
    *((name, shape) for name in calibrator_names() for shape in ((6, 5), (3, 9))),
    *(("concatsquash", shape) for shape in ((9, 2), (1, 4), (4, 1), (1, 1))),
]


@cache
def trained(name: str, shape: tuple[int, int]) -> tuple[TrainingResult, Measurements]:
    """A briefly trained calibrator and fresh matrices."""
    rng = np.random.default_rng([*shape, 5])
    board = RandomBoard.drawn(*shape, rng)
    result = train(TrainingPlan(calibrator=name, seed=3, max_epochs=3), board.measured(24, 20, rng))
    return result, board.measured(4, 7, rng)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_onnxruntime_alone_gives_what_torch_gives(name: str, shape: tuple[int, int], tmp_path: Path) -> None:
    result, fresh = trained(name, shape)
    path = tmp_path / "calibrator.onnx"
    export_calibrator(result, path)
    session = onnxruntime.InferenceSession(path)
    expected_a = calibrate(result.calibrator, fresh.conductance_s, fresh.current_a)
    for k in range(fresh.matrices):
        inputs = {
            "conductance": fresh.conductance_s[k].astype(np.float32),
            "current": fresh.current_a[k].astype(np.float32),
        }
        (found_a,) = session.run(["calibrated"], inputs)
        # Single precision over a hundred additions, relative to the largest current.
        assert np.abs(found_a - expected_a[k]).max() < 5e-6 * np.abs(expected_a[k]).max()
    assert [path.name for path in tmp_path.iterdir()] == ["calibrator.onnx"]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_the_runtime_gives_what_torch_gives(name: str, shape: tuple[int, int], tmp_path: Path) -> None:
    result, fresh = trained(name, shape)
    path = tmp_path / "calibrator.onnx"
    export_calibrator(result, path)
    calibrator = crosscal.load_calibrator(path)
    expected_a = calibrate(result.calibrator, fresh.conductance_s, fresh.current_a)
    for k in range(fresh.matrices):
        found_a = calibrator.program(fresh.conductance_s[k])(fresh.current_a[k])
        assert np.abs(found_a - expected_a[k]).max() < 1e-5 * np.abs(expected_a[k]).max()


@pytest.mark.parametrize("name", calibrator_names())
def test_inputs_and_output_are_those_of_the_format(name: str, tmp_path: Path) -> None:
    result, _ = trained(name, (6, 5))
    path = tmp_path / "calibrator.onnx"
    export_calibrator(result, path)
    graph = onnx.load(path).graph
    tensors = {value.name: value.type.tensor_type for value in (*graph.input, *graph.output)}
    shapes = {
        name: [dim.dim_param or dim.dim_value for dim in tensor.shape.dim] for name, tensor in tensors.items()
    }
    assert shapes == {"conductance": [6, 5], "current": ["batch", 5], "calibrated": ["batch", 5]}
    assert {tensor.elem_type for tensor in tensors.values()} == {onnx.TensorProto.FLOAT}


def folded(model: onnx.ModelProto, names: list[str], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Values of tensors inside the graph."""
    for name in names:
        if name not in {value.name for value in model.graph.output}:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return dict(zip(names, session.run(names, inputs), strict=True))


def test_for_one_matrix_the_network_is_exactly_a_plain_perceptron() -> None:
    result, fresh = trained("concatsquash", (6, 5))
    calibrator = result.calibrator
    assert isinstance(calibrator, ConcatSquash)
    graph = GraphWriter(calibrator.shape)
    fold = write_concatsquash(graph, calibrator).fold
    assert fold is not None
    ends = ("input_shift", "input_scale", "output_shift", "output_scale", "skip")
    names = [name for layer in fold["layers"] for name in layer] + [fold[end] for end in ends]
    conductance = fresh.conductance_s[0].astype(np.float32)
    model = onnx.load_from_string(graph.model())
    inputs = {"conductance": conductance, "current": np.zeros((1, 5), dtype=np.float32)}
    tensors = {name: value.astype(float) for name, value in folded(model, names, inputs).items()}
    # Nothing of the fold may depend on the currents.
    inputs["current"] = np.full((3, 5), 1e-3, dtype=np.float32)
    for name, value in folded(model, names, inputs).items():
        np.testing.assert_array_equal(value, tensors[name])

    shift, scale, out_shift, out_scale, skip = (tensors[fold[end]] for end in ends)
    x_0 = (fresh.current_a[0] - shift) * scale
    x = x_0
    for index, (weight, bias) in enumerate(fold["layers"]):
        x = x @ tensors[weight].T + tensors[bias]
        if index < len(fold["layers"]) - 1:
            x = 1.0 / (1.0 + np.exp(-x))
    plain_a = out_shift + out_scale * x + skip * x_0
    expected_a = calibrate(calibrator, fresh.conductance_s[:1], fresh.current_a[:1])[0]
    # Only the rounding of the folded tensors to single precision is left.
    np.testing.assert_allclose(plain_a, expected_a, atol=2e-6 * np.abs(expected_a).max())


def test_folded_weights_are_the_gated_weights_of_the_paper_s_layer() -> None:
    result, fresh = trained("concatsquash", (6, 5))
    calibrator = result.calibrator
    assert isinstance(calibrator, ConcatSquash)
    graph = GraphWriter(calibrator.shape)
    fold = write_concatsquash(graph, calibrator).fold
    assert fold is not None
    conductance = fresh.conductance_s[1].astype(np.float32)
    tensors = folded(
        onnx.load_from_string(graph.model()),
        ["z", *fold["layers"][1]],
        {"conductance": conductance, "current": np.zeros((1, 5), dtype=np.float32)},
    )
    z = torch.from_numpy(tensors["z"][:, 0])
    layer = calibrator.layers[1]
    with torch.no_grad():
        gate = torch.sigmoid(layer.gate_weight @ z + layer.gate_bias)
        weight, bias = gate[:, None] * layer.weight, gate * layer.bias + layer.shift_weight @ z
        x = torch.linspace(0.0, 1.0, layer.weight.shape[1])
        # (W1 x + b1) ⊙ σ(W2 z + b2) + W3 z
        paper = (layer.weight @ x + layer.bias) * gate + layer.shift_weight @ z
        torch.testing.assert_close(layer(x[None, None], z[None])[0, 0], paper)
    name_of_weight, name_of_bias = fold["layers"][1]
    np.testing.assert_allclose(tensors[name_of_weight], weight.numpy(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(tensors[name_of_bias], bias.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", calibrator_names())
def test_the_file_says_where_it_comes_from(name: str, tmp_path: Path) -> None:
    result, _ = trained(name, (6, 5))
    export_calibrator(result, tmp_path / "calibrator.onnx", provenance={"run": "run.h5"})
    metadata = crosscal.load_calibrator(tmp_path / "calibrator.onnx").metadata
    assert metadata is not None
    assert (metadata.kind, metadata.rows, metadata.columns) == (name, 6, 5)
    provenance = metadata.provenance
    assert (provenance["seed"], provenance["run"]) == (3, "run.h5")
    assert provenance["training_matrices"] + provenance["validation_matrices"] == 24
    assert set(provenance["versions"]) >= {"crosscal", "torch"}


def test_the_range_of_matrices_reaches_the_limits_that_targets_were_drawn_from(tmp_path: Path) -> None:
    result, _ = trained("affine", (6, 5))
    export_calibrator(result, tmp_path / "calibrator.onnx")
    metadata = crosscal.load_calibrator(tmp_path / "calibrator.onnx").metadata
    assert metadata is not None
    low_s, high_s = metadata.conductance_range_s
    assert 15e-6 < low_s <= 16.6e-6
    assert 100e-6 <= high_s < 102e-6


def test_the_same_training_gives_the_same_bytes(tmp_path: Path) -> None:
    result, _ = trained("concatsquash", (6, 5))
    for name in ("first.onnx", "second.onnx"):
        export_calibrator(result, tmp_path / name)
    assert (tmp_path / "first.onnx").read_bytes() == (tmp_path / "second.onnx").read_bytes()


def test_an_export_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    result, _ = trained("affine", (6, 5))
    path = tmp_path / "calibrator.onnx"
    export_calibrator(result, path)
    before = path.read_bytes()
    with torch.no_grad():
        kept = result.calibrator.gain.clone()
        result.calibrator.gain.fill_(float("nan"))
        try:
            with pytest.raises((CalibratorFileError, ValueError)):
                export_calibrator(result, path)
        finally:
            result.calibrator.gain.copy_(kept)
    assert path.read_bytes() == before


def test_a_matrix_of_another_board_is_refused(tmp_path: Path) -> None:
    result, _ = trained("concatsquash", (6, 5))
    export_calibrator(result, tmp_path / "calibrator.onnx")
    with pytest.raises(ShapeError):
        crosscal.load_calibrator(tmp_path / "calibrator.onnx").program(np.full((5, 6), 50e-6))


def operands_transposed_in_double(model: onnx.ModelProto) -> list[str]:
    """Matrix products of float64 in front of which a computed result is transposed."""
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    constants = {tensor.name for tensor in model.graph.initializer}
    transposed = {
        node.output[0]
        for node in model.graph.node
        if node.op_type == "Transpose"
        and node.input[0] not in constants
        and types.get(node.output[0]) == onnx.TensorProto.DOUBLE
    }
    return [
        node.name for node in model.graph.node if node.op_type == "MatMul" and transposed & set(node.input)
    ]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_nothing_is_written_that_onnxruntime_fuses_without_a_kernel_for_it(
    name: str, shape: tuple[int, int], tmp_path: Path
) -> None:
    """Up to 1.25, Transpose and MatMul of float64 become FusedMatMul, and the file does not load."""
    result, _ = trained(name, shape)
    export_calibrator(result, tmp_path / "calibrator.onnx")
    assert operands_transposed_in_double(onnx.load(tmp_path / "calibrator.onnx")) == []


def test_the_shipped_calibrator_has_nothing_that_onnxruntime_fuses_without_a_kernel_for_it() -> None:
    shipped = Path(crosscal.__file__).parent / "shipped" / "demo.onnx"
    assert operands_transposed_in_double(onnx.load(shipped)) == []
