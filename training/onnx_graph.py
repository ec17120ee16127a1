"""A calibrator's ONNX graph, node by node, so that every tensor has the name that the format promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8

CONDUCTANCE = "conductance"
CURRENT = "current"
CALIBRATED = "calibrated"


class GraphWriter:
    """Collects nodes and constants; constants and results are named tensors that nodes refer to by name."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: Any, dtype: type[np.generic] = np.float32) -> str:
        """Add a constant, float32 unless said otherwise, and return its name."""
        array = np.ascontiguousarray(np.asarray(values, dtype=dtype))
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def node(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node with one result, called `name`, and return that name."""
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """Assemble the checked model with the inputs and the output that every calibrator file has."""
        rows, columns = self.shape
        graph = helper.make_graph(
            self._nodes,
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
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model
