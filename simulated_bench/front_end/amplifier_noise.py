"""1/f noise of the columns' amplifiers, below the corner of their white noise."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.array_types import Currents
from crosscal.simulated_bench.settings.front_end import FrontEndSettings
from crosscal.simulated_bench.variability.flicker_processes import FlickerProcesses, decade_folds, remembered

LONGEST_S = 1e5
"""A day: changes slower than that are an offset's."""


class AmplifierNoise:
    """1/f noise with the spectrum S(f) = S₀·f_c/f under white noise of S₀: one process per amplifier.

    It passes in the time that readings take, dwell and window of every vector, and in bench time. The part of
    it that is slower than a reading is the same in all averages.

    Args:
        settings: the front end's table of the `bench.toml`.
        columns: number of amplifiers, M.
        seed: of the noise, 64 bits.
    """

    def __init__(self, settings: FrontEndSettings, *, columns: int, seed: np.uint64) -> None:
        self._settings, self._columns = settings, columns
        self._processes, self._read_s = FlickerProcesses(columns, seed), 0.0

    @property
    def active(self) -> bool:
        """Whether there is any."""
        return self._settings.noise_corner_hz > 0

    def deviation_a(self, *, range_index: int, window_s: float) -> float:
        """Return the deviation of a reading over a window [A], of all time."""
        return float(np.sqrt((self._weights_a(range_index, window_s) ** 2).sum(axis=0)[0]))

    def covariance_a2(self, lags_s: np.ndarray, *, range_index: int, window_s: float) -> np.ndarray:
        """Return the covariance of readings that are lags [s] apart [A²], (L,)."""
        return remembered(self._weights_a(range_index, window_s), lags_s)[:, 0]

    def of_readings_a(
        self, count: int, *, time_s: float, spacing_s: float, range_index: int, window_s: float
    ) -> Currents:
        """Let some readings pass and return the noise in each [A], (B, M).

        Args:
            count: of readings, B.
            time_s: bench time [s].
            spacing_s: time from one reading to the next [s].
            range_index: of the amplifiers, counted from 0.
            window_s: length of a reading, averages included [s].
        """
        weights_a, noise_a = self._weights_a(range_index, window_s), np.empty((count, self._columns))
        for one_a in noise_a:
            self._read_s += spacing_s
            one_a[:] = self._processes.at(time_s + self._read_s, weights_a)
        return noise_a

    def _weights_a(self, range_index: int, window_s: float) -> np.ndarray:
        """Return the deviation of each decade's process [A], (decades, M)."""
        settings = self._settings
        # White noise of S₀ has the variance S₀/2T over a window T; 1/f noise has S₀·f_c for each e-fold.
        variance_a2 = 2.0 * settings.noise_aperture_s * settings.noise_of_range_a(range_index) ** 2
        folds = decade_folds(2.0 * window_s, np.full(self._columns, math.log(LONGEST_S)))
        return np.sqrt(variance_a2 * settings.noise_corner_hz * folds)
