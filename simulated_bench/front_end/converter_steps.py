"""Error of a mean of converted readings: steps that noise does not dither stay in every mean."""

from __future__ import annotations

import math

import numpy as np

_TERMS = np.arange(1, 200)
"""Of the series. Errors are within 0.2 % of those of five times as many (`python benchmarks/constants.py
_TERMS`)."""


def mean_deviation_a(step_a: float, noise_a: float, averages: int) -> float:
    """Return the rms error of the mean of readings of a current that lies anywhere between two steps [A].

    The converter rounds each reading. The part of the rounding that is the same each time has the variance
    Σ step²/(2π²k²)·exp(−4π²k²s²) with s = noise/step: step²/12 without noise, nothing from about one step on.

    Args:
        step_a: of the converter [A].
        noise_a: rms noise of one reading before it is rounded [A], normal.
        averages: readings per mean.

    Reference:
        Widrow and Kollár, Quantization Noise (Cambridge, 2008), chapter 19: dither and its averaging.
    """
    if step_a == 0:
        return noise_a / math.sqrt(averages)
    waves = (math.pi * _TERMS) ** 2
    held = float((np.exp(-4.0 * waves * (noise_a / step_a) ** 2) / (2.0 * waves)).sum())
    held *= 1 / 12 / float((1.0 / (2.0 * waves)).sum())  # the terms left out count where there is no noise
    held_a2 = held * step_a**2
    return math.sqrt(held_a2 + (noise_a**2 + step_a**2 / 12.0 - held_a2) / averages)
