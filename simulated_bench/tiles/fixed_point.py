"""Fixed-point products of digits by matrices, half as fast again where processors multiply 8-bit numbers."""

from __future__ import annotations

import threading

import torch

HALF = 1 << 8  # of a 16-bit number
LARGEST = 127 * HALF + 127
"""The largest number of an upper and a lower half of 8 bits with their signs."""

DIGITS_MOST = 127  # 8 bits with their sign
SUM_MOST = (2**31 - 1) // LARGEST
"""The largest sum of digits of a vector: products with it fit 32 bits with their sign."""

ROWS_LEAST = 64
"""Fewer rows are as fast in single precision: 27 rows a fifth slower here, 64 a quarter faster."""


def has_fixed_point() -> bool:
    """Tell whether torch has products of 8-bit numbers for this processor, and the processor has them."""
    supported = getattr(torch.cpu, "_is_vnni_supported", None)
    return hasattr(torch.ops.aten, "_int_mm") and supported is not None and bool(supported())


class FixedPointMatrix:
    """A matrix in 16-bit fixed point, as two matrices of 8-bit numbers.

    An entry is off by half a step at most, 1/65,278 of the largest one: a sum over 128 rows by 1e-4 of a
    distance of levels, a thousandth of what an 8-bit converter rounds by.

    Args:
        matrix: (N, C), single precision, on the CPU.
    """

    def __init__(self, matrix: torch.Tensor) -> None:
        self._step = max(float(matrix.abs().max()), 1e-30) / LARGEST
        whole = torch.round(matrix / self._step).to(torch.int32)
        upper = (whole + HALF // 2) >> 8
        self._halves = [each.to(torch.int8).contiguous() for each in (upper, whole - HALF * upper)]

    def product(self, digits: torch.Tensor, out: torch.Tensor) -> None:
        """Multiply digits (B, N), 0 to 127 and `SUM_MOST` in all at most: `out`, (B, C), single precision."""
        upper, lower = (each.view(out.shape) for each in _scratch(out.numel()))
        for half, found in zip(self._halves, (upper, lower), strict=True):
            torch.ops.aten._int_mm.out(digits, half, out=found)
        torch.mul(lower.add_(upper, alpha=HALF), self._step, out=out)


_LOCAL = threading.local()


def _scratch(count: int) -> torch.Tensor:
    """Return two arrays of whole numbers that the products of a thread share: fresh memory costs as much."""
    held = getattr(_LOCAL, "held", None)
    if held is None or held.shape[1] < count:
        held = _LOCAL.held = torch.empty(2, count, dtype=torch.int32)
    return held[:, :count]
