"""Drivers of the rows: resistances, gains and offsets of one specimen, and noise of each reading."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.array_types import Vectors
from crosscal.simulated_bench.settings.drivers import DriverSettings

LEAST_PART = 0.05
"""Of the nominal resistance; a normal law has no end, and a driver has some resistance."""


class Drivers:
    """Row drivers with the errors of one specimen.

    Args:
        settings: table `[drivers]` of the `bench.toml`.
        rows: number of drivers, N.
        source_ohm: their nominal resistance [Ω].
        rng: where this specimen's errors are drawn from: all of them, whatever their limits.

    Attributes:
        source_ohm: resistance of each driver [Ω], one number if all are alike.
    """

    def __init__(
        self, settings: DriverSettings, *, rows: int, source_ohm: float, rng: np.random.Generator
    ) -> None:
        self._settings = settings
        self._gain = 1.0 + rng.uniform(-1.0, 1.0, rows) * settings.gain_error
        self._offset_v = rng.uniform(-1.0, 1.0, rows) * settings.offset_v
        spread = np.maximum(1.0 + settings.source_spread * rng.standard_normal(rows), LEAST_PART)
        alike = settings.source_spread == 0
        self.source_ohm: float | tuple[float, ...] = source_ohm if alike else tuple(source_ohm * spread)

    @property
    def noisy(self) -> bool:
        """Whether rows get anything else than `driven_v`."""
        return self._settings.noise_v > 0 or self._settings.reference_noise > 0

    def driven_v(self, voltage_v: Vectors) -> Vectors:
        """Return what the rows get on average [V], (B, N), for voltages asked for [V], (B, N)."""
        return voltage_v * self._gain + self._offset_v

    def noise_v(self, driven_v: Vectors, *, window_s: float, rng: np.random.Generator) -> Vectors:
        """Draw the noise on the rows, averaged over a reading's window [V], (B, N).

        Args:
            driven_v: what the rows get on average [V], (B, N).
            window_s: length of a reading, averages included [s].
            rng: consumed vector by vector.
        """
        settings = self._settings
        batch, rows = driven_v.shape
        drawn = rng.standard_normal((batch, rows + 1)) * math.sqrt(settings.noise_aperture_s / window_s)
        return settings.noise_v * drawn[:, 1:] + settings.reference_noise * drawn[:, :1] * driven_v

    def noise_covariance_v2(self, driven_v: Vectors, *, window_s: float) -> np.ndarray:
        """Return the covariance of the noise on the rows [V²], (B, N, N); arguments as of `noise_v`."""
        settings, rows = self._settings, driven_v.shape[1]
        shared = settings.reference_noise**2 * driven_v[:, :, None] * driven_v[:, None, :]
        own = settings.noise_v**2 * np.eye(rows)
        return (own + shared) * (settings.noise_aperture_s / window_s)
