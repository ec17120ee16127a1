"""Graph of a network: nodes in the order of their evaluation, constants, one input and one output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operation.

    Attributes:
        operator: its name in ONNX, or `Crossbar`.
        name: of the node, for people.
        inputs: names of values; "" for an optional one that is left out.
        outputs: names of values.
        attributes: numbers, texts and lists of them.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A whole network.

    Attributes:
        nodes: in order.
        constants: weights and other fixed arrays by name.
        input: name of the input.
        input_shape: without the batch, None where an axis is free.
        fixed_batch: of a graph that was written for one size of batch; None if it takes any.
        output: name of the output.
        factors: digital factors that weights were trained for, by name of the weight.
        unused_outputs: names of outputs after the first one of the file.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    input: str
    input_shape: tuple[int | None, ...]
    fixed_batch: int | None
    output: str
    factors: dict[str, float] = field(default_factory=dict)
    unused_outputs: tuple[str, ...] = ()
