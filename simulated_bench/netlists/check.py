"""Comparison of ngspice and this solver on the same array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.circuit.direct_current.solver import solve_dc
from crosscal.simulated_bench.circuit.transient.solver import solve_transient
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices.law import CellLaw
from crosscal.simulated_bench.devices.ohmic import Ohmic
from crosscal.simulated_bench.netlists.run import run_netlist
from crosscal.simulated_bench.netlists.writer import netlist

LINEAR, NONLINEAR, RC, RLC = 1e-11, 1e-10, 1e-5, 1e-4
"""Agreement that correct solvers reach, relative to the largest current."""

INSTANTS_MOST = 200  # compared, of the thousands that ngspice may choose
TOLERANCE = 1e-7  # of a step of the transient here, which leaves an error of some 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class NetlistCheck:
    """Result of a comparison.

    Attributes:
        what: kind of circuit.
        compared: how many vectors or instants.
        difference: largest difference of a column current, in parts of the largest current of its vector, or
            of the whole transient.
        allowed: the largest difference that counts as agreement.
    """

    what: str
    compared: int
    difference: float
    allowed: float

    @property
    def agrees(self) -> bool:
        """Whether the two solvers agree."""
        return self.difference <= self.allowed


def check_netlist(
    conductance_s: Matrix,
    voltage_v: np.ndarray,
    *,
    wires: Wires,
    device: CellLaw,
    time_s: np.ndarray | None = None,
    capacitance_f: float = 0.0,
    inductance_h: float = 0.0,
    timeout_s: float | None = None,
) -> NetlistCheck:
    """Solve an array with ngspice and here, and compare; arguments as of `netlist`.

    Raises:
        ShapeError, RangeError, InputError: an argument that cannot be used, or ngspice is not installed.
        SolverError: one of the two found no solution.
    """
    text = netlist(
        conductance_s,
        voltage_v,
        wires=wires,
        device=device,
        time_s=time_s,
        capacitance_f=capacitance_f,
        inductance_h=inductance_h,
    )
    scale, theirs_a = run_netlist(text, timeout_s=timeout_s)
    if time_s is None:
        ours_a = np.atleast_2d(solve_dc(conductance_s, voltage_v, wires=wires, device=device).current_a)
        largest_a = np.abs(ours_a).max(axis=1, keepdims=True)
        linear = isinstance(device, Ohmic)
        what, allowed = ("operating points, ohmic", LINEAR) if linear else ("operating points", NONLINEAR)
    else:
        scale, theirs_a = _thinned(scale, theirs_a)
        ours_a = solve_transient(
            conductance_s,
            Drive(np.asarray(time_s, dtype=np.float64) - np.min(time_s), np.asarray(voltage_v)),
            scale,
            wires=wires,
            device=device,
            capacitance_f=capacitance_f,
            inductance_h=inductance_h,
            tolerance=TOLERANCE,
        ).current_a
        largest_a = np.abs(ours_a).max()
        what, allowed = ("transient, RLC", RLC) if inductance_h > 0 else ("transient, RC", RC)
    difference = float(np.max(np.abs(theirs_a - ours_a) / np.where(largest_a > 0, largest_a, 1.0)))
    return NetlistCheck(what=what, compared=len(ours_a), difference=difference, allowed=allowed)


class Drive:
    """Voltages of the rows, straight between given times and constant outside them.

    Args:
        time_s: rising [s], (T,).
        voltage_v: [V], (T, N).
    """

    def __init__(self, time_s: np.ndarray, voltage_v: np.ndarray) -> None:
        self._time_s, self._voltage_v = time_s, voltage_v

    def __call__(self, time_s: float) -> np.ndarray:
        """Interpolate the voltages at a time [V], (N,)."""
        return np.array([np.interp(time_s, self._time_s, row_v) for row_v in self._voltage_v.T])


def _thinned(time_s: np.ndarray, current_a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose some of ngspice's own instants, first and last among them; it may write one twice."""
    time_s, first = np.unique(time_s, return_index=True)
    chosen = np.unique(np.linspace(0, len(time_s) - 1, INSTANTS_MOST).astype(int))
    return time_s[chosen], current_a[first[chosen]]
