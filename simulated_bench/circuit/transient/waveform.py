"""Drive of a transient, with every value checked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.core.errors import InputError, ShapeError, wanted
from crosscal.simulated_bench.circuit.checks import checked_array


class Waveform:
    """A user's function of time with checked values.

    Args:
        drive: voltages of the rows [V], (N,), at a time [s].
        rows: how many rows there are.

    Raises:
        InputError: `drive` cannot be called.
    """

    def __init__(self, drive: Callable[[float], np.ndarray], rows: int) -> None:
        if not callable(drive):
            shape = np.shape(drive)
            got = f"drive = a {type(drive).__name__}" + (f" of shape {shape}" if shape else "")
            remedy = "pass a function, such as lambda t: amplitude_v * math.sin(t), or one that interpolates"
            raise InputError(wanted(got=got, allowed="a function of time", remedy=remedy))
        self._drive, self._rows = drive, rows

    def __call__(self, time_s: float) -> np.ndarray:
        """Return the voltages at a time [V], (N,).

        Raises:
            ShapeError: the drive does not answer with one voltage per row; the message names the time.
            RangeError: a voltage is not finite; the message names time and row.
        """
        name = f"drive({time_s!r})"
        drive_v = checked_array(name, self._drive(time_s), ranks=(1,), axes="rows")
        if len(drive_v) != self._rows:
            got, allowed = f"{name} of shape {drive_v.shape}", f"({self._rows},)"
            remedy = "return one voltage per row of the conductance matrix"
            raise ShapeError(wanted(got=got, allowed=allowed, remedy=remedy))
        return drive_v
