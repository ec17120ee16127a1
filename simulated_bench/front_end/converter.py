"""Converters of the columns: codes of steps that are uneven, one converter per column."""

from __future__ import annotations

import math

import numpy as np

from crosscal.simulated_bench.front_end.converter_kernels import uneven_codes
from crosscal.simulated_bench.settings.front_end import FrontEndSettings

SEGMENTS = 256
"""Of a converter's curve, straight within each: as many as its upper eight bits tell apart."""


class Converter:
    """Rounds currents to codes, with the integral and differential nonlinearity of one specimen.

    Errors of the steps add up along a converter, so its curve is a random walk over the range that is tied
    down at both ends, by `inl_lsb` off where it is furthest; on top of it, each threshold between two codes
    is off by itself, so that the widths of the steps deviate by `dnl_lsb` (rms).

    Args:
        settings: the front end's table of the `bench.toml`.
        columns: number of converters, M.
        rng: where this specimen's curves are drawn from.

    Reference:
        IEEE Std 1241-2010: integral and differential nonlinearity.
    """

    def __init__(self, settings: FrontEndSettings, *, columns: int, rng: np.random.Generator) -> None:
        self._last_code = 2 ** (settings.adc_bits - 1) - 1
        walk = np.zeros((SEGMENTS + 1, columns))
        walk[1:] = np.cumsum(rng.standard_normal((SEGMENTS, columns)), axis=0)
        walk -= np.linspace(0.0, 1.0, SEGMENTS + 1)[:, None] * walk[-1]
        self._curve_lsb = settings.inl_lsb * walk / np.abs(walk).max(axis=0)
        self._key = rng.integers(2**63, dtype=np.uint64)
        self._inl_lsb, self._dnl_lsb = settings.inl_lsb, settings.dnl_lsb

    def codes(self, steps: np.ndarray) -> np.ndarray:
        """Convert currents in steps of the converter, (..., M), to whole numbers; these may be over range."""
        if self._inl_lsb:
            steps = steps + self._off_lsb(steps)
        if not self._dnl_lsb:
            return np.rint(steps)
        # The width of a step is the difference of two thresholds.
        flat = np.ascontiguousarray(steps).reshape(-1, steps.shape[-1])
        return uneven_codes(flat, self._dnl_lsb / math.sqrt(2.0), self._key).reshape(steps.shape)

    def _off_lsb(self, steps: np.ndarray) -> np.ndarray:
        """Return how far the curves are off at currents in steps, (..., M)."""
        place = np.clip((steps / self._last_code + 1.0) / 2.0, 0.0, 1.0) * SEGMENTS
        below = np.minimum(place.astype(int), SEGMENTS - 1)
        column = np.arange(steps.shape[-1])
        low_lsb, high_lsb = self._curve_lsb[below, column], self._curve_lsb[below + 1, column]
        return low_lsb + (place - below) * (high_lsb - low_lsb)
