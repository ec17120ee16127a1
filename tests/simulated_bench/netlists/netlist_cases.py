"""Small arrays whose netlists and ngspice's answers are kept as text in `netlists/`.

Written anew by `python tests/simulated_bench/netlists/netlist_cases.py` where ngspice is installed; made with
ngspice-39 (Debian 39.3+ds-1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.simulated_bench import (
    CellLaw,
    Hopping,
    Ohmic,
    OneTransistor,
    Saturating,
    Sinh,
    Wires,
    netlist,
    run_netlist,
    solve_dc,
    solve_transient,
)
from crosscal.simulated_bench.netlists.check import Drive

FOLDER = Path(__file__).parent
INSTANTS = 40  # of a transient that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class NetlistCase:
    """One array; arguments as of `netlist`."""

    device: CellLaw
    wires: Wires
    conductance_s: np.ndarray
    voltage_v: np.ndarray
    tolerance: float
    transient: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The netlist."""
        return netlist(
            self.conductance_s, self.voltage_v, wires=self.wires, device=self.device, **self.transient
        )

    def ours_a(self, scale: np.ndarray) -> np.ndarray:
        """Column currents by our solvers [A], (B, M); those of a transient at the times of the scale."""
        circuit = {"wires": self.wires, "device": self.device}
        if not self.transient:
            return solve_dc(self.conductance_s, self.voltage_v, **circuit).current_a
        storage = {name: value for name, value in self.transient.items() if name != "time_s"}
        drive = Drive(self.transient["time_s"], self.voltage_v)
        return solve_transient(self.conductance_s, drive, scale, **circuit, **storage).current_a

    def thinned(self, scale: np.ndarray, current_a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some of a transient's instants, everything otherwise."""
        scale, first = np.unique(scale, return_index=True)
        chosen = np.unique(np.linspace(0, len(scale) - 1, INSTANTS).astype(int))
        return scale[chosen], current_a[first[chosen]]


WIRES = Wires(row_ohm=2.0, column_ohm=3.0, source_ohm=50.0, sense_ohm=10.0)
PULSE_S = np.array([0.0, 1e-11, 4e-10, 4.1e-10, 8e-10])
PULSE = np.array([0.0, 1.0, 1.0, -0.4, -0.4])


def _array(rows: int, columns: int, vectors: int, **known: Any) -> dict[str, Any]:
    rng = np.random.default_rng([rows, columns])
    drawn = {
        "conductance_s": rng.uniform(16.6e-6, 100e-6, (rows, columns)),
        "voltage_v": rng.uniform(-0.5, 0.5, (vectors, rows)),
        "wires": WIRES,
    }
    return drawn | known


def _broken(rows: int, columns: int) -> np.ndarray:
    """A matrix with an open and a short cell."""
    conductance_s = _array(rows, columns, 1)["conductance_s"]
    conductance_s[0, 1], conductance_s[2, 3] = 0.0, 10e-3
    return conductance_s


def _pulse(rows: int, columns: int, **storage: float) -> dict[str, Any]:
    array = _array(rows, columns, 1)
    return array | {
        "voltage_v": PULSE[:, None] * array["voltage_v"],
        "transient": {"time_s": PULSE_S, **storage},
    }


CASES = {
    "ohmic_3x5_open_and_short": NetlistCase(
        device=Ohmic(), tolerance=1e-11, **_array(3, 5, 3, conductance_s=_broken(3, 5))
    ),
    "ohmic_2x4_own_drivers_and_amplifiers": NetlistCase(
        device=Ohmic(),
        tolerance=1e-11,
        **_array(
            2, 4, 2, wires=Wires(column_ohm=4.0, source_ohm=[30.0, 70.0], sense_ohm=[0.0, 5.0, 9.0, 2.0])
        ),
    ),
    "sinh_4x5_open_and_short": NetlistCase(
        device=Sinh(), tolerance=1e-10, **_array(4, 5, 3, conductance_s=_broken(4, 5))
    ),
    "saturating_3x4": NetlistCase(device=Saturating(), tolerance=1e-10, **_array(3, 4, 2)),
    "hopping_4x2": NetlistCase(device=Hopping(), tolerance=1e-10, **_array(4, 2, 2)),
    "one_transistor_5x3": NetlistCase(
        device=OneTransistor(gate_v=[2.2, 2.5, 2.8, 3.1, 3.3]), tolerance=1e-10, **_array(5, 3, 3)
    ),
    "one_transistor_ohmic_2x5": NetlistCase(
        device=OneTransistor(cell=Ohmic(), gate_v=2.0), tolerance=1e-10, **_array(2, 5, 2)
    ),
    "sinh_3x2_rc": NetlistCase(device=Sinh(), tolerance=1e-5, **_pulse(3, 2, capacitance_f=1e-13)),
    "ohmic_2x3_rlc": NetlistCase(
        device=Ohmic(), tolerance=1e-4, **_pulse(2, 3, capacitance_f=1e-13, inductance_h=1e-10)
    ),
}


def write_goldens() -> None:
    """Write all netlists and what ngspice makes of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, case in CASES.items():
        text = case.text()
        (FOLDER / f"{name}.cir").write_text(text)
        table = np.column_stack(case.thinned(*run_netlist(text)))
        np.savetxt(FOLDER / f"{name}.txt", table, fmt="%.17g", header="vector or time, column currents")


if __name__ == "__main__":
    write_goldens()
