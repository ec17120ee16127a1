"""What the circuit needs of a cell: the law that joins its current to its voltage."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class CellLaw(Protocol):
    """Current–voltage law of a cell without memory, the same for every cell but for its conductance.

    The current must be continuous; its slope may jump. Where it falls as the voltage rises, it may do so only
    slowly against the wires' conductance, or several solutions exist and the solver refuses.
    A new device is one class with this one method.
    """

    def evaluate(
        self, conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        """Compute current and slope of every cell for a batch; runs in several threads at once.

        Args:
            conductance_s: nominal conductance [S], (N, M).
            voltage_v: from row to column [V], (B, N, M).
            current_a: receives the currents [A], (B, N, M).
            slope_s: receives the derivatives of current by voltage [S], (B, N, M).
        """
        ...


def cell_current(
    law: CellLaw, conductance_s: np.ndarray | float, voltage_v: np.ndarray | float
) -> np.ndarray:
    """Current of cells held at known voltages, without any wires.

    Args:
        law: the cells' law.
        conductance_s: nominal conductance [S], any shape.
        voltage_v: across the cell [V], any shape that broadcasts with it.

    Returns:
        Currents [A], of the broadcast shape.
    """
    conductance_s, voltage_v = np.broadcast_arrays(
        np.asarray(conductance_s, dtype=np.float64), np.asarray(voltage_v, dtype=np.float64)
    )
    current_a, slope_s = np.empty((1, 1, voltage_v.size)), np.empty((1, 1, voltage_v.size))
    flat_s, flat_v = np.ascontiguousarray(conductance_s), np.ascontiguousarray(voltage_v)
    law.evaluate(flat_s.reshape(1, -1), flat_v.reshape(1, 1, -1), current_a, slope_s)
    return current_a.reshape(voltage_v.shape)
