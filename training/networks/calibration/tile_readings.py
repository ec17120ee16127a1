"""Readings of one tile for known digits, as they are converted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from crosscal.core.network.layer_codes import LayerCodes
from crosscal.core.network.tile_port import ProgrammedLayer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TileReadings:
    """Readings of one tile.

    Attributes:
        digits: applied, (B, N).
        sums: converted, (B, C), slice by slice; in mean distances of levels.
        usable: whether a sum is inside its converter's range, (B, C).
        rounding: variance of a conversion, (C,).
    """

    digits: np.ndarray
    sums: np.ndarray
    usable: np.ndarray
    rounding: np.ndarray


def read_row(
    programmed: ProgrammedLayer, layer: LayerCodes, row: int, vectors: np.ndarray, *, device: str = "cpu"
) -> list[TileReadings]:
    """Apply every digit of known vectors to one row of tiles, and read each of the tiles beside each other.

    Args:
        programmed: in its tiles.
        layer: its codes.
        row: of tiles.
        vectors: whole numbers of all inputs, (B, K).
        device: torch's device of the tiles.
    """
    given = vectors[:, layer.inputs_of(row)]
    digits = np.concatenate([plane.digits(given) for plane in layer.coding.planes()])
    applied = torch.from_numpy(digits.astype(np.float32)).to(device)
    sums = np.asarray(programmed.convert(row, applied).cpu(), dtype=np.float64)
    conversion = programmed.conversion
    step, edge = conversion.step, 0.5 * conversion.step
    # The last codes stand for everything beyond them too.
    low, high = (each[:, None] for each in (conversion.low + edge, conversion.high - edge))
    usable = (sums > low) & (sums < high)
    found = []
    for beside in range(layer.tile_counts[1]):
        part = layer.outputs_of(beside)
        mine = sums[:, :, part]
        found.append(
            TileReadings(
                digits=digits.astype(np.float64),
                sums=mine.reshape(len(mine), -1),
                usable=usable[:, :, part].reshape(len(mine), -1),
                rounding=np.repeat(step**2 / 12, mine.shape[2]),
            )
        )
    return found
