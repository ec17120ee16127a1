"""Folding of a graph: nodes that depend on constants alone are evaluated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from crosscal.core.errors import CrosscalError, InputError, wanted
from crosscal.training.networks.graph.faults import FAULTS, fault_in_words
from crosscal.training.networks.graph.graph import Graph, Node
from crosscal.training.networks.graph.operators import OPERATORS


def fold_constants(graph: Graph) -> Graph:
    """Evaluate what depends on constants alone, and drop nodes and constants that nothing uses.

    Raises:
        InputError: constants that an operator cannot take; its node is named.
    """
    constants, kept = dict(graph.constants), []
    for node in graph.nodes:
        foldable = node.inputs and all(not name or name in constants for name in node.inputs)
        if foldable and not asks_for_dropout(node, constants):
            values = [
                None if not name else torch.from_numpy(np.array(constants[name])) for name in node.inputs
            ]
            found = _evaluated(node, values)
            for name, value in zip(
                node.outputs, found if isinstance(found, tuple) else (found,), strict=False
            ):
                constants[name] = value.numpy()
            continue
        kept.append(_marked(node, graph, constants))
    used, needed = [], {graph.output}
    for node in reversed(kept):
        if needed & set(node.outputs):
            used.append(node)
            needed |= set(node.inputs)
    return replace(
        graph,
        nodes=tuple(reversed(used)),
        constants={name: _single(value) for name, value in constants.items() if name in needed},
    )


def asks_for_dropout(node: Node, constants: Mapping[str, np.ndarray]) -> bool:
    """Whether a node drops values in inference too, or may: its third input is true, or is no constant."""
    asked = node.inputs[2] if node.operator == "Dropout" and len(node.inputs) > 2 else ""
    return bool(asked) and (asked not in constants or bool(np.any(constants[asked])))


def _evaluated(node: Node, values: list[Tensor | None]) -> Tensor | tuple[Tensor, ...]:
    try:
        return OPERATORS[node.operator](node, *values)
    except CrosscalError:
        raise
    except FAULTS as error:
        got = f"constants that node {node.name!r} cannot take ({fault_in_words(values, error)})"
        allowed = f"those of {node.operator} in ONNX"
        remedy = "export the network again, or replace that layer"
        raise InputError(wanted(got=got, allowed=allowed, remedy=remedy)) from error


def _marked(node: Node, graph: Graph, constants: dict[str, np.ndarray]) -> Node:
    """Mark reshapes to a fixed batch, and joins with constants of one, so that they take any."""
    fixed = graph.fixed_batch
    if node.operator == "Concat" and fixed == 1 and set(node.inputs) & set(constants):
        return replace(node, attributes={**node.attributes, "fixed_batch": fixed})
    if node.operator != "Reshape" or fixed is None:
        return node
    shape = constants.get(node.inputs[1]) if len(node.inputs) > 1 else node.attributes.get("shape")
    if shape is None or len(np.atleast_1d(shape)) < 2 or int(np.atleast_1d(shape)[0]) != fixed:
        return node
    return replace(node, attributes={**node.attributes, "fixed_batch": fixed})


def _single(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32) if value.dtype.kind == "f" else value
