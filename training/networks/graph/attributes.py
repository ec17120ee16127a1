"""Attributes that the operators understand, by name in ONNX; all others are refused, not ignored."""

from __future__ import annotations

from typing import Any

from crosscal.core.errors import InputError, wanted
from crosscal.training.networks.graph.shape_operators import PADDINGS, TYPES

ANY = None
"""Any value, as an operator's code reads it, or as it changes nothing in inference."""

_WINDOW: dict[str, tuple | None] = {
    "auto_pad": ANY,
    "dilations": ANY,
    "kernel_shape": ANY,
    "pads": ANY,
    "strides": ANY,
}
_REDUCED: dict[str, tuple | None] = {"axes": ANY, "keepdims": ANY, "noop_with_empty_axes": ANY}

ATTRIBUTES: dict[str, dict[str, tuple | None]] = {
    "ArgMax": {"axis": ANY, "keepdims": ANY, "select_last_index": (0,)},
    "AveragePool": _WINDOW
    | {"ceil_mode": ANY, "count_include_pad": ANY, "dilations": ([1], [1, 1], [1, 1, 1])},
    "BatchNormalization": {"epsilon": ANY, "momentum": ANY, "spatial": (1,), "training_mode": (0,)},
    "Cast": {"saturate": ANY, "to": tuple(TYPES)},
    "Celu": {"alpha": ANY},
    "Clip": {"min": ANY, "max": ANY},
    "Concat": {"axis": ANY},
    "Constant": {
        "value": ANY,
        "value_float": ANY,
        "value_floats": ANY,
        "value_int": ANY,
        "value_ints": ANY,
    },
    "ConstantOfShape": {"value": ANY},
    "Conv": _WINDOW | {"group": ANY},
    "Dropout": {"ratio": ANY, "seed": ANY},
    "Elu": {"alpha": ANY},
    "Flatten": {"axis": ANY},
    "Gather": {"axis": ANY},
    "Gelu": {"approximate": ("none", "tanh")},
    "Gemm": {"alpha": ANY, "beta": ANY, "transA": ANY, "transB": ANY},
    "HardSigmoid": {"alpha": ANY, "beta": ANY},
    "InstanceNormalization": {"epsilon": ANY},
    "LRN": {"alpha": ANY, "beta": ANY, "bias": ANY, "size": ANY},
    "LayerNormalization": {"axis": ANY, "epsilon": ANY, "stash_type": ANY},
    "LeakyRelu": {"alpha": ANY},
    "LogSoftmax": {"axis": ANY},
    "MaxPool": _WINDOW | {"ceil_mode": ANY, "storage_order": ANY},
    "Pad": {"mode": tuple(PADDINGS), "pads": ANY, "value": ANY},
    "ReduceMax": _REDUCED,
    "ReduceMean": _REDUCED,
    "ReduceSum": _REDUCED,
    "Reshape": {"allowzero": ANY, "shape": ANY},
    "Selu": {"alpha": ANY, "gamma": ANY},
    "Shape": {"end": ANY, "start": ANY},
    "Slice": {"axes": ANY, "ends": ANY, "starts": ANY},
    "Softmax": {"axis": ANY},
    "Split": {"axis": ANY, "num_outputs": ANY, "split": ANY},
    "Squeeze": {"axes": ANY},
    "Transpose": {"perm": ANY},
    "Unsqueeze": {"axes": ANY},
}
"""With the values that each may have; an operator that is missing has none."""


def require_understood(operator: str, name: str, attributes: dict[str, Any]) -> None:
    """Refuse attributes, or values of them, that would be ignored.

    Args:
        operator: in ONNX.
        name: of the node.
        attributes: as the file has them.

    Raises:
        InputError: one of them; the node is named.
    """
    understood = ATTRIBUTES.get(operator, {})
    for key, value in attributes.items():
        allowed = understood.get(key, ())
        if allowed is ANY or value in allowed:
            continue
        got = f"{operator} with {key} = {str(value)[:40]} in node {name!r}"
        values = (
            f"{key} = {', '.join(map(str, allowed))}" if allowed else ", ".join(sorted(understood)) or "none"
        )
        remedy = "export the network for inference, or replace that layer"
        raise InputError(wanted(got=got, allowed=f"the attributes {values}", remedy=remedy))
