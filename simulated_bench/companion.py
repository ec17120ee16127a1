"""The circuit that one implicit step of a transient has to solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.simulated_bench.circuit import Circuit
from crosscal.simulated_bench.line_kernels import factor, from_rows
from crosscal.simulated_bench.newton import DOUBLE, ITERATIONS_MOST, LOAD_OF_SINGLE, SINGLE
from crosscal.simulated_bench.newton_kernels import mismatch, newton_steps
from crosscal.simulated_bench.storage import Instant, Storage
from crosscal.simulated_bench.transient_kernels import branch_currents, cell_voltages, line_voltages

STEPS_MOST = 12  # Newton's method starts from an extrapolation: where it needs more, the time step is too long
FORCING = 1e-4  # part of a mismatch that a linear solve may leave
ROUNDING = 16 * np.finfo(np.float64).eps
ONE = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Still:
    """The wires with no current through the cells: what is fed into the rows, voltages of rows and columns."""

    row_fed_a: np.ndarray
    row_v: np.ndarray
    column_v: np.ndarray
    across_v: np.ndarray


class Companion:
    """The resistive circuit that stands for the array during a step: capacitors leak, inductors resist.

    Args:
        circuit: the array.
        capacitance_f: from every wire node to ground [F].
        inductance_h: in series with every wire segment [H].
        per_s: reciprocal of the implicit part of the step [1/s].
    """

    def __init__(self, circuit: Circuit, capacitance_f: float, inductance_h: float, per_s: float) -> None:
        self._circuit = circuit
        self.ground_s, self.inertia_ohm = per_s * capacitance_f, per_s * inductance_h
        row_ohm, column_ohm, source_ohm, sense_ohm = circuit.wires
        self._wires = row_ohm + self.inertia_ohm, column_ohm + self.inertia_ohm, source_ohm, sense_ohm
        rows, columns = circuit.shape
        self._row_damping, self._column_damping = np.empty((columns, rows)), np.empty((rows, columns))
        factor(np.zeros((columns, rows)), self.ground_s, self._wires[0], source_ohm, self._row_damping)
        factor(np.zeros((rows, columns)), self.ground_s, self._wires[1], sense_ohm, self._column_damping)

    def settle(
        self, time_s: float, drive_v: np.ndarray, history: Storage, guess_a: np.ndarray, tolerance: float
    ) -> Instant | None:
        """Solve the step.

        Args:
            time_s: end of the step [s].
            drive_v: drives then [V], (N,).
            history: what the past feeds into the nodes [A] and puts into the segments [V].
            guess_a: cell currents to start from [A], (N, M).
            tolerance: how far wires and cells may disagree, in parts of the cell currents.

        Returns:
            The array then; None if Newton's method does not get there.
        """
        still, cell_a, best_a = self._still(drive_v, history), guess_a.copy(), np.inf
        met_v = np.abs(drive_v).max() + np.abs(still.across_v).max()
        law_a, slope_s, norms = np.empty_like(cell_a), np.empty_like(cell_a), np.empty((4, 1))
        for _ in range(STEPS_MOST):
            row_fall_v, column_rise_v, across_v = self._with_cells(still.across_v, cell_a)
            device, conductance_s = self._circuit.device, self._circuit.conductance_s
            device.evaluate(conductance_s, across_v[None], law_a[None], slope_s[None])
            mismatch(ONE, law_a[None], slope_s[None], cell_a[None], norms)
            left_a, size_a, slope_norm_s = norms[:3, 0]
            if left_a <= tolerance * size_a + ROUNDING * met_v * slope_norm_s:
                row_v, column_v = still.row_v - row_fall_v, still.column_v + column_rise_v
                return self._instant(time_s, drive_v, history, still, cell_a, slope_s, row_v, column_v)
            if not left_a < best_a:
                return None
            best_a = left_a
            cell_a += self._linear(law_a, slope_s)
        return None

    def filtered(self, sources: Storage, slope_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Answer of the linearised step to sources alone: what an error in the storage comes to.

        Args:
            sources: fed into the nodes [A] and put into the segments [V].
            slope_s: slopes of the cells [S], (N, M).

        Returns:
            Voltages of rows (M, N) and columns (N, M) [V], and column currents (M,) [A].
        """
        still = self._still(np.zeros(self._circuit.shape[0]), sources)
        cell_a = self._linear(slope_s * still.across_v, slope_s)
        row_fall_v, column_rise_v, _ = self._with_cells(still.across_v, cell_a)
        column_v = still.column_v + column_rise_v
        branch_a = np.empty_like(column_v)
        branch_currents(sources.column + cell_a, self.ground_s, column_v, branch_a)
        return still.row_v - row_fall_v, column_v, branch_a[-1]

    def _still(self, drive_v: np.ndarray, history: Storage) -> _Still:
        row_ohm, column_ohm, source_ohm, sense_ohm = self._wires
        row_fed_a = history.row - self.ground_s * drive_v
        row_v, column_v = np.empty_like(history.row), np.empty_like(history.column)
        row_line = self.ground_s, row_ohm, source_ohm, self._row_damping
        column_line = self.ground_s, column_ohm, sense_ohm, self._column_damping
        line_voltages(row_fed_a, history.row_segment, *row_line, row_v)
        line_voltages(history.column, history.column_segment, *column_line, column_v)
        row_v += drive_v
        across_v = np.empty_like(column_v)
        from_rows(row_v, across_v)
        across_v -= column_v
        return _Still(row_fed_a, row_v, column_v, across_v)

    def _with_cells(self, open_v: np.ndarray, cell_a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the rows lose (M, N), the columns gain (N, M) and the cells see (N, M) when they pass currents."""
        fallen = np.empty_like(self._row_damping), np.empty_like(cell_a), np.empty_like(cell_a)
        cell_voltages(open_v, cell_a, *self._wires, self._row_damping, self._column_damping, *fallen)
        return fallen

    def _linear(self, right_a: np.ndarray, slope_s: np.ndarray) -> np.ndarray:
        step_a, norm_a = np.empty_like(right_a), np.array([np.linalg.norm(right_a)])
        load = self._circuit.way_ohm * np.linalg.norm(slope_s) / np.sqrt(slope_s.size)
        rounding = SINGLE if load <= LOAD_OF_SINGLE else DOUBLE
        part = np.array([FORCING / (1 + load)])
        limits = norm_a, np.maximum(part, rounding), rounding, ITERATIONS_MOST
        newton_steps(ONE, right_a[None], slope_s[None], *self._wires, self.ground_s, *limits, step_a[None])
        return step_a

    def _instant(
        self,
        time_s: float,
        drive_v: np.ndarray,
        history: Storage,
        still: _Still,
        cell_a: np.ndarray,
        slope_s: np.ndarray,
        row_v: np.ndarray,
        column_v: np.ndarray,
    ) -> Instant:
        turned_a = np.ascontiguousarray(cell_a.T[::-1])
        row_segment_a, column_segment_a = np.empty_like(row_v), np.empty_like(column_v)
        branch_currents(still.row_fed_a - turned_a, self.ground_s, row_v - drive_v, row_segment_a)
        branch_currents(history.column + cell_a, self.ground_s, column_v, column_segment_a)
        state = Storage(row_v, column_v, row_segment_a, column_segment_a)
        rate = state.scaled(self.ground_s, self.inertia_ohm).plus((-1.0, history))
        return Instant(time_s, cell_a, slope_s, state, rate)
