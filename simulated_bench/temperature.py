"""Temperature relative to the reference at which a board's settings hold."""

from __future__ import annotations

import numpy as np

from crosscal.core.physical_constants import ZERO_CELSIUS_K

REFERENCE_TEMPERATURE_C = 25.0
"""Temperature at which gains, offsets, conductances, wires and paces have their stated values."""

BOLTZMANN_EV_PER_K = 8.617333262e-5
"""Boltzmann's constant per elementary charge (CODATA 2018, ten digits)."""


def relative_kelvin(temperature_c: float) -> float:
    """Return the absolute temperature relative to the reference."""
    return (temperature_c + ZERO_CELSIUS_K) / (REFERENCE_TEMPERATURE_C + ZERO_CELSIUS_K)


def arrhenius_factor(energy_ev: np.ndarray | float, temperature_c: np.ndarray | float) -> np.ndarray | float:
    """Return exp(−E/k·(1/T − 1/T₀)) of activation energies [eV] at temperatures [°C], 1 at the reference."""
    kelvin, reference_k = temperature_c + ZERO_CELSIUS_K, REFERENCE_TEMPERATURE_C + ZERO_CELSIUS_K
    return np.exp(-energy_ev / BOLTZMANN_EV_PER_K * (1.0 / kelvin - 1.0 / reference_k))
