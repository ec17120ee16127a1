"""Companion circuit of one implicit step of a transient."""

from __future__ import annotations

import math

import numpy as np

from crosscal.simulated_bench.circuit.circuit import Circuit, path_resistances_ohm
from crosscal.simulated_bench.circuit.direct_current.newton import (
    DOUBLE,
    ITERATIONS_MOST,
    LOAD_OF_SINGLE,
    SINGLE,
)
from crosscal.simulated_bench.circuit.kernels.line_kernels import factor, from_rows, respond
from crosscal.simulated_bench.circuit.kernels.newton_kernels import newton_steps, residual
from crosscal.simulated_bench.circuit.kernels.transient_kernels import (
    cell_voltages,
    line_changes,
    store,
    sum_columns,
)
from crosscal.simulated_bench.circuit.transient.storage import Instant, Storage

STEPS_MOST = (
    12  # Newton's method starts from an extrapolation: where it needs more, the time step is too long
)
FORCING = 1e-4  # part of a residual that a linear solve may leave
ROUNDING = 16 * np.finfo(np.float64).eps
"""Of voltages, in parts of those met. Insensitive between 0 and 256 times float64's (`python
benchmarks/constants.py companion`)."""
ONE = np.zeros(1, dtype=np.int64)  # a batch of one: the places of its vectors


