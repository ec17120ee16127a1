"""Current–voltage law of a cell, as the circuit needs it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from crosscal.core.validation import real_array


@runtime_checkable
class CellLaw(Protocol):
    """Current–voltage law of a cell without memory, the same for every cell but for its conductance.

    The current must be continuous; its slope may jump. Where it falls as the voltage rises, it may do so only
    slowly against the wires' conductance, or several solutions exist and the solver refuses.
    A new device is one class with this one method. One that is valid in a range only adds a second:
    `check(conductance_s, voltage_v)`, of the shapes below, to raise `RangeError` naming the first cell
    that a solution holds outside it. Solvers call it once they have a solution; on the way there they may ask
    `evaluate` for any voltage.
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


def require_valid(law: CellLaw, conductance_s: np.ndarray, voltage_v: np.ndarray) -> None:
    """Refuse a solution with a cell outside the range that its law is made for.

    Args:
        law: the cells' law; without a method `check` it is valid everywhere.
        conductance_s: nominal conductance [S], (N, M).
        voltage_v: of the solution, from row to column [V], (B, N, M).

    Raises:
        RangeError: the message names the cell.
    """
    check = getattr(law, "check", None)
    if check is not None:
        check(conductance_s, voltage_v)


def cell_current(
    law: CellLaw, conductance_s: np.ndarray | float, voltage_v: np.ndarray | float
) -> np.ndarray:
    """Return the current of cells held at known voltages, without any wires.

    Args:
        law: the cells' law.
        conductance_s: nominal conductance [S], any shape.
        voltage_v: across the cell [V], any shape that broadcasts with it.

    Returns:
        Currents [A], of the broadcast shape.

    Raises:
        InputError: no real numbers, or masked elements.
    """
    conductance_s, voltage_v = np.broadcast_arrays(
        real_array(conductance_s, "conductances"), real_array(voltage_v, "voltages")
    )
    current_a, slope_s = np.empty((1, 1, voltage_v.size)), np.empty((1, 1, voltage_v.size))
    flat_s, flat_v = np.ascontiguousarray(conductance_s), np.ascontiguousarray(voltage_v)
    law.evaluate(flat_s.reshape(1, -1), flat_v.reshape(1, 1, -1), current_a, slope_s)
    return current_a.reshape(voltage_v.shape)
