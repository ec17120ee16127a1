"""A device of one's own: one class with one method, in the solver and against an ohmic array."""

import numpy as np

from crosscal.simulated_bench import Ohmic, Wires, solve_dc


class Poole:
    """Field-enhanced conduction, i = G·v·exp(√|v|/s − √0.2/s): ohmic current at 0.2 V, steeper beyond."""

    def __init__(self, scale=2.0):
        self.scale = scale

    def evaluate(self, conductance_s, voltage_v, current_a, slope_s):
        """Conductances (N, M) [S], voltages (B, N, M) [V]; fill currents [A] and slopes [S], (B, N, M)."""
        root = np.sqrt(np.abs(voltage_v)) / self.scale
        ohmic_s = conductance_s * np.exp(root - np.sqrt(0.2) / self.scale)
        np.multiply(ohmic_s, voltage_v, out=current_a)
        np.multiply(ohmic_s, 1 + root / 2, out=slope_s)


rng = np.random.default_rng(1)
conductance_s = rng.uniform(16.6e-6, 100e-6, (24, 16))
voltage_v = rng.uniform(0.1, 0.5, (5, 24))
wires = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
ideal_a = voltage_v @ conductance_s

for device in (Ohmic(), Poole()):
    solution = solve_dc(conductance_s, voltage_v, wires=wires, device=device)
    error = np.abs(solution.current_a - ideal_a) / ideal_a
    print(f"{type(device).__name__:6s} currents are off by {100 * error.mean():.2f} % on average")
    lost_v = voltage_v[:, :, None] - solution.cell_v
    print(f"       the wires take up to {1e3 * lost_v.max():.1f} mV from a cell")
