"""A board with faults that can be planted one at a time; no physics but what the check looks at."""

from __future__ import annotations

import numpy as np

from crosscal.core.readout import Readout


class PlainBoard:
    """N × M cells with a bent law, wires that take a part, channel errors and noise.

    Args:
        shape: rows and columns.
        seed: draws everything that differs from board to board.
        faults: names of what is wrong.
    """

    identity = "plain,board,1,1"
    capabilities = frozenset({"PROG", "READBACK"})
    temperature_c = None
    range_auto = False

    def __init__(self, shape: tuple[int, int], seed: int, *faults: str) -> None:
        self.rng = np.random.default_rng(seed)
        self.shape, self.faults = shape, set(faults)
        low_s = 10 ** self.rng.uniform(-6.5, -4.5)
        self.conductance_limits_s = (low_s, low_s * 10 ** self.rng.uniform(0.6, 2.5))
        self.protection_v = self.rng.uniform(0.1, 0.6)
        self.bend = self.rng.uniform(0.0, 3.0)
        rows, columns = shape
        # Wires leave the far corner between a third and all of its current.
        far = self.rng.uniform(0.35, 1.0)
        self.share = np.outer(np.linspace(1, far, rows), np.linspace(1, far, columns)) ** 0.5
        self.gain = self.rng.normal(1.0, 0.005, columns)
        top_a = rows * self.conductance_limits_s[1] * self.protection_v
        self.offset_a = self.rng.normal(0.0, 1e-4 * top_a, columns)
        self.noise_a = top_a * 10 ** self.rng.uniform(-5, -3)
        self.ranges_a = (4 * top_a, 40 * top_a)
        self.range_a = self.ranges_a[0]
        self.target_s = self.rng.uniform(*self.conductance_limits_s, shape)
        self.cells_s = self.target_s * self.rng.normal(1.0, 0.02, shape)
        self.last_a = np.zeros(columns)
        self.resting = True
        self.most_v = 0.0
        self.writes = 0

    def program(self, conductance_s: np.ndarray) -> None:
        self.writes += 1
        self.target_s = np.array(conductance_s)
        self.cells_s = self.target_s * self.rng.normal(1.0, 0.02, self.shape)

    def read_conductance(self) -> np.ndarray:
        return self.cells_s * self.rng.normal(1.0, 0.01, self.shape)

    def rest(self) -> np.ndarray:
        """Switch off; the currents that flow then."""
        self.resting = True
        flowing_a = self.last_a if "outputs left on" in self.faults else np.zeros(self.shape[1])
        return flowing_a + self.offset_a + self.rng.normal(0.0, self.noise_a, self.shape[1])

    def settings(self) -> dict:
        return {}

    def read(self, voltage_v: np.ndarray) -> Readout:
        voltage_v = np.atleast_2d(voltage_v)
        self.most_v = max(self.most_v, float(np.abs(voltage_v).max()))
        self.resting = False
        cells_s = self._wired(self.cells_s * self.share)
        ideal_a = np.einsum("bn,nm->bm", voltage_v * (1 + self.bend * voltage_v**2), cells_s)
        if "sign" in self.faults:
            ideal_a = -ideal_a
        current_a = np.empty_like(ideal_a)
        for index, now_a in enumerate(ideal_a):
            kept = np.exp(-1.0) if "slow settling" in self.faults else 1e-5
            self.last_a = now_a + kept * (self.last_a - now_a)
            current_a[index] = self.last_a
        current_a = current_a * self.gain + self.offset_a
        if "ranges differ" in self.faults and self.range_a == self.ranges_a[1]:
            current_a = current_a * 1.2
        current_a = current_a + self.rng.normal(0.0, self.noise_a, current_a.shape)
        if "microamperes" in self.faults:
            current_a = current_a * 1e6
        status = np.zeros(current_a.shape, dtype=np.uint8)
        return Readout(current_a=current_a, status=status, range_a=self.range_a)

    def measure(self, voltage_v: np.ndarray) -> np.ndarray:
        return self.read(voltage_v).current_a

    def _wired(self, cells_s: np.ndarray) -> np.ndarray:
        rows, columns = self.shape
        if "rows reversed" in self.faults:
            cells_s = cells_s[::-1]
        if "columns reversed" in self.faults:
            cells_s = cells_s[:, ::-1]
        if "columns permuted" in self.faults:
            cells_s = cells_s[:, np.random.default_rng(5).permutation(columns)]
        if "two columns swapped" in self.faults:
            cells_s = cells_s[:, [1, 0, *range(2, columns)]]
        if "two rows swapped" in self.faults:
            cells_s = cells_s[[*range(rows - 2), rows - 1, rows - 2]]
        if "dead row" in self.faults:
            cells_s = cells_s.copy()
            cells_s[rows // 2] = 0.0
        if "dead column" in self.faults:
            cells_s = cells_s.copy()
            cells_s[:, columns // 3] = 0.0
        return cells_s
