"""How far the wires and the cells' law agree on given cell currents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, SolverError, wanted
from crosscal.simulated_bench.circuit import Circuit
from crosscal.simulated_bench.newton_kernels import mismatch, node_voltages

TOLERANCE = 5e-14
"""Solved when the cells' law and the wires disagree by no more than this part of the cell currents (2-norm).

Rounding alone leaves about 5e-16; the promise for Kirchhoff's law is 1e-12 of the largest column current.
"""

ROUNDING = 4 * np.finfo(np.float64).eps  # of a cell's voltage, in parts of the drive


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the wires make of cell currents, and what the cells' law says to that; one entry per vector.

    Attributes:
        word_v, bit_v: node voltages that the currents cause [V], (B, N, M).
        mismatch_a: current of the law at these voltages less the current assumed [A], (B, N, M).
        slope_s: slope of the law there [S], (B, N, M).
        left_a, size_a: 2-norms of the mismatch and of the law's currents [A], (B,).
        solved: the mismatch is small enough to stop, (B,).
    """

    word_v: np.ndarray
    bit_v: np.ndarray
    mismatch_a: np.ndarray
    slope_s: np.ndarray
    left_a: np.ndarray
    size_a: np.ndarray
    solved: np.ndarray

    @classmethod
    def of(cls, circuit: Circuit, voltage_v: np.ndarray, cell_a: np.ndarray) -> Agreement:
        """Compare for drives [V], (B, N), and assumed cell currents [A], (B, N, M).

        Raises:
            SolverError: the law falls somewhere as the voltage rises.
        """
        word_v, bit_v, across_v, law_a, slope_s = (np.empty_like(cell_a) for _ in range(5))
        norms, least_slope_s = np.empty((3, len(cell_a))), np.empty(len(cell_a))
        node_voltages(cell_a, voltage_v, *circuit.wires, word_v, bit_v, across_v)
        circuit.device.evaluate(circuit.conductance_s, across_v, law_a, slope_s)
        mismatch(law_a, slope_s, cell_a, norms, least_slope_s)
        if (least_slope_s < 0).any():
            where, falling = (
                law_place(circuit, across_v, slope_s < 0),
                "a current that falls as the voltage rises",
            )
            raise SolverError(
                wanted(got=f"{falling} {where}", allowed="rising laws", remedy="correct the device")
            )
        rounding_a = ROUNDING * np.abs(voltage_v).max(axis=1) * norms[2]
        solved = norms[0] <= TOLERANCE * norms[1] + rounding_a
        return cls(word_v, bit_v, law_a, slope_s, norms[0], norms[1], solved)

    def keep(self, which: np.ndarray) -> Agreement:
        """The same of some vectors, (B,) booleans."""
        if which.all():
            return self
        return Agreement(*(getattr(self, name)[which] for name in self.__slots__))

    def require_finite(self, circuit: Circuit) -> None:
        """Refuse to start where the device gives no numbers.

        Raises:
            RangeError: a current or slope is not finite; the message names the cell.
        """
        if np.isfinite(self.left_a).all():
            return
        bad = ~(np.isfinite(self.mismatch_a) & np.isfinite(self.slope_s))
        where = law_place(circuit, self.word_v - self.bit_v, bad)
        got = f"no finite current or slope {where}"
        raise RangeError(
            wanted(
                got=got,
                allowed="voltages the device is made for",
                remedy="lower the drive or correct the device",
            )
        )


def law_place(circuit: Circuit, across_v: np.ndarray, bad: np.ndarray) -> str:
    """Say where in the array a law misbehaves first."""
    b, i, j = (int(k) for k in np.argwhere(bad)[0])
    cell = f"cell [{i}, {j}], G = {circuit.conductance_s[i, j]:g} S, v = {across_v[b, i, j]:g} V"
    return f"from {circuit.device!r} in {cell}"
