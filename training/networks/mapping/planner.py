"""Planner of a mapping: sign representation from the cells' scatter, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.training.networks.mapping.matrix_layer import MatrixLayer
from crosscal.training.networks.mapping.options import DIFFERENTIAL, OFFSET, MappingOptions
from crosscal.training.networks.mapping.weight_codes import encode_weights, weight_noise


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentationChoice:
    """A representation, and what scatter does to weights in each.

    Attributes:
        representation: chosen.
        noise: rms error of weights by scatter, relative to their rms, by representation.
    """

    representation: str
    noise: dict[str, float]

    @property
    def reason(self) -> str:
        """The choice in words."""
        shown = " against ".join(
            f"{100 * self.noise[name]:.2g} % ({name})"
            for name in sorted(self.noise, key=lambda name: name != self.representation)
        )
        return f"{self.representation}: scatter of the cells moves weights by {shown}"


def choose_representation(layers: list[MatrixLayer], options: MappingOptions) -> RepresentationChoice:
    """Choose the representation in which scatter moves the weights less, over all layers.

    Equal scatter, as of perfect cells, is decided for pairs: sums about 0 need less of the converters.
    """
    plain = replace(options, read_back=False)  # the errors that there are before read-back
    noise = {}
    for representation in (DIFFERENTIAL, OFFSET):
        each = [
            weight_noise(
                encode_weights(layer.weight[0], plain, representation, layer.factor),
                options.cells.deviation,
                options.cells.unit,
            )
            for layer in layers
        ]
        noise[representation] = float(np.sqrt(np.mean(each)))
    chosen = min(noise, key=lambda name: noise[name])
    return RepresentationChoice(representation=chosen, noise=noise)
