"""Ranges of converters, from what a few hundred inputs cause in every layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crosscal.core.network.cell_profile import CellProfile
from crosscal.core.network.input_coding import InputCoding
from crosscal.training.networks.mapping.weight_codes import WeightCodes

VECTORS = 512
"""Input vectors of a layer that ranges are taken from; 256 to 2048 agree within a few percent."""

TILES = 4
"""Rows of tiles that are looked at in a layer, evenly chosen."""

CLIPS = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.32, 0.25, 0.2)
"""Parts of the whole range that are tried; the one with the least squared error is taken."""

SPARE = 1.5
"""Ranges from random inputs are made wider by this: data may cause larger sums."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRange:
    """Range of a layer's inputs.

    Attributes:
        largest: magnitude of the last whole number; None where every input brings its own.
        signed: whether there are inputs below 0.
    """

    largest: float | None
    signed: bool


def input_range(seen: Tensor, coding_bits: int, *, own: bool) -> InputRange:
    """Choose the range of a layer's inputs with the least squared error of rounding and clipping.

    Args:
        seen: inputs, any shape.
        coding_bits: of a whole number.
        own: whether every input brings its own range.
    """
    signed = bool((seen < 0).any())
    if own:
        return InputRange(largest=None, signed=signed)
    values = seen.abs().flatten()
    most = float(values.max())
    if most == 0:
        return InputRange(largest=1.0, signed=signed)
    if len(values) > 200_000:
        values = values[:: len(values) // 200_000 + 1]
    steps = 2 ** (coding_bits - 1) - 1 if signed else 2**coding_bits - 1
    errors = []
    for clip in CLIPS:
        step = clip * most / steps
        whole = torch.clamp(torch.round(values / step), max=steps)
        errors.append(float(((whole * step - values) ** 2).mean()))
    return InputRange(largest=CLIPS[int(np.argmin(errors))] * most, signed=signed)


def whole_numbers(x: Tensor, found: InputRange, coding: InputCoding) -> tuple[Tensor, Tensor | float]:
    """Turn inputs into whole numbers and the factor that brings them back.

    Args:
        x: inputs, (B, …).
        found: range of the layer.
        coding: of the whole numbers.
    """
    if found.largest is None:
        largest = x.abs().amax(dim=tuple(range(1, x.ndim)), keepdim=True).clamp_min(1e-30)
        factor: Tensor | float = largest / coding.largest
        scaled = x * (coding.largest / largest)
    else:
        factor = found.largest / coding.largest
        scaled = x * (coding.largest / found.largest)
    least = -coding.largest if found.signed else 0
    return torch.clamp(torch.round(scaled), least, coding.largest), factor


def converter_ranges(
    vectors: list[Tensor],
    encoded: list[WeightCodes],
    coding: InputCoding,
    cells: CellProfile,
    *,
    tile_rows: int,
    adc_bits: int | None,
    spare: bool,
) -> np.ndarray:
    """Choose least and largest sum of every slice, (S, 2), with the least squared error after conversion.

    Args:
        vectors: whole numbers of each group, (B', K).
        encoded: weights of each group.
        coding: of the inputs.
        cells: levels.
        tile_rows: of a tile.
        adc_bits: of the converters.
        spare: whether to leave room for larger sums.
    """
    levels = torch.as_tensor(cells.levels / cells.unit, dtype=torch.float32)
    slices = encoded[0].codes.shape[2]
    planes = coding.planes()
    found: list[list[Tensor]] = [[] for _ in range(slices)]
    weights: list[Tensor] = []
    groups = np.unique(np.linspace(0, len(encoded) - 1, min(len(encoded), 4)).astype(int))
    for group in groups:
        codes = encoded[group].codes
        tiles = range(0, codes.shape[0], tile_rows)
        chosen = np.unique(np.linspace(0, len(tiles) - 1, min(len(tiles), TILES)).astype(int))
        few = max(16, min(VECTORS, 4_000_000 // (codes.shape[1] * len(planes) * len(chosen) * len(groups))))
        some = _some(vectors[group], few).to(torch.int32)
        for first in (tiles[k] for k in chosen):
            values = levels[torch.as_tensor(codes[first : first + tile_rows].astype(np.int64))]
            matrix = values[..., 0] - values[..., 1] if values.shape[3] == 2 else values[..., 0]
            part = some[:, first : first + tile_rows]
            for plane in planes:
                number = part if plane.complement else torch.clamp(-part if plane.negative else part, min=0)
                digits = ((number >> plane.shift) & (2**plane.bits - 1)).to(torch.float32)
                sums = torch.einsum("bk,kos->sbo", digits, matrix).reshape(slices, -1)
                for k in range(slices):
                    found[k].append(sums[k])
                weights.append(torch.full((sums.shape[1],), plane.weight**2))
    importance = torch.cat(weights)
    return np.array([_range(torch.cat(each), importance, adc_bits, spare=spare) for each in found])


def _range(sums: Tensor, importance: Tensor, adc_bits: int | None, *, spare: bool) -> tuple[float, float]:
    low, high = float(sums.min()), float(sums.max())
    if high - low < 1.0:
        low, high = min(low, 0.0), max(high, low + 1.0)
    if adc_bits is None:
        return low, high
    top = 2**adc_bits - 1
    if len(sums) > 400_000:
        step = len(sums) // 400_000 + 1
        sums, importance = sums[::step], importance[::step]
    mean = float((sums * importance).sum() / importance.sum())
    best = (float("inf"), low, high)
    for clip in CLIPS:
        below, above = mean - clip * (mean - low), mean + clip * (high - mean)
        step = (above - below) / top
        below = round(below / step) * step  # so that a sum of 0 is converted exactly
        codes = torch.clamp(torch.round((sums - below) / step), 0, top)
        error = float((importance * (codes * step + below - sums) ** 2).mean())
        if error < best[0]:
            best = error, below, below + top * step
    if not spare:
        return best[1], best[2]
    middle, half = (best[1] + best[2]) / 2, SPARE * (best[2] - best[1]) / 2
    step = 2 * half / top
    below = round((middle - half) / step) * step
    return below, below + top * step


def _some(vectors: Tensor, count: int) -> Tensor:
    if len(vectors) <= count:
        return vectors
    places = torch.linspace(0, len(vectors) - 1, count).long()
    return vectors[places]
