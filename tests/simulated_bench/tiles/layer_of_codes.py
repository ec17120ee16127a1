"""Layers with random codes for the tests of tiles."""

from __future__ import annotations

import numpy as np

from crosscal.core.network.cell_profile import CellProfile
from crosscal.core.network.input_coding import InputCoding
from crosscal.core.network.layer_codes import LayerCodes

LEVELS_S = (1e-6, 14e-6, 27e-6, 40e-6)
IDEAL = CellProfile(levels_s=LEVELS_S)
UNIT_S = 13e-6
WIDE = (-4000.0, 4000.0)


def random_layer(
    rng: np.random.Generator,
    *,
    inputs: int = 40,
    outputs: int = 5,
    pair: int = 1,
    adc_bits: int | None = None,
    adc_range: tuple[float, float] = WIDE,
    coding: InputCoding | None = None,
    tile: tuple[int, int] = (16, 24),
) -> LayerCodes:
    """A layer of two slices that does not fit one tile."""
    return LayerCodes(
        name="layer",
        codes=rng.integers(0, 4, (inputs, outputs, 2, pair)).astype(np.uint8),
        significance=np.array([1.0, 4.0]),
        coding=coding or InputCoding(bits=5),
        adc_bits=adc_bits,
        adc_range=np.array([adc_range, adc_range]),
        tile_rows=tile[0],
        tile_columns=tile[1],
    )


def exact_sums(layer: LayerCodes, numbers: np.ndarray) -> np.ndarray:
    """The product as plain numpy has it, in units of level distances."""
    values = np.array(LEVELS_S)[layer.codes] / UNIT_S
    matrix = values[..., 0] - (values[..., 1] if values.shape[3] == 2 else 0.0)
    return numbers @ (matrix @ layer.significance)
