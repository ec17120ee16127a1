"""Converters of a layer: digits in, rounded and clipped sums out, in compiled code or in torch."""

from __future__ import annotations

import numpy as np
import torch

from crosscal.core.network.input_coding import Plane
from crosscal.core.network.layer_codes import LayerCodes
from crosscal.simulated_bench.tiles.conversion_kernels import apply_digits, shift_and_add


class Converters:
    """Converters of a layer.

    Args:
        layer: coding of inputs, significance of slices, ranges and bits.
    """

    def __init__(self, layer: LayerCodes) -> None:
        self.planes: tuple[Plane, ...] = layer.coding.planes()
        self.largest = layer.coding.largest
        self.least = (
            -self.largest - 1 if layer.coding.signed and layer.coding.digit_bits == 1 else -self.largest
        )
        self.shifts = np.array([plane.shift for plane in self.planes], dtype=np.int16)
        self.masks = np.array([2**plane.bits - 1 for plane in self.planes], dtype=np.int16)
        self.kinds = np.array([2 if p.complement else int(p.negative) for p in self.planes], dtype=np.int16)
        self.plane_weights = np.array([plane.weight for plane in self.planes])
        self.weights = self.plane_weights[:, None] * layer.significance[None, :]
        self.top = -1.0 if layer.adc_bits is None else float(2**layer.adc_bits - 1)
        self.low = layer.adc_range[:, 0].astype(np.float64)
        self.step = np.maximum((layer.adc_range[:, 1] - self.low) / max(self.top, 1.0), 1e-12)

    def rounding_deviation(self, row_tiles: int) -> float:
        """Return the standard deviation that rounding adds to an output's sum, as of uniform errors."""
        if self.top < 0:
            return 0.0
        return float(np.sqrt(row_tiles * (self.weights**2 * self.step**2).sum() / 12))

    def digits(self, numbers: np.ndarray, first: int, rows: int, out: np.ndarray) -> np.ndarray:
        """Take the digits of 16-bit numbers (B, K) for a tile's rows: (P, B, rows) at the start of `out`."""
        shape = len(self.planes), len(numbers), rows
        view = out[: shape[0] * shape[1] * shape[2]].reshape(shape)
        apply_digits(numbers, first, self.shifts, self.masks, self.kinds, view)
        return view

    def add(self, sums: np.ndarray, weights: np.ndarray, total: np.ndarray) -> None:
        """Convert analogue sums (P, B, S·O) and add them by weights (P, S) to `total`, (B, S or 1, O)."""
        shift_and_add(sums, weights, self.low, self.step, self.top, total)

    def digits_torch(self, numbers: torch.Tensor, plane: int) -> torch.Tensor:
        """Take one plane's digits of whole numbers (B, K) on any device."""
        whole = numbers.to(torch.int32)
        kind = int(self.kinds[plane])
        if kind != 2:
            whole = torch.clamp(-whole if kind == 1 else whole, min=0)
        return ((whole >> int(self.shifts[plane])) & int(self.masks[plane])).to(torch.float32)

    def rounded(self, sums: torch.Tensor) -> torch.Tensor:
        """Convert analogue sums (B, S, O), on any device."""
        if self.top < 0:
            return sums
        low, step = (
            torch.as_tensor(each, dtype=torch.float32, device=sums.device)[:, None]
            for each in (self.low, self.step)
        )
        return torch.floor((sums - low) / step + 0.5).clamp_(0.0, self.top) * step + low
