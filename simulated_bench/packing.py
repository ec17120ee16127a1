"""Arrays in the form that the firmware exchanges."""

from __future__ import annotations

from array import array

import numpy as np


def pack(values: np.ndarray) -> array[float]:
    """Turn values into an `array('d')`, row by row."""
    packed = array("d")
    packed.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return packed
