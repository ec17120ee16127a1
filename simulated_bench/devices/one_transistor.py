"""Cell in series with an access transistor: 1T1R."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from crosscal.core.errors import InputError, RangeError, ShapeError, SolverError, wanted
from crosscal.core.validation import real_array
from crosscal.simulated_bench.devices.access_kernels import begin, in_series, share
from crosscal.simulated_bench.devices.law import CellLaw, require_valid
from crosscal.simulated_bench.devices.sinh import Sinh

STEPS_MOST = 120  # bisection alone, from volts down to rounding, takes some 60
PROBE_S = 50e-6  # within the range of every profile


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTransistor:
    """Any cell in series with the n-channel transistor that selects it.

    Row wire, cell, drain, source, column wire. The transistor follows the square law
    `i = β·((V_G − V_T)·w − w²/2)` for the voltage w across it, `1/(β·(V_G − V_T))` ohms where that is small.
    How cell and transistor share the voltage is solved to rounding, cell by cell; current and slope are those
    of both together. The nominal conductance stays that of the cell.

    Valid in triode, w < V_G − V_T: a solution with a transistor beyond that is refused, with its place in
    the array. The gate's voltage counts from the column's node, so the rise of a column under its current
    must be small against V_G − V_T; body effect and channel-length modulation are left out. The cell's law
    must pass no current at 0 V and rise with its voltage.

    Attributes:
        cell: law of the cell itself.
        gate_v: V_G, of the gates [V]; one number, or one per row.
        threshold_v: V_T [V].
        gain_a_per_v2: β = µ·C_ox·W/L [A/V²].

    Raises:
        RangeError: a constant is not finite, the gain not positive, or a gate not above the threshold.
        ShapeError: gate voltages that are neither a number nor a flat list.
        InputError: the cell is no law, or passes current at 0 V.

    Reference:
        H. Shichman and D. A. Hodges, "Modeling and Simulation of Insulated-Gate Field-Effect Transistor
        Switching Circuits", IEEE J. Solid-State Circuits 3 (1968) 285, eq. 1. The default constants are
        typical of a 3.3 V transistor as wide as it takes to carry some 100 µA: 770 Ω.
    """

    cell: CellLaw = field(default_factory=Sinh)
    gate_v: float | Sequence[float] = 3.3
    threshold_v: float = 0.7
    gain_a_per_v2: float = 0.5e-3

    def __post_init__(self) -> None:
        if not callable(getattr(self.cell, "evaluate", None)) or isinstance(self.cell, type):
            got, allowed = f"cell = {self.cell!r}", "Ohmic(), Sinh(), Memristor() or another CellLaw"
            raise InputError(wanted(got=got, allowed=allowed, remedy="pass an instance"))
        for name, least in (("threshold_v", -math.inf), ("gain_a_per_v2", 0.0)):
            value = getattr(self, name)
            if not least < value < math.inf:
                allowed = "finite" if least < 0 else "finite, above 0"
                got = f"OneTransistor.{name} = {value!r}"
                raise RangeError(wanted(got=got, allowed=allowed, remedy="correct it"))
        if np.ndim(self.gate_v) > 1:
            got = f"OneTransistor.gate_v of shape {np.shape(self.gate_v)}"
            raise ShapeError(wanted(got=got, allowed="a number or one per row", remedy="give a flat list"))
        if np.ndim(self.gate_v) == 1:  # a tuple, so that devices can be compared and hashed
            object.__setattr__(self, "gate_v", tuple(real_array(self.gate_v, "gate voltages").tolist()))
        for place, gate in enumerate(np.atleast_1d(self.gate_v)):
            if not self.threshold_v < gate < math.inf:
                where = f"[{place}]" if np.ndim(self.gate_v) else ""
                got = f"OneTransistor.gate_v{where} = {gate:g} V"
                allowed = f"finite, above threshold_v, {self.threshold_v:g} V"
                raise RangeError(wanted(got=got, allowed=allowed, remedy="correct it"))
        at_rest_a = _largest_current_at_rest_a(self.cell)
        if at_rest_a != 0:
            got = f"a cell that passes {at_rest_a:g} A at 0 V"
            raise InputError(wanted(got=got, allowed="0 A there", remedy="correct the cell's law"))

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """See `CellLaw.evaluate`.

        Raises:
            ShapeError: gate voltages are given per row, and there are not as many as rows.
        """
        drop_v = self._solve(conductance_s, voltage_v, current_a, slope_s)
        overdrive_v = self._overdrive_v(voltage_v.shape[1])
        in_series(drop_v, overdrive_v, float(self.gain_a_per_v2), current_a, slope_s)

    def check(self, conductance_s: np.ndarray, voltage_v: np.ndarray) -> None:
        """Refuse a solution that holds a transistor outside triode, or the cell outside its own range.

        Args:
            conductance_s: nominal conductance [S], (N, M).
            voltage_v: from row to column [V], (B, N, M).

        Raises:
            RangeError: the message names the cell.
        """
        current_a, slope_s = np.empty(voltage_v.shape), np.empty(voltage_v.shape)
        drop_v = self._solve(conductance_s, voltage_v, current_a, slope_s)
        overdrive_v = self._overdrive_v(voltage_v.shape[1])
        beyond = ~(drop_v < overdrive_v[:, None])
        if beyond.any():
            b, i, j = (int(k) for k in np.argwhere(beyond)[0])
            got = f"{drop_v[b, i, j]:.4g} V across the access transistor of cell [{i}, {j}], vector {b}"
            allowed = f"triode, below V_G - V_T = {overdrive_v[i]:.4g} V"
            remedy = "lower the drive"
            raise RangeError(wanted(got=got, allowed=allowed, remedy=remedy))
        require_valid(self.cell, conductance_s, voltage_v - drop_v)

    def _solve(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, cell_a: np.ndarray, cell_s: np.ndarray
    ) -> np.ndarray:
        """Drop across each transistor [V], (B, N, M); leaves the cells' own currents and slopes there."""
        bracket_v, drop_v = np.empty((2, *voltage_v.shape)), np.empty(voltage_v.shape)
        cell_v, done = np.empty(voltage_v.shape), np.zeros(voltage_v.shape, dtype=bool)
        overdrive_v, gain = self._overdrive_v(voltage_v.shape[1]), float(self.gain_a_per_v2)
        begin(voltage_v, bracket_v, drop_v, cell_v)
        for _ in range(STEPS_MOST):
            self.cell.evaluate(conductance_s, cell_v, cell_a, cell_s)
            if not share(voltage_v, overdrive_v, gain, cell_a, cell_s, bracket_v, drop_v, cell_v, done):
                return drop_v
        i, j = (int(k) for k in np.argwhere(~done)[0][1:])
        got = f"no share of the voltage between {self.cell!r} and its transistor in cell [{i}, {j}]"
        allowed = "a cell whose current is continuous, rises with its voltage and is 0 A at 0 V"
        raise SolverError(wanted(got=got, allowed=allowed, remedy="correct the cell's law"))

    def _overdrive_v(self, rows: int) -> np.ndarray:
        """Return the gate voltage less threshold of each row [V], (N,)."""
        if isinstance(self.gate_v, Sequence) and len(self.gate_v) != rows:
            got = f"OneTransistor.gate_v with {len(self.gate_v)} values for {rows} rows"
            remedy = "give one number, or one per row of the conductance matrix"
            raise ShapeError(wanted(got=got, allowed=f"1 or {rows}", remedy=remedy))
        return np.full(rows, self.gate_v, dtype=np.float64) - self.threshold_v


def _largest_current_at_rest_a(law: CellLaw) -> float:
    """Return the largest magnitude of a law's currents at 0 V [A]; laws of one array have a shape, (N, M)."""
    shape = getattr(law, "shape", (1, 1))
    current_a, slope_s = np.empty((2, 1, *shape))
    law.evaluate(np.full(shape, PROBE_S), np.zeros((1, *shape)), current_a, slope_s)
    return float(np.abs(current_a).max())
