"""A calibrator's ONNX graph, node by node, so that every tensor has the name that the format promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Of ONNX 1.12 (2022), read by onnxruntime from 1.12 on; newer ones have nothing that is needed here.
OPSET = 17
IR_VERSION = 8

CONDUCTANCE = "conductance"
CURRENT = "current"
CALIBRATED = "calibrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFacts:
    """Facts of a calibrator on the graph it wrote (`docs/reference/calibrator_format.md`).

    Attributes:
        fold: names of the tensors that depend on the matrix alone, as the runtime's kernel of this kind asks
            for them; None for a kind without a kernel, run by onnxruntime.
        normalisation: of inputs and output, for people; plain JSON values.
    """

    fold: dict[str, Any] | None = None
    normalisation: dict[str, Any] = field(default_factory=dict)


class GraphWriter:
    """Collects nodes and constants; constants and results are named tensors that nodes refer to by name.

    Attributes:
        shape: array size (N, M). nodes: in the order of the graph.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: Any, dtype: type[np.generic] = np.float32) -> str:
        """Add a constant, float32 unless said otherwise, and return its name."""
        array = np.ascontiguousarray(np.asarray(values, dtype=dtype))
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def node(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node with one result, called `name`, and return that name."""
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def model(self) -> bytes:
        """Assemble and check the model with the inputs and the output of every calibrator file."""
        rows, columns = self.shape
        graph = helper.make_graph(
            self.nodes,
            "calibrator",
            [
                helper.make_tensor_value_info(CONDUCTANCE, TensorProto.FLOAT, [rows, columns]),
                helper.make_tensor_value_info(CURRENT, TensorProto.FLOAT, ["batch", columns]),
            ],
            [helper.make_tensor_value_info(CALIBRATED, TensorProto.FLOAT, ["batch", columns])],
            initializer=list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="crosscal",
        )
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)
