"""Matrix layers of a network: the products by weights that crossbars do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.training.networks.graph.graph import Graph, Node
from crosscal.training.networks.graph.window_operators import pads_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixLayer:
    """One product by weights.

    Attributes:
        name: of the node.
        weight: single precision, (groups, outputs of a group, inputs of a group).
        bias: added digitally, (outputs,).
        window: of a convolution, its kernel by axis; empty for a plain product.
        attributes: strides, pads and dilations of a convolution, as ONNX has them.
        factor: digital factor that the weights were trained for; None if they were not.
        packed: groups of the network in each of these, on the diagonal of its weights.
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray
    window: tuple[int, ...] = ()
    attributes: dict
    factor: float | None = None
    packed: int = 1

    @property
    def groups(self) -> int:
        """Groups of a convolution, those that are packed counted once; 1 otherwise."""
        return len(self.weight)

    @property
    def outputs(self) -> int:
        """Outputs of all groups."""
        return self.weight.shape[0] * self.weight.shape[1]

    def padded(self, x: Tensor) -> Tensor:
        """Pad an image with zeros."""
        pads = pads_of(self._node(), tuple(x.shape[2:]), self.window)
        return F.pad(x, pads) if any(pads) else x

    def vectors(self, x: Tensor) -> tuple[list[Tensor], tuple[int, ...]]:
        """Cut inputs into the vectors of each group, (B', K), and the shape that outputs take."""
        if not self.window:
            flat = x.reshape(-1, x.shape[-1])
            return [flat], tuple(x.shape[:-1])
        x = self.padded(x)
        if len(self.window) == 1:
            x = x.unsqueeze(2)
        kernel, stride, dilation = (
            (1, *values) if len(values) == 1 else values
            for values in (self.window, self._strides, self._dilations)
        )
        batch, channels, height, width = x.shape
        across = [
            (size - (k - 1) * d - 1) // s + 1
            for size, k, s, d in zip((height, width), kernel, stride, dilation, strict=True)
        ]
        x = x.contiguous()
        steps = x.stride()
        windows = x.as_strided(
            (batch, *across, channels, *kernel),
            (
                steps[0],
                steps[2] * stride[0],
                steps[3] * stride[1],
                steps[1],
                steps[2] * dilation[0],
                steps[3] * dilation[1],
            ),
        )
        each = channels // self.groups
        cut = [windows[:, :, :, g * each : (g + 1) * each] for g in range(self.groups)]
        shape = (batch, *(across[1:] if len(self.window) == 1 else across))
        return [part.reshape(-1, each * kernel[0] * kernel[1]) for part in cut], shape

    def outputs_of(self, products: list[Tensor], shape: tuple[int, ...]) -> Tensor:
        """Join the products of all groups, (B', O'), to the layer's output without its bias."""
        joined = products[0] if len(products) == 1 else torch.cat(products, dim=1)
        joined = joined.reshape(*shape, -1)
        return joined.movedim(-1, 1) if self.window else joined

    def product(self, x: Tensor, weight: Tensor) -> Tensor:
        """Multiply by other weights of the same shape (groups, O, K), in one call."""
        if not self.window:
            return x @ weight[0].T
        kernel = weight.reshape(self.outputs, -1, *self.window)
        function = F.conv1d if len(self.window) == 1 else F.conv2d
        return function(
            self.padded(x), kernel, stride=self._strides, dilation=self._dilations, groups=self.groups
        )

    def per_output(self, values: Tensor) -> Tensor:
        """Shape one value per output so that it meets the layer's outputs."""
        return values.reshape(-1, *(1 for _ in self.window)) if self.window else values

    @property
    def _strides(self) -> tuple[int, ...]:
        return tuple(self.attributes.get("strides", [1] * len(self.window)))

    @property
    def _dilations(self) -> tuple[int, ...]:
        return tuple(self.attributes.get("dilations", [1] * len(self.window)))

    def _node(self) -> Node:
        return Node(operator="Conv", name=self.name, inputs=(), outputs=(), attributes=self.attributes)


