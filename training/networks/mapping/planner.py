"""Planner of a mapping: sign representation from the cells' scatter, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.network.cell_profile import CellProfile
from crosscal.training.networks.mapping.matrix_layer import MatrixLayer
from crosscal.training.networks.mapping.options import AUTO, DIFFERENTIAL, OFFSET, MappingOptions
from crosscal.training.networks.mapping.weight_codes import encode_weights, weight_noise

HARMLESS = 0.25
"""Rms error of weights that costs LeNet-5 on Fashion-MNIST less than a point: 0.19 to 0.23 cost 0.3 to 0.7
points, 1.16 costs 45 (study `biased`, scatter 1 and 6)."""


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
    def left(self) -> float:
        """Error of weights in the chosen representation, relative to their rms."""
        return self.noise[self.representation]

    @property
    def reason(self) -> str:
        """The choice in words."""
        shown = " against ".join(
            f"{100 * self.noise[name]:.2g} % ({name})"
            for name in sorted(self.noise, key=lambda name: name != self.representation)
        )
        return f"{self.representation}: scatter of the cells moves weights by {shown}"


def choose_representation(layers: list[MatrixLayer], options: MappingOptions) -> RepresentationChoice:
    """Choose the representation in which scatter moves the weights less, unless one is given.

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
    chosen = options.representation
    if chosen == AUTO:
        chosen = min(noise, key=lambda name: noise[name])
    return RepresentationChoice(representation=chosen, noise=noise)


def training_advice(choice: RepresentationChoice, cells: CellProfile) -> str:
    """Say whether the network should be trained for its cells, to which codes, and in how many columns.

    Args:
        choice: of the representation.
        cells: their levels and scatter.
    """
    if choice.left <= HARMLESS:
        most = f"below {100 * HARMLESS:.0f} % it costs about a point at most"
        return f"scatter needs no training for these cells: {most}"
    worst = int(cells.deviation.argmax())
    kept = ",".join(str(code) for code in range(len(cells.levels)) if code != worst)
    deviations = ", ".join(f"{value / cells.unit:.2g}" for value in cells.deviation)
    return (
        "scatter costs more than a point without read-back: keep that on, or train with "
        f"--method biased-noise --favourable {kept} --columns 1 "
        f"(code {worst} scatters most: {deviations} levels for codes from 0)"
    )
