"""Refusal of a reading, and the window of inputs that it names."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.errors import RangeError, wanted


def refusal(
    current_a: np.ndarray,
    refused: int,
    limit_a: float,
    voltage_range_v: tuple[float, float] | None,
    or_else: str = "",
) -> RangeError:
    """Phrase a refusal.

    Args:
        current_a: readings [A], (M,) or (B, M).
        refused: result of `Correction.apply` for them.
        limit_a: largest magnitude that counts as a reading [A].
        voltage_range_v: inputs trained on [V], if they are known.
        or_else: further cause of a reading without an explanation.
    """
    window = trained_window(voltage_range_v)
    if refused < 0:
        return RangeError(
            wanted(
                got=f"a reading, vector {-1 - refused} (counted from 1), that no inputs explain{or_else}",
                allowed=f"readings of {window}",
                remedy="drive inputs within that window, or train on the one in use; recalibrate a board "
                "that has drifted; allow_extrapolation=True calibrates in spite of it",
            )
        )
    vector, column = divmod(refused, current_a.shape[-1])
    return RangeError(
        wanted(
            got=f"a current of {current_a.reshape(-1)[refused]} A in vector {vector + 1}, column "
            f"{column + 1} (counted from 1)",
            allowed=f"finite readings of at most {limit_a:.3g} A, of {window}",
            remedy="measure that vector again in a higher range, leave it out, or pass allow_nan=True to "
            "get NaN for what is missing",
        )
    )


def trained_window(voltage_range_v: tuple[float, float] | None) -> str:
    """Name the inputs that a calibrator was trained on."""
    if voltage_range_v is None:
        return "inputs like those trained on"
    largest_v = max(abs(limit) for limit in voltage_range_v)
    # To a thousandth of the largest: extremes of drawn inputs miss the limits that were meant by less.
    digits = 3 - math.floor(math.log10(largest_v)) if largest_v > 0.0 else 0
    low_v, high_v = (round(limit, digits) + 0.0 for limit in voltage_range_v)
    return f"inputs of {low_v:g} V to {high_v:g} V"
