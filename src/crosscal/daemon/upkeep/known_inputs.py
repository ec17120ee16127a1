"""Inputs of known vectors: some like those of users, to verify on, and some that say most of cells."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Vectors
from crosscal.core.errors import InputError
from crosscal.runtime import InputWindow, ProgrammedCalibrator
from crosscal.runtime.recalibration.known_inputs import telling_vectors

_GRADES = np.linspace(0.0, 1.0, 8)
"""Sizes of vectors that ranges are compared with: enough to tell an offset, a gain and their noise apart."""
_FILLED = 0.9
"""Share of a range that ideal currents fill: offsets and errors of cells need the rest."""


def ordinary_inputs(programmed: ProgrammedCalibrator, count: int, rng: np.random.Generator) -> Vectors:
    """Draw inputs like those of users [V], (count, N)."""
    return _window(programmed).ordinary(count, programmed.shape[0], rng)


def graded_inputs(programmed: ProgrammedCalibrator, full_a: float, rng: np.random.Generator) -> Vectors:
    """Grade inputs like those of users from 0 to where their currents fill a range [V], (8, N).

    Args:
        programmed: calibrator of the matrix that the board holds.
        full_a: the range [A].
        rng: draws them.
    """
    whole_v = ordinary_inputs(programmed, len(_GRADES), rng)
    largest_a = np.abs(whole_v @ programmed.conductance_s).max(axis=1)
    fitting = np.minimum(1.0, _FILLED * full_a / np.maximum(largest_a, np.finfo(float).tiny))
    return whole_v * (_GRADES * fitting)[:, None]


def telling_inputs(
    programmed: ProgrammedCalibrator, count: int, rng: np.random.Generator, *, age_s: float | None
) -> Vectors:
    """Design inputs to learn from [V], (count, N), for a matrix of this age [s]; None where it is unknown."""
    return telling_vectors(programmed, count, window=_window(programmed), rng=rng, age_s=age_s)


def _window(programmed: ProgrammedCalibrator) -> InputWindow:
    if programmed.voltage_range_v is None:
        raise InputError("got a calibrator whose file gives no range of inputs; train one (crosscal train)")
    low_v, high_v = programmed.voltage_range_v
    return InputWindow(low_v=low_v, high_v=high_v, levels_v=programmed.input_levels_v)
