"""A crossbar solved node by node with dense matrices: slow, plain, and none of the product's code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Law = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def ohmic(volts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Current per siemens, and its derivative."""
    return volts, np.ones_like(volts)


def lopsided(volts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A law of no calibrator's making: smooth, asymmetric, flattening."""
    bent = np.tanh(3 * volts)
    return 0.5 * volts + 0.8 * volts**2 + 0.2 * bent, 0.5 + 1.6 * volts + 0.6 * (1 - bent**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallCrossbar:
    """Wires [Ω] and a cell law; see the topology in `training/calibrators/structured/circuit.py`."""

    row_ohm: float = 8.0
    column_ohm: float = 5.0
    driver_ohm: float = 80.0
    sense_ohm: float = 25.0
    law: Law = ohmic

    def currents_a(self, conductance_s: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
        """Column currents [A], (M,), of one input vector, by Newton's method on all 2 N M nodes."""
        n, m = conductance_s.shape
        nodes = np.arange(2 * n * m).reshape(2, n, m)
        fixed, source = np.zeros((2 * n * m, 2 * n * m)), np.zeros(2 * n * m)

        def join(a: int, b: int, siemens: float) -> None:
            fixed[[a, b], [a, b]] += siemens
            fixed[[a, b], [b, a]] -= siemens

        for i in range(n):
            entry = 1 / (self.driver_ohm + self.row_ohm)
            fixed[nodes[0, i, 0], nodes[0, i, 0]] += entry
            source[nodes[0, i, 0]] += entry * voltage_v[i]
            for j in range(1, m):
                join(nodes[0, i, j - 1], nodes[0, i, j], 1 / self.row_ohm)
        leave = 1 / (self.sense_ohm + self.column_ohm)
        for j in range(m):
            fixed[nodes[1, -1, j], nodes[1, -1, j]] += leave
            for i in range(1, n):
                join(nodes[1, i - 1, j], nodes[1, i, j], 1 / self.column_ohm)
        rows, columns = nodes[0].ravel(), nodes[1].ravel()
        volts = np.zeros(2 * n * m)
        for _ in range(40):
            current, slope = self.law(volts[rows] - volts[columns])
            current, slope = current * conductance_s.ravel(), slope * conductance_s.ravel()
            wrong = fixed @ volts - source
            wrong[rows] += current
            wrong[columns] -= current
            jacobian = fixed.copy()
            jacobian[rows, rows] += slope
            jacobian[columns, columns] += slope
            jacobian[rows, columns] -= slope
            jacobian[columns, rows] -= slope
            step = np.linalg.solve(jacobian, wrong)
            volts = volts - step
            if np.abs(step).max() < 1e-13:
                break
        return leave * volts[nodes[1, -1]]
