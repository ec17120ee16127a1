"""Kernels of the converters: digits of whole numbers, and rounded sums shifted and added."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit


@njit(nogil=True, error_model="numpy")
def apply_digits(
    numbers: np.ndarray,
    first: int,
    shifts: np.ndarray,
    masks: np.ndarray,
    kinds: np.ndarray,
    digits: np.ndarray,
) -> None:
    """Take the digits of whole numbers.

    Args:
        numbers: (B, K), 16-bit.
        first: row of the tile's first input.
        shifts, masks: of each plane, (P,), 16-bit.
        kinds: of each plane, (P,): 0 of x, 1 of −x, 2 of x in two's complement.
        digits: receives them, (P, B, N), single precision or 8-bit numbers.
    """
    planes, batch, rows = digits.shape
    for p in range(planes):
        shift, mask, kind = shifts[p], masks[p], kinds[p]
        for b in range(batch):
            if kind == 2:
                for i in range(rows):
                    digits[p, b, i] = (numbers[b, first + i] >> shift) & mask
            elif kind == 1:
                for i in range(rows):
                    x = max(-numbers[b, first + i], 0)
                    digits[p, b, i] = (x >> shift) & mask
            else:
                for i in range(rows):
                    x = max(numbers[b, first + i], 0)
                    digits[p, b, i] = (x >> shift) & mask


@njit(nogil=True, error_model="numpy")
def shift_and_add(
    sums: np.ndarray,
    weights: np.ndarray,
    low: np.ndarray,
    step: np.ndarray,
    top: float,
    total: np.ndarray,
) -> None:
    """Convert sums and add them up by their weights, each slice to itself or all together.

    Args:
        sums: analogue sums, (P, B, S·O), slice by slice.
        weights: of each plane and slice, (P, S).
        low, step: least sum and step of the converters by slice, (S,).
        top: the last code; negative for converters that do not round.
        total: gains the result, (B, S, O) or (B, 1, O), single precision.
    """
    planes, batch, _ = sums.shape
    slices, apart, outputs = len(low), total.shape[1] > 1, total.shape[2]
    half, zero, last = np.float32(0.5), np.float32(0.0), np.float32(top)
    for b in range(batch):
        for p in range(planes):
            for s in range(slices):
                start, place = s * outputs, s if apart else 0
                if top < 0:
                    factor = np.float32(weights[p, s])
                    for o in range(outputs):
                        total[b, place, o] += factor * sums[p, b, start + o]
                    continue
                inverse, offset = np.float32(1.0 / step[s]), np.float32(-low[s] / step[s])
                factor = np.float32(weights[p, s] * step[s])
                constant = np.float32(weights[p, s] * low[s])
                for o in range(outputs):
                    code = np.float32(math.floor(sums[p, b, start + o] * inverse + offset + half))
                    code = code if code > zero else zero
                    code = code if code < last else last
                    total[b, place, o] += factor * code + constant
