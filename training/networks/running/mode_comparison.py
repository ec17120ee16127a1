"""Comparison of two runs of one network tile by tile, and of their predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from crosscal.core.network.tile_port import Conversion
from crosscal.training.networks.calibration.tile_readings import read_row
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.running.chip_run import ChipRun
from crosscal.training.networks.running.scoring import classes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TileDifference:
    """Difference of two runs' analogue sums in one tile, rms in steps of its converters.

    Attributes:
        layer: name.
        row, beside: place of the tile.
        steps: as they are.
        steps_after_gain: after a gain of every column, as any calibration gives it.
    """

    layer: str
    row: int
    beside: int
    steps: float
    steps_after_gain: float


def without_rounding(network: MappedNetwork) -> MappedNetwork:
    """Return the network with converters that do not round, so that analogue sums can be compared."""
    layers = tuple(
        replace(layer, codes=tuple(replace(codes, adc_bits=None) for codes in layer.codes))
        for layer in network.layers
    )
    return replace(network, layers=layers)


def tile_differences(
    network: MappedNetwork,
    one: ChipRun,
    other: ChipRun,
    vectors: list[list[np.ndarray]],
    *,
    check: Callable[[], None] = lambda: None,
) -> list[TileDifference]:
    """Compare every tile for every digit of some vectors.

    Args:
        network: as mapped, for the steps of its converters.
        one, other: runs of the network `without_rounding`; the other one is the reference.
        vectors: whole numbers by layer and group, each (B, K).
        check: called before each row of tiles; may raise to stop.
    """
    found = []
    for number, layer in enumerate(network.layers):
        for group, codes in enumerate(layer.codes):
            plain = one.network.layers[number].codes[group]
            step = Conversion.of(codes).step
            for row in range(codes.tile_counts[0]):
                check()
                pairs = (
                    read_row(run.programmed[number][group], plain, row, vectors[number][group])
                    for run in (one, other)
                )
                for beside, (mine, reference) in enumerate(zip(*pairs, strict=True)):
                    per_column = np.repeat(step, mine.sums.shape[1] // len(step))
                    power = np.maximum((mine.sums**2).sum(axis=0), 1e-30)
                    gain = (mine.sums * reference.sums).sum(axis=0) / power
                    raw, left = (
                        float(np.sqrt((((each - reference.sums) / per_column) ** 2).mean()))
                        for each in (mine.sums, gain * mine.sums)
                    )
                    found.append(
                        TileDifference(
                            layer=layer.matrix.name,
                            row=row,
                            beside=beside,
                            steps=raw,
                            steps_after_gain=left,
                        )
                    )
    return found


def predictions(run: ChipRun, x: Tensor) -> np.ndarray:
    """Return the classes that a run gives inputs (B, …), (B,)."""
    return classes_of(run.run(x), len(x)).numpy()


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Return the part of the classes that are alike."""
    return float(np.mean(one == other))


def some_vectors(
    vectors: list[list[np.ndarray]], count: int, rng: np.random.Generator
) -> list[list[np.ndarray]]:
    """Choose vectors of every layer and group at random: at even places all may show a black corner."""

    def few(given: np.ndarray) -> np.ndarray:
        return given[rng.permutation(len(given))[:count]]

    return [[few(group) for group in layer] for layer in vectors]