def split_matrix_layers(graph: Graph) -> tuple[Graph, list[MatrixLayer]]:
    """Take the products by weights out of a graph; nodes `Crossbar` stand in their places.

    Products of two activations stay digital.

    Raises:
        InputError: no product by weights at all, or one that no crossbar does; the node is named.
        RangeError: weights that are not finite.
    """
    layers: list[MatrixLayer] = []
    nodes = []
    for node in graph.nodes:
        layer = _layer_of(node, graph.constants)
        if layer is not None and node.inputs[1] in graph.factors:
            layer = replace(layer, factor=graph.factors[node.inputs[1]])
        if layer is None:
            nodes.append(node)
            continue
        _require_finite_weights(layer)
        nodes.append(
            replace(node, operator="Crossbar", inputs=node.inputs[:1], attributes={"layer": len(layers)})
        )
        layers.append(layer)
    if not layers:
        raise InputError(
            wanted(
                got="a network without any product by weights",
                allowed="Conv, or Gemm or MatMul by a constant matrix",
                remedy="map a network with such a layer",
            )
        )
    needed = {name for node in nodes for name in node.inputs} | {graph.output}
    constants = {name: value for name, value in graph.constants.items() if name in needed}
    return replace(graph, nodes=tuple(nodes), constants=constants), layers


def digital_products(graph: Graph) -> list[str]:
    """List the products by constants that stay digital in a split graph, with the constant's shape."""
    return [
        f"{node.name} (a constant of shape {graph.constants[name].shape})"
        for node in graph.nodes
        if node.operator in ("Conv", "Gemm", "MatMul")
        for name in node.inputs[:2]
        if name in graph.constants
    ]


def _layer_of(node: Node, constants: dict[str, np.ndarray]) -> MatrixLayer | None:
    if node.operator not in ("Conv", "Gemm", "MatMul") or node.inputs[1] not in constants:
        return None
    weight = constants[node.inputs[1]].astype(np.float32)
    given = node.inputs[2] if len(node.inputs) > 2 else ""
    if given and given not in constants:
        return None
    bias = constants[given].astype(np.float32) if given else np.zeros(1, dtype=np.float32)
    attributes = node.attributes
    if weight.size == 0:
        got = f"node {node.name!r} with weights of shape {weight.shape}"
        raise InputError(wanted(got=got, allowed="at least one weight", remedy="export the network again"))
    if node.operator == "Conv":
        groups, window = attributes.get("group", 1), tuple(weight.shape[2:])
        if len(window) not in (1, 2):
            got = f"node {node.name!r}, a convolution over {len(window)} axes"
            raise InputError(wanted(got=got, allowed="1 or 2 axes", remedy="replace that layer"))
        if groups < 1 or weight.shape[0] % groups:
            got = f"node {node.name!r} with group = {groups} and {weight.shape[0]} outputs"
            allowed = "groups of equally many outputs"
            raise InputError(wanted(got=got, allowed=allowed, remedy="export the network again"))
        if (stated := attributes.get("kernel_shape")) is not None and tuple(stated) != window:
            got = f"node {node.name!r} with kernel_shape = {list(stated)} and weights of {list(window)}"
            allowed = "a kernel_shape that is the weights'"
            raise InputError(wanted(got=got, allowed=allowed, remedy="export the network again"))
        matrix = weight.reshape(groups, weight.shape[0] // groups, -1)
        kept = {k: v for k, v in attributes.items() if k in ("strides", "pads", "dilations", "auto_pad")}
    else:
        if weight.ndim != 2 or attributes.get("transA"):
            return None
        window, kept = (), {}
        matrix = (weight if attributes.get("transB") else weight.T)[None] * attributes.get("alpha", 1.0)
        bias = bias * attributes.get("beta", 1.0)
    outputs = matrix.shape[0] * matrix.shape[1]
    if bias.size != 1 and (bias.size != outputs or bias.shape[-1] != outputs):
        got = f"node {node.name!r} with a constant of shape {bias.shape} added"
        allowed = f"one number, or ({outputs},): one for each output"
        remedy = "export with a free batch axis, or add it in a layer of its own"
        raise InputError(wanted(got=got, allowed=allowed, remedy=remedy))
    return MatrixLayer(
        name=node.name,
        weight=np.ascontiguousarray(matrix, dtype=np.float32),
        bias=np.broadcast_to(bias.ravel(), outputs).copy(),
        window=window,
        attributes=kept,
    )


def _require_finite_weights(layer: MatrixLayer) -> None:
    for kind, values in (("weights", layer.weight), ("biases", layer.bias)):
        wrong = int((~np.isfinite(values)).sum())
        if wrong:
            got = f"{wrong} {kind} that are NaN or infinite in node {layer.name!r}"
            raise RangeError(wanted(got=got, allowed="finite numbers", remedy="train the network again"))
