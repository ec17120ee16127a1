"""Self-heating of cells under their own currents, and their neighbours' warmth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix, Vectors
from crosscal.core.errors import SolverError, wanted
from crosscal.simulated_bench.circuit.direct_current.solver import solve_dc
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices import CellLaw
from crosscal.simulated_bench.settings.cells import HeatingSettings
from crosscal.simulated_bench.variability.conductance_temperature import ConductanceTemperature

TOLERANCE_K = 1e-6
"""Of the cells' warmth, from one round to the next: 4e-10 of a conductance at 0.05 eV."""

HOTTEST_K = 1000.0
"""Above the board: no cell is read there, and its law says nothing about it."""

ROUNDS_MOST = 60
"""A round leaves the part E·ΔT/kT² of the error, a twentieth at 7 K and 0.05 eV; six are usual."""


class SelfHeating:
    """Cells in the steady state of their currents and their warmth, vector by vector.

    Thermal time constants of cells, nanoseconds to microseconds, are far below a reading's, so warmth is that
    of the settled currents. Only conductances follow it; the steepness of the law stays that of the board's
    temperature.

    Args:
        settings: table `[heating]` of the `bench.toml`.
        law: of the conductances' temperature.
        shape: of the array, (N, M).

    Reference:
        P. Sun et al., "Thermal crosstalk in 3-dimensional RRAM crossbar array", Scientific Reports 5 (2015)
        13504: cells warm their neighbours. The decay with the distance is this project's.
    """

    def __init__(
        self, settings: HeatingSettings, law: ConductanceTemperature, shape: tuple[int, int]
    ) -> None:
        self._law = law
        rows, columns = (np.arange(count) for count in shape)
        self._resistance_k_per_w = settings.resistance_k_per_w
        self._over_rows = settings.neighbour_part ** np.abs(rows[:, None] - rows)
        self._over_columns = settings.neighbour_part ** np.abs(columns[:, None] - columns)

    @property
    def active(self) -> bool:
        """Whether cells are warmed at all."""
        return self._resistance_k_per_w > 0

    def rise_k(self, power_w: np.ndarray) -> np.ndarray:
        """Return the warmth of cells above the board [K] for their powers [W], (..., N, M) both."""
        return self._resistance_k_per_w * (self._over_rows @ power_w @ self._over_columns)

    def conductances_s(
        self,
        conductance_s: Matrix,
        written_s: Matrix,
        voltage_v: Vectors,
        *,
        temperature_c: float,
        wires: Wires,
        device: CellLaw,
    ) -> np.ndarray:
        """Find the conductances of the cells under each vector [S], (B, N, M).

        Args:
            conductance_s: at the board's temperature [S], (N, M).
            written_s: conductances of the cells as they were last written [S], (N, M).
            voltage_v: drives [V], (B, N).
            temperature_c: of the board [°C].
            wires: resistances of wires, drivers and amplifiers.
            device: current–voltage law of the cells.

        Raises:
            SolverError: warmth and current drive each other up without end; or as `solve_dc`.
        """
        cold = self._law.factor(written_s, temperature_c)

        def warmer(rise_k: Matrix) -> Matrix:
            return conductance_s * (self._law.factor(written_s, temperature_c + rise_k) / cold)

        circuit = {"wires": wires, "device": device}
        return np.array([self._settled_s(warmer, vector_v, conductance_s, circuit) for vector_v in voltage_v])

    def _settled_s(
        self,
        warmer: Callable[[Matrix], Matrix],
        vector_v: np.ndarray,
        conductance_s: Matrix,
        circuit: dict[str, Any],
    ) -> Matrix:
        """Find the conductances under one vector [S], (N, M), by turns of currents and warmth."""
        rise_k, solution = np.zeros_like(conductance_s), None
        for _ in range(ROUNDS_MOST):
            solution = solve_dc(conductance_s, vector_v, start=solution, **circuit)
            power_w = _power_w(conductance_s, solution.cell_v, circuit["device"])
            before_k, rise_k = rise_k, self.rise_k(power_w)
            if rise_k.max() > HOTTEST_K:
                break
            conductance_s = warmer(rise_k)
            if np.abs(rise_k - before_k).max() <= TOLERANCE_K:
                return conductance_s
        raise _endless(rise_k)


def _endless(rise_k: Matrix) -> SolverError:
    got, allowed = f"cells {rise_k.max():.3g} K warm and rising", f"warmth that settles below {HOTTEST_K:g} K"
    return SolverError(
        wanted(got=got, allowed=allowed, remedy="lower the drives, or heating.resistance_k_per_w")
    )


def _power_w(conductance_s: Matrix, across_v: Matrix, device: CellLaw) -> Matrix:
    """Evaluate the power of each cell [W], (N, M)."""
    batch_v = np.ascontiguousarray(across_v)[None]
    current_a, slope_s = np.empty_like(batch_v), np.empty_like(batch_v)
    # A tile's conductances may be a view of the whole board's, and laws take whole arrays alone.
    device.evaluate(np.ascontiguousarray(conductance_s), batch_v, current_a, slope_s)
    return current_a[0] * across_v
