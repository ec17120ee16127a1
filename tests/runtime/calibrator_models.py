"""Small calibrators built with the onnx package, and the same mathematics in plain numpy."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from crosscal.runtime import CalibratorMetadata, ParityProbes

CONDUCTANCE_RANGE_S = (16.6e-6, 100e-6)
LARGEST_INPUT_V = 0.5


@dataclass(frozen=True, kw_only=True)
class Model:
    """An ONNX model, what its metadata say, and its twin in float64 numpy."""

    onnx_model: onnx.ModelProto
    kind: str
    fold: dict[str, Any]
    rows: int
    columns: int
    parameters: dict[str, np.ndarray]

    @property
    def content(self) -> bytes:
        return self.onnx_model.SerializeToString()

    def matrix(self, rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(*CONDUCTANCE_RANGE_S, (self.rows, self.columns))

    def currents(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """Plausible readings: a full column's current, spread as inputs spread it."""
        largest = self.rows * CONDUCTANCE_RANGE_S[1] * LARGEST_INPUT_V
        return rng.uniform(0.2, 0.9, (batch, self.columns)) * largest

    def expected(self, conductance_s: np.ndarray, current_a: np.ndarray) -> np.ndarray:
        twin = {"affine": _affine_twin, "concatsquash": _concatsquash_twin}[self.kind]
        return twin(self.parameters, conductance_s.astype(np.float64), current_a.astype(np.float64))

    def parity_probes(self, rng: np.random.Generator) -> ParityProbes:
        matrices = np.stack([self.matrix(rng) for _ in range(2)]).astype(np.float32)
        currents = np.stack([self.currents(rng, 3) for _ in range(2)]).astype(np.float32)
        answers = np.stack([self.expected(g, i) for g, i in zip(matrices, currents, strict=True)])
        return ParityProbes(conductance_s=matrices, current_a=currents, calibrated_a=answers)

    def metadata(self, rng: np.random.Generator, **changes: Any) -> CalibratorMetadata:
        largest = self.rows * CONDUCTANCE_RANGE_S[1] * LARGEST_INPUT_V
        facts: dict[str, Any] = {
            "kind": self.kind,
            "rows": self.rows,
            "columns": self.columns,
            "conductance_range_s": CONDUCTANCE_RANGE_S,
            "current_range_a": (0.2 * largest, 0.9 * largest),
            "parity_probes": self.parity_probes(rng),
            "fold": self.fold,
        }
        return CalibratorMetadata(**(facts | changes))


