"""Ohmic cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.simulated_bench.devices.law_kernels import ohmic


@dataclass(frozen=True, slots=True)
class Ohmic:
    """A cell that obeys Ohm's law: `i = G v`."""

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """See `CellLaw.evaluate`."""
        ohmic(conductance_s, voltage_v, current_a, slope_s)

    def spice_expression(self) -> str:
        """See `netlist`."""
        return "g*v"
