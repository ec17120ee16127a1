"""Operators of ONNX that move a window over an image or a signal: convolution and pooling."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from crosscal.core.errors import InputError, wanted
from crosscal.training.networks.graph.graph import Node

CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
MAXIMA = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
AVERAGES = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)


def pads_of(node: Node, size: tuple[int, ...], kernel: tuple[int, ...]) -> list[int]:
    """Return the padding of every axis, as torch's `pad` takes it: last axis first, begin and end.

    Args:
        node: a convolution or pooling.
        size: of the image.
        kernel: of the window.
    """
    axes = len(kernel)
    given = node.attributes.get("pads", [0] * (2 * axes))
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        strides = node.attributes.get("strides", [1] * axes)
        dilations = node.attributes.get("dilations", [1] * axes)
        begins, ends = [], []
        for k in range(axes):
            reach = (kernel[k] - 1) * dilations[k] + 1
            missing = max((math.ceil(size[k] / strides[k]) - 1) * strides[k] + reach - size[k], 0)
            less, more = missing // 2, missing - missing // 2
            begins.append(less if mode == "SAME_UPPER" else more)
            ends.append(more if mode == "SAME_UPPER" else less)
        given = begins + ends
    elif mode == "VALID":
        given = [0] * (2 * axes)
    return [int(n) for k in reversed(range(axes)) for n in (given[k], given[axes + k])]


def _axes(node: Node, kernel: tuple[int, ...]) -> int:
    if not 1 <= len(kernel) <= 3:
        got = f"a window of {len(kernel)} axes in node {node.name!r}"
        raise InputError(wanted(got=got, allowed="1 to 3", remedy="replace that layer"))
    return len(kernel) - 1


def _convolution(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    kernel = tuple(weight.shape[2:])
    padded = F.pad(x, pads_of(node, tuple(x.shape[2:]), kernel))
    return CONVOLUTIONS[_axes(node, kernel)](
        padded,
        weight,
        bias,
        stride=tuple(node.attributes.get("strides", [1] * len(kernel))),
        dilation=tuple(node.attributes.get("dilations", [1] * len(kernel))),
        groups=node.attributes.get("group", 1),
    )


def _largest(node: Node, x: Tensor) -> Tensor:
    kernel = tuple(node.attributes["kernel_shape"])
    padded = F.pad(x, pads_of(node, tuple(x.shape[2:]), kernel), value=-math.inf)
    return MAXIMA[_axes(node, kernel)](
        padded,
        kernel,
        stride=tuple(node.attributes.get("strides", [1] * len(kernel))),
        dilation=tuple(node.attributes.get("dilations", [1] * len(kernel))),
        ceil_mode=bool(node.attributes.get("ceil_mode", 0)),
    )


def _average(node: Node, x: Tensor) -> Tensor:
    kernel = tuple(node.attributes["kernel_shape"])
    pads = pads_of(node, tuple(x.shape[2:]), kernel)
    strides = tuple(node.attributes.get("strides", [1] * len(kernel)))
    function = AVERAGES[_axes(node, kernel)]
    ceil_mode = bool(node.attributes.get("ceil_mode", 0))
    mean = function(F.pad(x, pads), kernel, stride=strides, ceil_mode=ceil_mode)
    if node.attributes.get("count_include_pad", 0) or not any(pads):
        return mean
    present = F.pad(torch.ones_like(x[:1, :1]), pads)
    return mean / function(present, kernel, stride=strides, ceil_mode=ceil_mode)


def _spatial(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


WINDOW_OPERATORS = {
    "AveragePool": _average,
    "Conv": _convolution,
    "GlobalAveragePool": lambda _, x: x.mean(dim=_spatial(x), keepdim=True),
    "GlobalMaxPool": lambda _, x: x.amax(dim=_spatial(x), keepdim=True),
    "LRN": lambda node, x: F.local_response_norm(
        x,
        node.attributes["size"],
        alpha=node.attributes.get("alpha", 1e-4),
        beta=node.attributes.get("beta", 0.75),
        k=node.attributes.get("bias", 1.0),
    ),
    "MaxPool": _largest,
}
"""By name in ONNX."""
