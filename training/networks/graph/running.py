"""Run of a graph on a batch; products by weights may be done elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from crosscal.core.errors import InputError, ShapeError, wanted
from crosscal.training.networks.graph.graph import Graph, Node
from crosscal.training.networks.graph.operators import OPERATORS

Multiply = Callable[[int, Tensor], Tensor]
"""Takes the number of a matrix layer and its input; returns its output."""


class GraphRunner:
    """A graph, ready to run.

    Args:
        graph: the network.
        device: torch's device for the digital layers.
    """

    def __init__(self, graph: Graph, device: str = "cpu") -> None:
        self._graph = graph
        self._constants = {
            name: torch.from_numpy(value.copy()).to(device) for name, value in graph.constants.items()
        }
        self._last: list[set[str]] = _last_uses(graph)

    def run(self, x: Tensor, multiply: Multiply | None = None) -> Tensor:
        """Run a batch.

        Args:
            x: inputs, (B, …).
            multiply: does the products of nodes `Crossbar`.

        Raises:
            ShapeError: inputs that a layer cannot take; the layer is named.
        """
        values: dict[str, Tensor] = {self._graph.input: x}
        for node, last in zip(self._graph.nodes, self._last, strict=True):
            given = [self._value(name, values) for name in node.inputs]
            try:
                found = self._apply(node, given, multiply)
            except (RuntimeError, IndexError) as error:
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                shapes = ", ".join(str(tuple(each.shape)) for each in given if each is not None)
                raise ShapeError(
                    wanted(
                        got=f"inputs of shape {tuple(x.shape)} ({shapes} in node {node.name!r}: "
                        f"{' '.join(str(error).split())[:160]})",
                        allowed=f"batches of {self._graph.input_shape}",
                        remedy="give data of the shape that the network was made for",
                    )
                ) from error
            outputs = found if isinstance(found, tuple) else (found,)
            values.update(zip(node.outputs, outputs, strict=False))
            for name in last:
                values.pop(name, None)
        return values[self._graph.output]

    def _value(self, name: str, values: dict[str, Tensor]) -> Tensor | None:
        if not name:
            return None
        return values[name] if name in values else self._constants[name]

    def _apply(
        self, node: Node, given: list[Tensor | None], multiply: Multiply | None
    ) -> Tensor | tuple[Tensor, ...]:
        if node.operator != "Crossbar":
            return OPERATORS[node.operator](node, *given)
        if multiply is None or given[0] is None:
            raise InputError("a mapped graph runs with something that multiplies")
        return multiply(node.attributes["layer"], given[0])


def _last_uses(graph: Graph) -> list[set[str]]:
    """List, for each node, the values that no later one needs."""
    seen, last = {graph.output}, []
    for node in reversed(graph.nodes):
        last.append({name for name in node.inputs if name and name not in seen})
        seen |= set(node.inputs)
    return list(reversed(last))
