"""Reader of ONNX files; operators that cannot be run are named with their nodes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.errors import FileFormatError, InputError, wanted
from crosscal.training.networks.graph.attributes import require_understood
from crosscal.training.networks.graph.folding import asks_for_dropout, fold_constants
from crosscal.training.networks.graph.graph import Graph, Node
from crosscal.training.networks.graph.operators import OPERATORS

SOFTMAX_PER_AXIS = 13
"""Since this version of the operators, Softmax works along one axis; before, on all from one axis on."""

FACTORS = "crosscal_factors"
"""Key of the metadata with the digital factors that weights were trained for."""


def read_onnx(path: str | Path) -> Graph:
    """Read a network.

    Raises:
        FileFormatError: no ONNX file, or one whose weights lie in another file that is not there.
        InputError: operators that cannot be run, or several inputs; each node is named.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
        _require_weights(model, Path(path))
        onnx.load_external_data_for_model(model, str(Path(path).parent))
    except FileNotFoundError:
        raise
    except (DecodeError, onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        got = f"{path}, no ONNX file ({' '.join(str(error).split())[:120]})"
        raise FileFormatError(
            wanted(got=got, allowed="a network in ONNX", remedy="export it again")
        ) from error
    if not model.graph.node:
        raise FileFormatError(
            wanted(got=f"{path} without a node", allowed="a network in ONNX", remedy="export it again")
        )
    return graph_of_model(model, str(path))


def _require_weights(model: Any, path: Path) -> None:
    """Refuse a network whose weights were left behind: torch's exporter writes them into a file beside it."""
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data
    from onnx.helper import tensor_dtype_to_np_dtype

    attributes = [attribute for node in model.graph.node for attribute in node.attribute]
    tensors = [*model.graph.initializer, *(each.t for each in attributes)]
    needed: dict[str, int] = {}
    for each in (tensor for tensor in tensors if uses_external_data(tensor)):
        info = ExternalDataInfo(each)
        size = info.length or math.prod(each.dims) * tensor_dtype_to_np_dtype(each.data_type).itemsize
        needed[info.location] = max(needed.get(info.location, 0), (info.offset or 0) + size)
    missing = sorted(name for name in needed if not (path.parent / name).is_file())
    cut = sorted(set(needed) - set(missing))
    cut = [name for name in cut if (path.parent / name).stat().st_size < needed[name]]
    if missing or cut:
        got = f"{path} without {', '.join(missing)} beside it, where its weights are"
        if cut:
            has, size = (path.parent / cut[0]).stat().st_size, needed[cut[0]]
            got = f"{path} with {cut[0]} cut off, at {has} bytes of {size} that its weights take"
        remedy = "copy that file too, or export with external_data=False"
        raise FileFormatError(wanted(got=got, allowed="both in one folder, whole", remedy=remedy))


def graph_of_model(model: Any, origin: str) -> Graph:
    """Turn a loaded model into a graph.

    Raises:
        InputError: see `read_onnx`.
    """
    from onnx import numpy_helper

    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    opset = max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=1)
    nodes = []
    for place, each in enumerate(model.graph.node):
        attributes = {attribute.name: _value(attribute) for attribute in each.attribute}
        name = each.name or f"{each.op_type}_{place}"
        operator = each.op_type if each.domain in ("", "ai.onnx") else f"{each.domain}.{each.op_type}"
        if operator in OPERATORS or operator == "Constant":
            require_understood(operator, name, attributes)
        if operator == "Constant":
            constants[each.output[0]] = _constant(attributes)
            continue
        if each.op_type in ("Softmax", "LogSoftmax") and opset < SOFTMAX_PER_AXIS:
            attributes = {"axis": attributes.get("axis", 1), "flattened": 1}
        plain = {
            key: value.ravel().tolist() if isinstance(value, np.ndarray) else value
            for key, value in attributes.items()
        }
        nodes.append(
            Node(
                operator=operator,
                name=name,
                inputs=tuple(each.input),
                outputs=tuple(each.output),
                attributes=plain,
            )
        )
    _require_known(nodes, origin)
    inputs = [each for each in model.graph.input if each.name not in constants]
    if len(inputs) != 1 or not model.graph.output:
        got = f"{origin} with the inputs {', '.join(each.name for each in inputs) or 'none'}"
        raise InputError(
            wanted(got=got, allowed="one input and an output", remedy="export a network of one input")
        )
    dims = inputs[0].type.tensor_type.shape.dim
    shape = tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in dims)
    graph = fold_constants(
        Graph(
            nodes=tuple(nodes),
            constants=constants,
            input=inputs[0].name,
            input_shape=shape[1:],
            fixed_batch=shape[0] if shape else None,
            output=model.graph.output[0].name,
            unused_outputs=tuple(each.name for each in model.graph.output[1:]),
            factors=_factors(model),
        )
    )
    _require_inference(graph)
    return graph


def _require_inference(graph: Graph) -> None:
    """Refuse dropout that a network asks for in inference too: its third input, before any chip runs it."""
    for node in graph.nodes:
        if asks_for_dropout(node, graph.constants):
            asked = node.inputs[2]
            got = f"Dropout with training_mode = {'true' if asked in graph.constants else asked}"
            got = f"{got} in node {node.name!r}"
            remedy = "export the network for inference, or replace that layer"
            raise InputError(wanted(got=got, allowed="training_mode = false", remedy=remedy))


def _require_known(nodes: list[Node], origin: str) -> None:
    unknown = [node for node in nodes if node.operator not in OPERATORS]
    if unknown:
        named = ", ".join(f"{node.operator} (node {node.name!r})" for node in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise InputError(
            wanted(
                got=f"{origin} with {named}{more}",
                allowed="Conv, Gemm, MatMul, pooling, normalisation, activations, sums, changes of shape",
                remedy="replace these layers, or end the network before them",
            )
        )


def _factors(model: Any) -> dict[str, float]:
    for each in model.metadata_props:
        if each.key == FACTORS:
            try:
                return {str(name): float(value) for name, value in json.loads(each.value).items()}
            except (ValueError, TypeError, AttributeError) as error:
                got = f"{FACTORS} = {each.value[:40]!r} in the metadata"
                raise FileFormatError(
                    wanted(got=got, allowed="one number for each weight", remedy="train the network again")
                ) from error
    return {}


def _value(attribute: Any) -> Any:
    import onnx
    from onnx import numpy_helper

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, onnx.GraphProto | onnx.SparseTensorProto | onnx.TypeProto):
        return attribute.name
    return [each.decode(errors="replace") if isinstance(each, bytes) else each for each in value]


def _constant(attributes: dict[str, Any]) -> np.ndarray:
    value = next(iter(attributes.values()))
    if isinstance(value, np.ndarray):
        return value
    return np.array(value, dtype=np.float32 if isinstance(np.asarray(value).flat[0], float) else np.int64)
