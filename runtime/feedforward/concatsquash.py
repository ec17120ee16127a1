"""The seed paper's network, folded for one matrix to a plain multilayer perceptron.

For a fixed matrix a ConcatSquash layer `(W1 x + b1) ⊙ σ(W2 z + b2) + W3 z` is `W x + b` with `W = s ⊙ W1` and
`b = s ⊙ b1 + t`: nothing of the encoder is left at read time.

Reference: W. Grathwohl et al., "FFJORD", ICLR 2019 (the layer).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.core.errors import CalibratorFileError, wanted
from crosscal.runtime.correction import Evaluate
from crosscal.runtime.feedforward.network import NetworkCorrection, tanh_layers
from crosscal.runtime.file_format.folded_tensor import of_rank, per_column

_ACTIVATIONS = ("sigmoid", "tanh")
# With the values that leave a column as it is.
_PER_COLUMN = {"input_shift": 0.0, "input_scale": 1.0, "output_shift": 0.0, "output_scale": 1.0, "skip": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcatSquashFold:
    """Names of the graph's tensors that hold the folded network.

    Attributes:
        layers: (weight, bias) of each layer; weight (units, inputs), bias (units,).
        activation: between layers, `sigmoid` or `tanh`.
        per_column: names, out of `input_shift`, `input_scale`, `output_shift`, `output_scale`, `skip`; those
            that are missing are 0, 1, 0, 1, 0.
    """

    layers: tuple[tuple[str, str], ...]
    activation: str
    per_column: Mapping[str, str]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ConcatSquashFold:
        """Read a file's `fold` entry."""
        if unknown := set(document) - {"layers", "activation", *_PER_COLUMN}:
            raise ValueError(f"unknown entries {sorted(unknown)}")
        if document["activation"] not in _ACTIVATIONS:
            raise ValueError(f"activation {document['activation']!r}, not one of {', '.join(_ACTIVATIONS)}")
        if not document["layers"]:
            raise ValueError("no layers")
        return cls(
            layers=tuple((str(weight), str(bias)) for weight, bias in document["layers"]),
            activation=document["activation"],
            per_column={key: str(document[key]) for key in _PER_COLUMN if key in document},
        )

    @property
    def tensor_names(self) -> tuple[str, ...]:
        """See `Fold.tensor_names`."""
        return (*(name for layer in self.layers for name in layer), *self.per_column.values())

    def compile(
        self,
        tensors: Mapping[str, np.ndarray],
        conductance_s: np.ndarray,
        evaluate: Evaluate | None = None,
    ) -> NetworkCorrection:
        """See `Fold.compile`."""
        del evaluate
        columns = conductance_s.shape[1]
        layers = [(of_rank(tensors, weight, 2), of_rank(tensors, bias, 1)) for weight, bias in self.layers]
        _check_chain(layers, columns)
        if self.activation == "sigmoid":
            layers = tanh_layers(layers)
        return NetworkCorrection(
            layers=layers,
            **{
                key: per_column(tensors, self.per_column[key], columns)
                if key in self.per_column
                else np.full(columns, default, dtype=np.float32)
                for key, default in _PER_COLUMN.items()
            },
        )


def _check_chain(layers: list[tuple[np.ndarray, np.ndarray]], columns: int) -> None:
    width = columns
    for weight, bias in layers:
        if weight.shape != (bias.size, width):
            raise CalibratorFileError(
                f"a layer has weights {weight.shape} and biases {bias.shape}; allowed: weights "
                f"({bias.size}, {width}), as the layer before it gives; export the calibrator again"
            )
        width = bias.size
    if width != columns:
        raise CalibratorFileError(
            wanted(
                got=f"a last layer of {width} units",
                allowed=f"{columns}, one for each column",
                remedy="export the calibrator again",
            )
        )