def affine_model(rows: int, columns: int, rng: np.random.Generator) -> Model:
    """Gain and offset of a column follow from the sum of its conductances."""
    parameters = {
        "slope": rng.uniform(500.0, 1000.0, columns),
        "gain_at_zero": rng.uniform(1.0, 1.2, columns),
        "offset_v": rng.uniform(0.01, 0.02, columns),
    }
    nodes = [
        helper.make_node("ReduceSum", ["conductance", "axis"], ["column_sum"], keepdims=0),
        helper.make_node("Mul", ["column_sum", "slope"], ["bend"]),
        helper.make_node("Add", ["bend", "gain_at_zero"], ["fold_gain"]),
        helper.make_node("Mul", ["column_sum", "offset_v"], ["fold_offset"]),
        helper.make_node("Mul", ["current", "fold_gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "fold_offset"], ["calibrated"]),
    ]
    return Model(
        onnx_model=_model(nodes, parameters, rows, columns),
        kind="affine",
        fold={"gain": "fold_gain", "offset": "fold_offset"},
        rows=rows,
        columns=columns,
        parameters=parameters,
    )


def concatsquash_model(
    rows: int,
    columns: int,
    rng: np.random.Generator,
    *,
    hidden: tuple[int, ...] = (12, 10),
    activation: str = "sigmoid",
) -> Model:
    """The seed paper's layers, folded in the graph; the encoder is one linear layer with tanh."""
    largest = rows * CONDUCTANCE_RANGE_S[1] * LARGEST_INPUT_V
    code = 6
    widths = (columns, *hidden, columns)
    parameters = {
        "encoder": rng.normal(0.0, 1.0 / rows / columns, (rows * columns, code)) / CONDUCTANCE_RANGE_S[1],
        "input_shift": rng.uniform(0.4, 0.5, columns) * largest,
        "input_scale": rng.uniform(2.0, 4.0, columns) / largest,
        "output_shift": rng.uniform(0.4, 0.5, columns) * largest,
        "output_scale": rng.uniform(0.05, 0.1, columns) * largest,
        "skip": rng.uniform(0.1, 0.2, columns) * largest,
    }
    nodes = [
        helper.make_node("Reshape", ["conductance", "one_row"], ["flat"]),
        helper.make_node("MatMul", ["flat", "encoder"], ["coded"]),
        helper.make_node("Tanh", ["coded"], ["code"]),
        helper.make_node("Sub", ["current", "input_shift"], ["centred"]),
        helper.make_node("Mul", ["centred", "input_scale"], ["x0"]),
    ]
    layers = []
    for i, (inputs, units) in enumerate(itertools.pairwise(widths)):
        parameters |= {
            f"weight_{i}": rng.normal(0.0, 1.5 / np.sqrt(inputs), (units, inputs)),
            f"bias_{i}": rng.normal(0.0, 0.3, units),
            f"squash_{i}": rng.normal(0.0, 0.5, (code, units)),
            f"hyper_{i}": rng.normal(0.0, 0.5, (code, units)),
        }
        last = i == len(widths) - 2
        nodes += [
            helper.make_node("MatMul", ["code", f"squash_{i}"], [f"s_logit_{i}"]),
            helper.make_node("Sigmoid", [f"s_logit_{i}"], [f"s_row_{i}"]),
            helper.make_node("Reshape", [f"s_row_{i}", "as_vector"], [f"s_{i}"]),
            helper.make_node("Reshape", [f"s_row_{i}", "as_column"], [f"s_column_{i}"]),
            helper.make_node("Mul", [f"s_column_{i}", f"weight_{i}"], [f"fold_weight_{i}"]),
            helper.make_node("MatMul", ["code", f"hyper_{i}"], [f"t_row_{i}"]),
            helper.make_node("Reshape", [f"t_row_{i}", "as_vector"], [f"t_{i}"]),
            helper.make_node("Mul", [f"s_{i}", f"bias_{i}"], [f"squashed_bias_{i}"]),
            helper.make_node("Add", [f"squashed_bias_{i}", f"t_{i}"], [f"fold_bias_{i}"]),
            helper.make_node(
                "Gemm",
                [f"x{i}", f"fold_weight_{i}", f"fold_bias_{i}"],
                ["answer" if last else f"y{i}"],
                transB=1,
            ),
        ]
        if not last:
            nodes.append(helper.make_node(activation.capitalize(), [f"y{i}"], [f"x{i + 1}"]))
        layers.append([f"fold_weight_{i}", f"fold_bias_{i}"])
    nodes += [
        helper.make_node("Mul", ["answer", "output_scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "output_shift"], ["shifted"]),
        helper.make_node("Mul", ["x0", "skip"], ["skipped"]),
        helper.make_node("Add", ["shifted", "skipped"], ["calibrated"]),
    ]
    names = ("input_shift", "input_scale", "output_shift", "output_scale", "skip")
    return Model(
        onnx_model=_model(nodes, parameters, rows, columns),
        kind="concatsquash",
        fold={"layers": layers, "activation": activation, **{name: name for name in names}},
        rows=rows,
        columns=columns,
        parameters=parameters | {"activation": np.array(activation)},
    )


def _affine_twin(p: dict[str, np.ndarray], conductance_s: np.ndarray, current_a: np.ndarray) -> np.ndarray:
    column_sum = conductance_s.sum(axis=0)
    return current_a * (p["gain_at_zero"] + p["slope"] * column_sum) + p["offset_v"] * column_sum


def _concatsquash_twin(
    p: dict[str, np.ndarray], conductance_s: np.ndarray, current_a: np.ndarray
) -> np.ndarray:
    """Layer by layer as the paper writes it, nothing folded."""

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + np.exp(-x))

    z = np.tanh(conductance_s.reshape(-1) @ p["encoder"])
    x0 = (current_a - p["input_shift"]) * p["input_scale"]
    activation = {"sigmoid": sigmoid, "tanh": np.tanh}[str(p["activation"])]
    x = x0
    layers = sum(name.startswith("weight_") for name in p)
    for i in range(layers):
        x = (x @ p[f"weight_{i}"].T + p[f"bias_{i}"]) * sigmoid(z @ p[f"squash_{i}"]) + z @ p[f"hyper_{i}"]
        if i < layers - 1:
            x = activation(x)
    return p["output_shift"] + p["output_scale"] * x + p["skip"] * x0


def _model(
    nodes: list[onnx.NodeProto], parameters: dict[str, np.ndarray], rows: int, columns: int
) -> onnx.ModelProto:
    shapes = {"axis": [0], "one_row": [1, -1], "as_vector": [-1], "as_column": [-1, 1]}
    constants = [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in parameters.items()
    ]
    constants += [
        numpy_helper.from_array(np.array(value, dtype=np.int64), name) for name, value in shapes.items()
    ]
    graph = helper.make_graph(
        nodes,
        "calibrator",
        [
            helper.make_tensor_value_info("conductance", TensorProto.FLOAT, [rows, columns]),
            helper.make_tensor_value_info("current", TensorProto.FLOAT, ["batch", columns]),
        ],
        [helper.make_tensor_value_info("calibrated", TensorProto.FLOAT, ["batch", columns])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
