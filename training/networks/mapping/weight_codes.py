"""Weights as codes of cells: shifted or in pairs, with one digital factor per column or layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.training.networks.mapping.level_table import LevelTable, level_table
from crosscal.training.networks.mapping.options import DIFFERENTIAL, OFFSET, TRAINED, MappingOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightCodes:
    """Codes of one matrix: `weight ≈ factor · (sum − reference)` with the sum of its cells.

    Attributes:
        codes: of the cells, (K, O, S, P).
        factor: of each output, (O,).
        reference: sum of a weight of 0.
        significance: of the slices, (S,).
        weight: as mapped, (O, K).
    """

    codes: np.ndarray
    factor: np.ndarray
    reference: float
    significance: np.ndarray
    weight: np.ndarray


def encode_weights(
    weight: np.ndarray, options: MappingOptions, representation: str, trained: float | None = None
) -> WeightCodes:
    """Cut weights (O, K) into slices of cells.

    Args:
        weight: of one group of a layer.
        options: cells, bits and scale.
        representation: `offset` or `differential`.
        trained: digital factor that the weights were trained for, where that is the scale.
    """
    table = level_table(options.cells, options.slices)
    factor = _factors(weight, table, options, representation)
    if options.scale == TRAINED and trained is not None:
        factor = np.full(len(weight), trained)
    wanted = weight / factor[:, None]
    if representation == OFFSET:
        place = table.nearest(wanted + table.middle)
        codes = table.codes[place][..., None]
        found = table.values[place] - table.middle
        reference = table.pedestal + table.middle
    else:
        place = table.nearest(np.abs(wanted))
        if options.fixed_range is not None:
            # Weights of the fixed range have one bit less for their magnitude.
            most = int(table.nearest(np.array([table.middle - table.values[1]]))[0])
            place = np.minimum(place, most)
        some, none = table.codes[place], np.zeros_like(table.codes[place])
        negative = (wanted < 0)[..., None]
        codes = np.stack([np.where(negative, none, some), np.where(negative, some, none)], axis=-1)
        found = np.sign(wanted) * table.values[place]
        reference = 0.0
    return WeightCodes(
        codes=np.ascontiguousarray(codes.transpose(1, 0, 2, 3)),
        factor=factor.astype(np.float32),
        reference=reference,
        significance=table.significance,
        weight=(found * factor[:, None]).astype(np.float32),
    )


def _factors(
    weight: np.ndarray, table: LevelTable, options: MappingOptions, representation: str
) -> np.ndarray:
    outputs = len(weight)
    if options.fixed_range is not None:
        return np.full(outputs, options.fixed_range / table.middle)
    reach = table.span if representation == DIFFERENTIAL else table.span - table.middle
    largest = np.abs(weight).max(axis=1)
    if options.scale == "layer":
        largest = np.full(outputs, largest.max())
    return np.where(largest > 0, largest, 1.0) / reach


def weight_noise(encoded: WeightCodes, deviation: np.ndarray, unit: float) -> float:
    """Return the variance that scatter adds to weights, relative to the weights' mean square.

    Args:
        encoded: a matrix.
        deviation: of each level, in the unit of conductances.
        unit: of sums.
    """
    by_code = (deviation / unit) ** 2
    variance = (by_code[encoded.codes].sum(axis=3) * encoded.significance**2).sum(axis=2)
    power = float((encoded.weight**2).mean())
    return float((variance * encoded.factor**2).mean()) / power if power else 0.0
