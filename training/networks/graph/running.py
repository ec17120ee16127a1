"""Run of a graph on a batch; products by weights may be done elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from crosscal.core.errors import CrosscalError, InputError, ShapeError, wanted
from crosscal.training.networks.graph.faults import FAULTS, fault_in_words
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
            ShapeError: inputs that a layer cannot take, or layers that do not fit; the layer is named.
        """
        values: dict[str, Tensor] = {self._graph.input: x}
        for node, last in zip(self._graph.nodes, self._last, strict=True):
            given: list[Tensor | None] = []
            try:
                given.extend(self._value(name, values) for name in node.inputs)
                found = self._apply(node, given, multiply)
            except (CrosscalError, torch.OutOfMemoryError):
                raise
            except FAULTS as error:
                # Faults of what multiplies are not the network's.
                if node.operator == "Crossbar" and not isinstance(error, RuntimeError | IndexError):
                    raise
                raise self._misfit(x, node, given, error) from error
            outputs = found if isinstance(found, tuple) else (found,)
            values.update(zip(node.outputs, outputs, strict=False))
            for name in last:
                values.pop(name, None)
        return values[self._graph.output]

    def _misfit(self, x: Tensor, node: Node, given: list[Tensor | None], error: Exception) -> ShapeError:
        """Blame the data where their shape is not the network's, and the network otherwise."""
        shape, graph = tuple(x.shape), self._graph
        fault = fault_in_words(given, error)
        meant = len(shape) == 1 + len(graph.input_shape) and all(
            size in (None, found) for size, found in zip(graph.input_shape, shape[1:], strict=True)
        )
        if not meant:
            return ShapeError(
                wanted(
                    got=f"inputs of shape {shape} (in node {node.name!r} {fault})",
                    allowed=f"batches of {graph.input_shape}",
                    remedy="give data of the shape that the network was made for",
                )
            )
        free = "export it again" if graph.fixed_batch is None else "export it with a free batch axis"
        return ShapeError(
            wanted(
                got=f"a network that itself does not fit in node {node.name!r} ({fault})",
                allowed=f"layers that run batches of {graph.input_shape}, here {shape}",
                remedy=f"{free}, or replace that layer",
            )
        )

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
