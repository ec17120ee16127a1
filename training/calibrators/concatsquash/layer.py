"""Layer with weights that the matrix modulates: `(W1 x + b1) ⊙ σ(W2 z + b2) + W3 z`.

For a fixed z it is `W x + b` with `W = s ⊙ W1` and `b = s ⊙ b1 + t`, `s = σ(W2 z + b2)`, `t = W3 z`.

Reference: W. Grathwohl et al., "FFJORD: Free-form continuous dynamics", ICLR 2019 (the layer).
"""

from __future__ import annotations

import numpy as np
import torch

from crosscal.training.calibrators.graph_writer import GraphWriter

_GATE_AT_START = 2.0
"""Before the sigmoid. Errors are within 1 % between 0 and 4 (`python benchmarks/constants.py GATE`)."""


class ConcatSquashLayer(torch.nn.Module):
    """One layer; it starts with all gates equal and no shift, whatever z.

    Args:
        inputs, outputs: units before and after.
        latent: size of z.
    """

    def __init__(self, inputs: int, outputs: int, latent: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = torch.nn.Parameter(torch.zeros(outputs))
        self.gate_weight = torch.nn.Parameter(torch.zeros(outputs, latent))
        self.gate_bias = torch.nn.Parameter(torch.full((outputs,), _GATE_AT_START))
        self.shift_weight = torch.nn.Parameter(torch.zeros(outputs, latent))

    def start(self, weight: np.ndarray, bias: np.ndarray) -> None:
        """Set the layer's first weights, gate included: weight (outputs, inputs), bias (outputs,)."""
        gate = torch.sigmoid(self.gate_bias.detach())
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(weight) / gate[:, None])
            self.bias.copy_(torch.from_numpy(bias) / gate)

    def forward(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Apply to (K, V, inputs) with z (K, latent): (K, V, outputs)."""
        gate = torch.sigmoid(torch.nn.functional.linear(z, self.gate_weight, self.gate_bias))
        shift = torch.nn.functional.linear(z, self.shift_weight)
        plain = torch.nn.functional.linear(x, self.weight, self.bias)
        return plain * gate[:, None, :] + shift[:, None, :]

    def write_fold(
        self, graph: GraphWriter, z: str, index: int, before: torch.Tensor | None = None
    ) -> list[str]:
        """Write the nodes that fold the layer for one matrix.

        Args:
            graph: written to.
            z: name of z as a column vector (latent, 1).
            index: number of the layer.
            before: a fixed matrix applied to the inputs first, folded into the weight.

        Returns:
            Names of the folded weight (outputs, inputs) and bias (outputs,).
        """
        weight = self.weight.detach()
        if before is not None:
            weight = (weight.double() @ before.double()).float()
        graph.constant(f"weight_{index}", weight)
        graph.constant(f"bias_{index}", self.bias.detach()[:, None])
        graph.constant(f"gate_weight_{index}", self.gate_weight.detach())
        graph.constant(f"gate_bias_{index}", self.gate_bias.detach()[:, None])
        graph.constant(f"shift_weight_{index}", self.shift_weight.detach())
        graph.constant(f"as_row_{index}", [-1], np.int64)
        graph.node("MatMul", [f"gate_weight_{index}", z], f"gate_product_{index}")
        graph.node("Add", [f"gate_product_{index}", f"gate_bias_{index}"], f"gate_input_{index}")
        graph.node("Sigmoid", [f"gate_input_{index}"], f"gate_{index}")
        graph.node("MatMul", [f"shift_weight_{index}", z], f"shift_{index}")
        graph.node("Mul", [f"gate_{index}", f"bias_{index}"], f"gated_bias_{index}")
        graph.node("Add", [f"gated_bias_{index}", f"shift_{index}"], f"bias_column_{index}")
        return [
            graph.node("Mul", [f"gate_{index}", f"weight_{index}"], f"fold_weight_{index}"),
            graph.node("Reshape", [f"bias_column_{index}", f"as_row_{index}"], f"fold_bias_{index}"),
        ]
