"""The two backends of `structured`: what torch computes and what the graph computes are the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from crosscal.training import GraphWriter
from crosscal.training.calibrators.structured.backend import Array, Backend, TorchBackend
from crosscal.training.calibrators.structured.graph_backend import GraphBackend

ROWS, COLUMNS = 3, 5


def positive(backend: Backend, a: Array) -> Array:
    """A symmetric positive matrix made of any, (3, 3)."""
    return a @ backend.swap(a, 2) + backend.constant(np.eye(ROWS))


EXPRESSIONS: dict[str, Callable[[Backend, Array], Array]] = {
    "arithmetic": lambda _, a: (2.0 - a) * 3.0 / (1.0 + a * a) + (-a) - 1.0 / (a * a + 2.0),
    "sums": lambda b, a: b.sum(a, -1) + b.sum(a * 2.0, -2),
    "largest": lambda b, a: a / b.largest(a),
    "product with the transpose": lambda b, a: positive(b, a),
    "cut and joined": lambda b, a: b.joined([b.cut(a, -1, 1, 3), b.cut(a, -1, 0, 2)], -1),
    "reshaped": lambda b, a: b.reshaped(a, (-1, ROWS)),
    "clipped": lambda b, a: b.clipped(a, -0.5, 0.25) + b.beyond(a, -0.5, 0.25),
    "numpy scalars on the left": lambda _, a: np.float64(2.0) * a + np.float64(1.0),
    "solved": lambda b, a: b.solved(positive(b, a), a, ROWS),
    "mapped": lambda b, a: b.mapped(
        lambda row: b.sum(a, 0) * b.sum(row * row, -1) + b.clipped(row, 0.0, 1.0),
        b.constant(np.linspace(-1.0, 1.0, 4 * COLUMNS).reshape(4, 1, COLUMNS)),
    ),
    "solved for a batch": lambda b, a: b.solved(
        b.reshaped(positive(b, a), (1, ROWS, ROWS)) * b.constant(np.array([1.0, 2.0])[:, None, None]),
        b.joined([b.reshaped(a, (1, ROWS, COLUMNS))] * 2, 0),
        ROWS,
    ),
}


def answer_of_graph(expression: Callable[[Backend, Array], Array], conductance: np.ndarray) -> np.ndarray:
    writer = GraphWriter((ROWS, COLUMNS))
    backend = GraphBackend(writer)
    backend.named(expression(backend, backend.double(backend.input("conductance"))), "answer")
    backend.named(backend.input("current"), "calibrated")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    model = onnx.load_from_string(writer.model())
    model.graph.output.append(onnx.helper.make_tensor_value_info("answer", onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    inputs = {"conductance": conductance, "current": np.zeros((1, COLUMNS), np.float32)}
    return session.run(["answer"], inputs)[0]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_graph_computes_what_torch_computes(name: str) -> None:
    conductance = np.random.default_rng(1).standard_normal((ROWS, COLUMNS)).astype(np.float32)
    wanted = EXPRESSIONS[name](TorchBackend(), torch.from_numpy(conductance).double())
    np.testing.assert_allclose(
        answer_of_graph(EXPRESSIONS[name], conductance), wanted.numpy(), rtol=1e-6, atol=1e-6
    )


def test_operands_of_two_types_are_refused_when_the_graph_is_written() -> None:
    backend = GraphBackend(GraphWriter((ROWS, COLUMNS)))
    with pytest.raises(TypeError, match="cast one of them"):
        backend.input("conductance") + backend.constant(np.zeros(COLUMNS))
