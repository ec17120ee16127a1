"""Gain and offset per column, in C99."""

from __future__ import annotations

from collections.abc import Sequence

from crosscal.firmware_models.c_calibrator.body import Body
from crosscal.firmware_models.c_calibrator.c_text import float_array, template


def affine_body(gain: Sequence[float], offset_a: Sequence[float]) -> Body:
    """Write `gain · current + offset`.

    Args:
        gain, offset_a: per column; offsets in ampere.
    """
    constants = float_array("gain", gain) + float_array("offset_a", offset_a)
    return Body(
        arithmetic="single precision",
        text=constants + "\n" + template("affine.h"),
        relative_tolerance=1e-6,
        constant_bytes=4 * 2 * len(gain),
        stack_bytes=0,
    )
