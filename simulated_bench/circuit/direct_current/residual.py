"""Residual of assumed cell currents between the wires and the cells' law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosscal.core.errors import RangeError, SolverError, wanted
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.kernels.newton_kernels import residual, voltages_across

TOLERANCE = 1e-13
"""Solved when the cells' law and the wires disagree by no more than this part of the cell currents (2-norm).

Rounding alone leaves about 5e-16; the promise for Kirchhoff's law is 1e-12 of the largest column current.
"""

ROUNDING = (
    4 * np.finfo(np.float64).eps
)  # of a cell's voltage, in parts of the voltages it is the difference of


class Residual:
    """Difference between the law's currents at the cell voltages and the currents that cause those voltages.

    The large arrays are lent and overwritten, for at this speed fresh memory costs as much as arithmetic.

    Attributes:
        across_v: voltage across each cell [V], (B, N, M).
        residual_a: current of the law at that voltage, less the current assumed [A], (B, N, M).
        slope_s: slope of the law there [S], (B, N, M).
        norms: 2-norms of residual, currents [A] and slopes [S], and the smallest slope [S], (4, B).
        left_a, size_a: the first two of these, (B,).
    """

    def __init__(self, circuit: Circuit, voltage_v: np.ndarray, work: Sequence[np.ndarray]) -> None:
        """Compare for drives [V], (B, N), in three lent arrays (B, N, M)."""
        self._circuit = circuit
        self._voltage_v = voltage_v
        self._peak_v = np.abs(voltage_v).max(axis=1)
        self.across_v, self.residual_a, self.slope_s = work
        self.norms = np.zeros((4, len(self.across_v)))
        self.left_a, self.size_a = self.norms[:2]
        self._typical_ohm = circuit.mean_path_ohm / np.sqrt(circuit.conductance_s.size)

    @property
    def load(self) -> np.ndarray:
        """How the resistance of the wires compares with that of the cells, (B,)."""
        return self._typical_ohm * self.norms[2]

    def evaluate_law(self, active: np.ndarray) -> None:
        """Evaluate the law at `across_v` into `residual_a` and `slope_s`, for some vectors of the batch."""
        evaluate, conductance_s = self._circuit.device.evaluate, self._circuit.conductance_s
        if len(active) == len(self.across_v):
            evaluate(conductance_s, self.across_v, self.residual_a, self.slope_s)
            return
        for b in active:
            one = slice(b, b + 1)
            evaluate(conductance_s, self.across_v[one], self.residual_a[one], self.slope_s[one])

    def compare(self, active: np.ndarray, cell_a: np.ndarray) -> np.ndarray:
        """Compare for some vectors.

        Args:
            active: vectors to compare, (L,).
            cell_a: assumed cell currents [A], (B, N, M).

        Returns:
            True for each of the vectors with a residual small enough to stop, (L,).

        Raises:
            SolverError: the law falls so steeply with rising voltage that several solutions may exist.
        """
        voltages_across(active, cell_a, self._voltage_v, *self._circuit.wires, self.across_v)
        self.evaluate_law(active)
        residual(active, self.residual_a, self.slope_s, cell_a, self.norms)
        left_a, size_a, slope_norm_s, least_slope_s = self.norms[:, active]
        self._refuse_steep_fall(active, least_slope_s)
        met_v = self._peak_v[active] + self._typical_ohm * size_a
        return left_a <= TOLERANCE * size_a + ROUNDING * met_v * slope_norm_s

    def _refuse_steep_fall(self, active: np.ndarray, least_slope_s: np.ndarray) -> None:
        """Refuse a fall so steep that the voltage it frees on the wires drives it further."""
        mean_path_ohm = self._circuit.longest_path_ohm
        steep = least_slope_s * mean_path_ohm <= -1
        if steep.any():
            where = self._place(active[steep][0], self.slope_s * mean_path_ohm <= -1)
            got = f"a current that falls as the voltage rises {where}"
            allowed = f"slopes above {-1 / mean_path_ohm:g} S, so that there is one solution"
            remedy = "correct the device, or give the wires less resistance"
            raise SolverError(wanted(got=got, allowed=allowed, remedy=remedy))

    def require_finite(self) -> None:
        """Refuse to start where the device gives no numbers, or such that their squares overflow.

        Raises:
            RangeError: a current or slope is not finite or too large; the message names the cell.
        """
        lost = ~np.isfinite(self.norms[:3]).all(axis=0)
        if not lost.any():
            return
        vector = np.flatnonzero(lost)[0]
        bad = ~(np.isfinite(self.residual_a) & np.isfinite(self.slope_s))
        got, allowed = "no finite current or slope", "voltages the device is made for"
        if not bad[vector].any():
            size = np.maximum(np.abs(self.residual_a), np.abs(self.slope_s))
            bad = size == size[vector].max()
            got, allowed = "a current or slope too large to compute with", "squares within double precision"
        remedy = "lower the drive, or correct the device, the cell or the wires"
        raise RangeError(wanted(got=f"{got} {self._place(vector, bad)}", allowed=allowed, remedy=remedy))

    def _place(self, vector: int, bad: np.ndarray) -> str:
        i, j = (int(k) for k in np.argwhere(bad[vector])[0])
        cell = f"G = {self._circuit.conductance_s[i, j]:g} S, v = {self.across_v[vector, i, j]:g} V"
        return f"from {self._circuit.device!r} in cell [{i}, {j}], {cell}"
