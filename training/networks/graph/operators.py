"""Operators of ONNX in torch, for the layers that stay digital and for reference."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from crosscal.training.networks.graph.graph import Node
from crosscal.training.networks.graph.shape_operators import SHAPE_OPERATORS, axes_of
from crosscal.training.networks.graph.window_operators import WINDOW_OPERATORS

Operator = Callable[..., Tensor | tuple[Tensor, ...]]


def _clip(node: Node, x: Tensor, least: Tensor | None = None, most: Tensor | None = None) -> Tensor:
    low = node.attributes.get("min") if least is None else float(least)
    high = node.attributes.get("max") if most is None else float(most)
    return x if low is None and high is None else torch.clamp(x, low, high)


def _softmax(log: bool) -> Operator:
    function = F.log_softmax if log else F.softmax

    def apply(node: Node, x: Tensor) -> Tensor:
        if not node.attributes.get("flattened"):
            return function(x, dim=node.attributes.get("axis", -1))
        return function(x.flatten(node.attributes["axis"]), dim=-1).reshape(x.shape)

    return apply


def _batch_normalisation(
    node: Node, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    return F.batch_norm(x, mean, variance, scale, shift, eps=node.attributes.get("epsilon", 1e-5))


def _layer_normalisation(node: Node, x: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
    axis = node.attributes.get("axis", -1) % x.ndim
    centred = F.layer_norm(x, x.shape[axis:], eps=node.attributes.get("epsilon", 1e-5)) * scale
    return centred if shift is None else centred + shift


def _instance_normalisation(node: Node, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return F.instance_norm(x, weight=scale, bias=shift, eps=node.attributes.get("epsilon", 1e-5))


def _gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.T if node.attributes.get("transA") else a
    b = b.T if node.attributes.get("transB") else b
    product = node.attributes.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + node.attributes.get("beta", 1.0) * c


def _reduced(function: Callable[..., Tensor]) -> Operator:
    def apply(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
        given = axes_of(node, axes)
        if not given and node.attributes.get("noop_with_empty_axes"):
            return x
        dims = given or tuple(range(x.ndim))
        return function(x, dim=dims, keepdim=bool(node.attributes.get("keepdims", 1)))

    return apply


def _of_all(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    def apply(_: Node, *values: Tensor) -> Tensor:
        total = values[0]
        for value in values[1:]:
            total = function(total, value)
        return total

    return apply


def _plain(function: Callable[..., Tensor]) -> Operator:
    return lambda _, *values: function(*values)


def _divided(a: Tensor, b: Tensor) -> Tensor:
    return torch.div(a, b) if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _selu(node: Node, x: Tensor) -> Tensor:
    alpha = node.attributes.get("alpha", 1.67326319217681884765625)  # both as ONNX states them
    return node.attributes.get("gamma", 1.05070102214813232421875) * F.elu(x, alpha)


def _argmax(node: Node, x: Tensor) -> Tensor:
    return x.argmax(dim=node.attributes.get("axis", 0), keepdim=bool(node.attributes.get("keepdims", 1)))


OPERATORS: dict[str, Operator] = {
    "Abs": _plain(torch.abs),
    "Add": _plain(torch.add),
    "ArgMax": _argmax,
    "BatchNormalization": _batch_normalisation,
    "Celu": lambda node, x: F.celu(x, node.attributes.get("alpha", 1.0)),
    "Clip": _clip,
    "Div": _plain(_divided),
    "Elu": lambda node, x: F.elu(x, node.attributes.get("alpha", 1.0)),
    "Equal": _plain(torch.eq),
    "Erf": _plain(torch.erf),
    "Exp": _plain(torch.exp),
    "Gelu": lambda node, x: F.gelu(x, approximate=node.attributes.get("approximate", "none")),
    "Gemm": _gemm,
    "HardSigmoid": lambda node, x: torch.clamp(
        node.attributes.get("alpha", 0.2) * x + node.attributes.get("beta", 0.5), 0, 1
    ),
    "HardSwish": _plain(F.hardswish),
    "InstanceNormalization": _instance_normalisation,
    "LayerNormalization": _layer_normalisation,
    "LeakyRelu": lambda node, x: F.leaky_relu(x, node.attributes.get("alpha", 0.01)),
    "Log": _plain(torch.log),
    "LogSoftmax": _softmax(log=True),
    "MatMul": _plain(torch.matmul),
    "Max": _of_all(torch.maximum),
    "Min": _of_all(torch.minimum),
    "Mish": _plain(F.mish),
    "Mul": _plain(torch.mul),
    "Neg": _plain(torch.neg),
    "PRelu": _plain(lambda x, slope: torch.where(x < 0, x * slope, x)),
    "Pow": _plain(torch.pow),
    "Reciprocal": _plain(torch.reciprocal),
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Relu": _plain(torch.relu),
    "Selu": _selu,
    "Sigmoid": _plain(torch.sigmoid),
    "Sign": _plain(torch.sign),
    "Softmax": _softmax(log=False),
    "Softplus": _plain(F.softplus),
    "Softsign": _plain(F.softsign),
    "Sqrt": _plain(torch.sqrt),
    "Sub": _plain(torch.sub),
    "Sum": _of_all(torch.add),
    "Tanh": _plain(torch.tanh),
    "Where": _plain(torch.where),
    **SHAPE_OPERATORS,
    **WINDOW_OPERATORS,
}
"""By name in ONNX; each takes the node and its inputs."""
