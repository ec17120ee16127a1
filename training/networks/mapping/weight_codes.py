"""Weights as codes of cells: shifted or in pairs, with one digital factor per column or layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.training.networks.mapping.level_table import LevelTable, level_table
from crosscal.training.networks.mapping.options import DIFFERENTIAL, OFFSET, TRAINED, MappingOptions

HEADROOM = 0.875
"""Part of the range that weights take where lower slices are to make up for errors: the largest weight, too,
may come out too small. 0.8 leaves the same error, 0.95 twice as much (at a scatter of 0.15 levels)."""


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
    elif options.read_back:
        codes, found = balanced_codes(np.clip(wanted, -_most(table, options), _most(table, options)), table)
        reference = 0.0
    else:
        place = table.nearest(np.abs(wanted))
        if options.fixed_range is not None:
            place = np.minimum(place, int(table.nearest(np.array([_most(table, options)]))[0]))
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


def _most(table: LevelTable, options: MappingOptions) -> float:
    """Return the largest magnitude of pairs; a fixed range leaves them one bit less."""
    return table.span if options.fixed_range is None else table.middle - float(table.values[1])


def balanced_codes(target: np.ndarray, table: LevelTable) -> tuple[np.ndarray, np.ndarray]:
    """Cut values into pairs of slices with the nearest level first, so that lower slices have either sign.

    That leaves them room for errors of both signs in the slices above.

    Args:
        target: (O, K).
        table: of the cell.

    Returns:
        Codes, (O, K, S, 2), and the values that they form.
    """
    slices = len(table.significance)
    codes = np.zeros((*target.shape, slices, 2), dtype=np.uint8)
    missing = target.copy()
    for place in range(slices - 1, -1, -1):
        give_slice(codes, place, missing, table)
        given = table.levels[codes[:, :, place, 0]] - table.levels[codes[:, :, place, 1]]
        missing = missing - table.significance[place] * given
    return codes, target - missing


def give_slice(codes: np.ndarray, place: int, missing: np.ndarray, table: LevelTable) -> None:
    """Set one slice of pairs to the level nearest to what is missing, and the slices below it to none."""
    codes[:, :, :place] = 0
    middles = (table.levels[1:] + table.levels[:-1]) / 2
    some = np.searchsorted(middles, np.abs(missing) / table.significance[place])
    codes[:, :, place, 0] = np.where(missing < 0, 0, some)
    codes[:, :, place, 1] = np.where(missing < 0, some, 0)


def _factors(
    weight: np.ndarray, table: LevelTable, options: MappingOptions, representation: str
) -> np.ndarray:
    outputs = len(weight)
    if options.fixed_range is not None:
        return np.full(outputs, options.fixed_range / table.middle)
    reach = table.span if representation == DIFFERENTIAL else table.span - table.middle
    if representation == DIFFERENTIAL and options.read_back:
        reach *= HEADROOM
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
