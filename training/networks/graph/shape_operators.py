"""Operators of ONNX on shapes: reshape, join, cut, and the small arithmetic that exporters write for them."""

from __future__ import annotations

import torch
from torch import Tensor

from crosscal.training.networks.graph.graph import Node

TYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float32,
    11: torch.float32,
    16: torch.float32,
}
"""ONNX's numbers of types; floats of other widths are single precision here."""

PADDINGS = {"constant": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}
"""Torch's names of paddings."""


def axes_of(node: Node, axes: Tensor | None) -> tuple[int, ...] | None:
    """Return axes, given as an input or, in older files, as an attribute."""
    if axes is not None:
        return tuple(int(axis) for axis in axes.ravel())
    given = node.attributes.get("axes")
    return None if given is None else tuple(given)


def _reshape(node: Node, x: Tensor, shape: Tensor | None = None) -> Tensor:
    given = [int(n) for n in (node.attributes["shape"] if shape is None else shape)]
    sizes = [
        x.shape[k] if n == 0 and not node.attributes.get("allowzero") else n for k, n in enumerate(given)
    ]
    # Written for one size of batch: the reader marks such nodes.
    if node.attributes.get("fixed_batch") == sizes[0]:
        sizes[0] = x.shape[0]
    return x.reshape(sizes)


def _flatten(node: Node, x: Tensor) -> Tensor:
    axis = node.attributes.get("axis", 1)  # the rank itself is allowed: all in rows
    axis = axis + x.ndim if axis < 0 else axis
    rows = 1
    for size in x.shape[:axis]:
        rows *= size
    return x.reshape(rows, -1)


def _squeeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    given = axes_of(node, axes)
    return x.squeeze() if given is None else x.squeeze(given)


def _unsqueeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    given = axes_of(node, axes) or ()
    for axis in sorted(axis % (x.ndim + len(given)) for axis in given):
        x = x.unsqueeze(axis)
    return x


def _slice(
    node: Node,
    x: Tensor,
    starts: Tensor | None = None,
    ends: Tensor | None = None,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    first = list(node.attributes["starts"]) if starts is None else starts.tolist()
    last = list(node.attributes["ends"]) if ends is None else ends.tolist()
    places = axes_of(node, axes) or range(len(first))
    widths = [1] * len(first) if steps is None else steps.tolist()
    for start, end, axis, step in zip(first, last, places, widths, strict=True):
        index = torch.tensor(range(x.shape[axis])[start:end:step], dtype=torch.int64, device=x.device)
        x = x.index_select(axis, index)
    return x


def _gather(node: Node, x: Tensor, index: Tensor) -> Tensor:
    axis = node.attributes.get("axis", 0) % x.ndim
    index = torch.where(index < 0, index + x.shape[axis], index).long()
    found = x.index_select(axis, index.ravel())
    return found.reshape((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))


def _concat(node: Node, *values: Tensor) -> Tensor:
    axis = node.attributes["axis"] % max(values[0].ndim, 1)
    if node.attributes.get("fixed_batch") == 1:
        # Written for one input: the reader marks such nodes. Constants of one then serve a whole batch.
        sizes = [max(each.shape[k] for each in values) for k in range(values[0].ndim)]
        values = tuple(each.expand(*sizes[:axis], -1, *sizes[axis + 1 :]) for each in values)
    return torch.cat(values, dim=axis)


def _split(node: Node, x: Tensor, split: Tensor | None = None) -> tuple[Tensor, ...]:
    axis = node.attributes.get("axis", 0)
    sizes = node.attributes.get("split") if split is None else split.tolist()
    if sizes is None:
        return torch.chunk(x, len(node.outputs), dim=axis)
    return torch.split(x, sizes, dim=axis)


def _pad(
    node: Node,
    x: Tensor,
    pads: Tensor | None = None,
    value: Tensor | None = None,
    axes: Tensor | None = None,
) -> Tensor:
    given = node.attributes["pads"] if pads is None else pads.tolist()
    places = range(x.ndim) if axes is None else [axis % x.ndim for axis in axes.tolist()]
    by_axis = dict(zip(places, zip(given[: len(places)], given[len(places) :], strict=True), strict=True))
    pairs = [int(n) for axis in reversed(range(x.ndim)) for n in by_axis.get(axis, (0, 0))]
    mode = PADDINGS[node.attributes.get("mode", "constant")]
    fill = float(node.attributes.get("value", 0.0) if value is None else value)
    if mode == "constant":
        return torch.nn.functional.pad(x, pairs, value=fill)
    while len(pairs) > 2 * (x.ndim - 2) and pairs[-2:] == [0, 0]:
        pairs = pairs[:-2]
    return torch.nn.functional.pad(x, pairs, mode=mode)


def _transpose(node: Node, x: Tensor) -> Tensor:
    return x.permute(*node.attributes.get("perm", tuple(reversed(range(x.ndim)))))


def _constant_of_shape(node: Node, shape: Tensor) -> Tensor:
    value = node.attributes.get("value", [0.0])[0]
    return torch.full(tuple(shape.tolist()), value)


def _expand(_: Node, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(torch.broadcast_shapes(x.shape, tuple(shape.tolist())))


def _shape(node: Node, x: Tensor) -> Tensor:
    part = slice(node.attributes.get("start", 0), node.attributes.get("end"))
    return torch.tensor(x.shape[part], dtype=torch.int64)


SHAPE_OPERATORS = {
    "Cast": lambda node, x: x.to(TYPES[node.attributes["to"]]),
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Dropout": lambda _, x, *_rest: x,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": lambda _, x: x,
    "Pad": _pad,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""By name in ONNX."""