class Companion:
    """The resistive circuit that stands for the array during a step: capacitors leak, inductors resist.

    It is solved for the changes since the step began. So an array at rest stays at rest exactly, however
    short the step, where large histories would cancel only up to rounding.

    Args:
        circuit: the array.
        capacitance_f: from every wire node to ground [F].
        inductance_h: in series with every wire segment [H].
        per_s: reciprocal of the implicit part of the step [1/s].
    """

    def __init__(self, circuit: Circuit, capacitance_f: float, inductance_h: float, per_s: float) -> None:
        self._circuit = circuit
        self._ground_s, self._inertia_ohm = per_s * capacitance_f, per_s * inductance_h
        row_ohm, column_ohm, source_ohm, sense_ohm = circuit.wires
        self._wires = row_ohm + self._inertia_ohm, column_ohm + self._inertia_ohm, source_ohm, sense_ohm
        rows, columns = circuit.shape
        row_path_ohm, _ = path_resistances_ohm(columns, self._wires[0], source_ohm)
        column_path_ohm, _ = path_resistances_ohm(rows, self._wires[1], sense_ohm)
        leak_ohm = 1 / self._ground_s if self._ground_s > 0 else np.inf  # a shorter way than either wire
        self._way_ohm = min(row_path_ohm, leak_ohm) + min(column_path_ohm, leak_ohm)
        self._row_damping, self._column_damping = np.empty((columns, rows)), np.empty((rows, columns))
        factor(np.zeros((columns, rows)), self._ground_s, self._wires[0], source_ohm, self._row_damping)
        factor(np.zeros((rows, columns)), self._ground_s, self._wires[1], sense_ohm, self._column_damping)

    def settle(
        self,
        begin: Instant,
        time_s: float,
        drive_v: np.ndarray,
        history: Storage,
        guess_a: np.ndarray,
        tolerance: float,
    ) -> Instant | None:
        """Solve the step.

        Args:
            begin: the array when the step began.
            time_s: end of the step [s].
            drive_v: drives then [V], (N,).
            history: weighted rates of the past: fed into the nodes [A] and put into the segments [V].
            guess_a: cell currents to start from [A], (N, M).
            tolerance: how far wires and cells may disagree, in parts of the cell currents.

        Returns:
            The array then; None if Newton's method does not get there.
        """
        sources = Storage(begin.rate.each + history.each, history.shape)
        drive_change_v = drive_v - begin.drive_v
        still = self._lines(drive_change_v, sources)
        open_v = self._across(still)
        met_v = np.abs(drive_v).max() + np.abs(open_v).max()
        open_v += begin.across_v
        change_a, best_a = guess_a - begin.cell_a, np.inf
        law_a, slope_s, across_v, rise_v = (np.empty_like(change_a) for _ in range(4))
        fall_v, norms = np.empty(change_a.shape[::-1]), np.empty((4, 1))
        device, conductance_s = self._circuit.device, self._circuit.conductance_s
        for _ in range(STEPS_MOST):
            self._meet(open_v, change_a, fall_v, rise_v, across_v)
            cell_a = begin.cell_a + change_a
            device.evaluate(conductance_s, across_v[None], law_a[None], slope_s[None])
            residual(ONE, law_a[None], slope_s[None], cell_a[None], norms)
            left_a, size_a, slope_norm_s = norms[:3, 0].tolist()
            if not math.isfinite(left_a + size_a + slope_norm_s):
                return None
            if left_a <= tolerance * size_a + ROUNDING * met_v * slope_norm_s:
                if self._inertia_ohm > 0:
                    change = self._lines(drive_change_v, _fed(sources, change_a))
                else:
                    change = self._with_cells(still, fall_v, rise_v)
                stored = self._stored(begin, change, history, cell_a)
                return Instant(time_s, drive_v, cell_a, across_v, slope_s, *stored)
            if not left_a < best_a:
                return None
            best_a = left_a
            change_a += self._linear(law_a, slope_s)
        return None

    def filtered(self, sources: Storage, slope_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Solve the linearised step for sources alone: an error of the storage becomes one of the end.

        Args:
            sources: fed into the nodes [A] and put into the segments [V].
            slope_s: slopes of the cells [S], (N, M).

        Returns:
            Voltages of rows (M, N) and columns (N, M) [V], and column currents (M,) [A]. Without capacitors
            voltages are no part of the state, and are zero here.
        """
        still = self._lines(np.zeros(self._circuit.shape[0]), sources)
        across_v = self._across(still)
        cell_a = self._linear(slope_s * across_v, slope_s)
        fall_v, rise_v = np.empty(cell_a.shape[::-1]), np.empty_like(cell_a)
        self._meet(across_v, cell_a, fall_v, rise_v, np.empty_like(cell_a))
        answer = self._with_cells(still, fall_v, rise_v)
        held = 1.0 if self._ground_s > 0 else 0.0
        leaving_a = (sources.column + cell_a - self._ground_s * answer.column).sum(axis=0)
        return held * answer.row, held * answer.column, leaving_a

    def _across(self, still: Storage) -> np.ndarray:
        """Return the voltages between row and column nodes [V], (N, M)."""
        across_v = np.empty(still.shape)
        from_rows(still.row, across_v)
        across_v -= still.column
        return across_v

    def _lines(self, drive_v: np.ndarray, sources: Storage) -> Storage:
        """Solve for voltages of rows and columns [V], and segment currents [A] if segments have inductors."""
        row_ohm, column_ohm, source_ohm, sense_ohm = self._wires
        row_line, column_line = (
            (row_ohm, source_ohm, self._row_damping),
            (column_ohm, sense_ohm, self._column_damping),
        )
        row_fed_a = sources.row - self._ground_s * drive_v
        answer = Storage(np.empty_like(sources.each), sources.shape)
        row_v, column_v = answer.row, answer.column
        if self._inertia_ohm > 0:
            row_put, column_put = sources.row_segment, sources.column_segment
            line_changes(row_fed_a, row_put, self._ground_s, *row_line, row_v, answer.row_segment)
            line_changes(
                sources.column, column_put, self._ground_s, *column_line, column_v, answer.column_segment
            )
        else:
            respond(row_fed_a, *row_line, row_v)
            respond(sources.column, *column_line, column_v)
        row_v += drive_v
        return answer

    def _meet(
        self,
        open_v: np.ndarray,
        cell_a: np.ndarray,
        fall_v: np.ndarray,
        rise_v: np.ndarray,
        across_v: np.ndarray,
    ) -> None:
        """Compute the voltages that currents of the cells (N, M) leave of open ones; see `cell_voltages`."""
        damping = self._row_damping, self._column_damping
        cell_voltages(open_v, cell_a, *self._wires, *damping, fall_v, rise_v, across_v)

    @staticmethod
    def _with_cells(still: Storage, fall_v: np.ndarray, rise_v: np.ndarray) -> Storage:
        """Return the same nodes, rows fallen and columns risen."""
        answer = Storage(np.empty((2, rise_v.size)), still.shape)
        np.subtract(still.row, fall_v, out=answer.row)
        np.add(still.column, rise_v, out=answer.column)
        return answer

    def _linear(self, right_a: np.ndarray, slope_s: np.ndarray) -> np.ndarray:
        """Solve the linearised array for currents (N, M) from a right-hand side (N, M)."""
        step_a, norm_a = np.empty_like(right_a), np.array([_norm(right_a)])
        load = self._way_ohm * _norm(slope_s) / math.sqrt(slope_s.size)
        rounding = SINGLE if load <= LOAD_OF_SINGLE else DOUBLE
        part = np.array([FORCING / (1 + load)])
        limits = norm_a, np.maximum(part, rounding), rounding, ITERATIONS_MOST
        newton_steps(ONE, right_a[None], slope_s[None], *self._wires, self._ground_s, *limits, step_a[None])
        return step_a

    def _stored(
        self, begin: Instant, change: Storage, history: Storage, cell_a: np.ndarray
    ) -> tuple[Storage, Storage, np.ndarray]:
        """Compute state and rate after a change of the state, and the columns' currents [A], (M,)."""
        state, rate = np.empty_like(change.each), np.empty_like(change.each)
        per_change = self._ground_s, self._inertia_ohm
        store(begin.state.each, change.each, history.each, *per_change, state, rate)
        leaving_a = np.empty(change.shape[1])
        sum_columns(cell_a, rate[1].reshape(change.shape), leaving_a)
        return Storage(state, change.shape), Storage(rate, change.shape), leaving_a


def _fed(sources: Storage, change_a: np.ndarray) -> Storage:
    """Return sources plus the currents that cells (N, M) take from the rows and feed into the columns."""
    fed = Storage(sources.each.copy(), sources.shape)
    fed.row[:] -= change_a.T[::-1]
    fed.column[:] += change_a
    return fed


def _norm(array: np.ndarray) -> float:
    """Return the 2-norm of all elements."""
    return math.sqrt(np.vdot(array, array))
