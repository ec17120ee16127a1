"""Conductance of cells at a temperature, relative to that at the reference temperature."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.temperature import REFERENCE_TEMPERATURE_C, arrhenius_factor


class ConductanceTemperature:
    """Law of keys of `[device]`: a linear coefficient, and an activation energy that may follow the state.

    Args:
        settings: of the board.
    """

    def __init__(self, settings: BenchSettings) -> None:
        self._device, self._array = settings.device, settings.array

    def factor(self, written_s: Matrix, temperature_c: np.ndarray | float) -> np.ndarray | float:
        """Return the conductance relative to that at the reference, one number or of the broadcast shape.

        Args:
            written_s: conductance of each cell when it was written [S], (N, M).
            temperature_c: of the board, or of the cells in each of B readings (B, N, M) [°C].
        """
        per_c = self._device.temperature_coefficient_per_c
        change = 1.0 + per_c * (temperature_c - REFERENCE_TEMPERATURE_C)
        return np.maximum(change, 0.0) * arrhenius_factor(self._energy_ev(written_s), temperature_c)

    def _energy_ev(self, written_s: Matrix) -> np.ndarray | float:
        """Return the activation energy of cells [eV], one number or (N, M)."""
        high_ev, low_ev = self._device.activation_energy_ev, self._device.activation_energy_low_ev
        if low_ev is None:
            return high_ev
        least_s, most_s = max(self._array.conductance_min_s, 1e-12), self._array.conductance_max_s
        place = np.log(np.clip(written_s, least_s, most_s) / least_s) / np.log(most_s / least_s)
        return low_ev + (high_ev - low_ev) * place
