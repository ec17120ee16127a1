"""Solutions of a crossbar with faults on its wires: Newton's method with one unknown more per fault."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.errors import RangeError, SolverError, wanted
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.faulty_wires import FaultyWires
from crosscal.simulated_bench.circuit.direct_current.newton import (
    DECREASE,
    DOUBLE,
    ITERATIONS_MOST,
    SHORTEST,
    STEPS_MOST,
    drive_fraction_at_cells,
)
from crosscal.simulated_bench.circuit.direct_current.residual import ROUNDING, TOLERANCE
from crosscal.simulated_bench.circuit.kernels.newton_kernels import newton_steps, node_voltages
from crosscal.simulated_bench.devices.law import require_valid

FORCING = 1e-9  # part of a linear system's right-hand side that may be left
EXACT = 1e-14  # the same where there is no further step to correct it


class FaultyNewton:
    """Solves one vector after another on a circuit with faults on its wires.

    Every fault costs one more right-hand side in each linear system, so it takes 1 + K times as long as an
    array without faults, and not the form of its wires.

    Args:
        circuit: the array, with its faults.

    Raises:
        InputError: a part of a wire is joined to nothing; the message names it.
    """

    def __init__(self, circuit: Circuit) -> None:
        self._circuit, self._wires = circuit, FaultyWires(circuit)
        self._typical_ohm = circuit.mean_path_ohm / math.sqrt(circuit.conductance_s.size)

    def solve(
        self, drive_v: np.ndarray, current_a: np.ndarray, word_v: np.ndarray, bit_v: np.ndarray
    ) -> None:
        """Solve for one vector.

        Args:
            drive_v: [V], (N,).
            current_a: receives the currents of the columns [A], (M,).
            word_v, bit_v: receive the voltages of the nodes [V], (N, M).

        Raises:
            RangeError: the device gives no finite current, or is not made for the solution's voltages.
            SolverError: no solution was reached, or several may exist.
        """
        cell_a, extra = self._start(drive_v)
        best, length = math.inf, 1.0
        step_a, step_x = np.zeros_like(cell_a), np.zeros_like(extra)
        for _ in range(STEPS_MOST):
            left_a, slope_s, condition, solved = self._compare(drive_v, cell_a, extra, word_v, bit_v)
            if solved:
                require_valid(self._circuit.device, self._circuit.conductance_s, (word_v - bit_v)[None])
                np.add(cell_a.sum(axis=0), self._wires.leaving @ extra, out=current_a)
                return
            merit = _norm(left_a)
            if merit < (1 - DECREASE * length) * best:
                best, length = merit, 1.0
                step_a, step_x = self._linear(left_a, slope_s, condition, FORCING)
                cell_a, extra = cell_a + step_a, extra + step_x
                continue
            length /= 2
            if length < SHORTEST:
                break
            cell_a, extra = cell_a - length * step_a, extra - length * step_x
        got = "no solution for a vector on an array with faults on its wires"
        allowed = "a device whose current is continuous and does not fall as the voltage rises"
        raise SolverError(wanted(got=got, allowed=allowed, remedy="check the device's law and the drives"))

    def transfer(self, slope_s: np.ndarray) -> np.ndarray:
        """Solve for the current of each column per volt on each row [S], (M, N), of given slopes (N, M)."""
        rows, columns = self._circuit.shape
        transfer_s = np.empty((columns, rows))
        for i in range(rows):
            right_a = np.zeros_like(slope_s)
            right_a[i] = slope_s[i]
            cell_a, extra = self._linear(right_a, slope_s, self._wires.drive[:, i], EXACT)
            transfer_s[:, i] = cell_a.sum(axis=0) + self._wires.leaving @ extra
        return transfer_s

    def _start(self, drive_v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solve resistors that agree with the cells at one voltage, as `Newton` does, for a start."""
        circuit = self._circuit
        asked_v = np.broadcast_to(drive_fraction_at_cells(circuit) * drive_v[:, None], circuit.shape).copy()
        law_a, slope_s = self._ask(asked_v)
        chord_s = np.divide(law_a, asked_v, out=np.maximum(slope_s, 0.0), where=asked_v != 0)
        chord_s = np.where(chord_s >= 0, chord_s, np.maximum(slope_s, 0.0))
        # a cell that passes nothing there still holds a part that is cut off
        floor_s = 1e-6 * circuit.conductance_s
        chord_s = np.maximum(chord_s, floor_s)
        return self._linear(chord_s * drive_v[:, None], chord_s, self._wires.drive @ drive_v, FORCING)

    def _compare(
        self,
        drive_v: np.ndarray,
        cell_a: np.ndarray,
        extra: np.ndarray,
        word_v: np.ndarray,
        bit_v: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
        """Compute the residuals of law (N, M) and conditions (K,), the slopes, and whether both are small."""
        wires = self._wires
        node_voltages(cell_a[None], drive_v[None], *self._circuit.wires, word_v[None], bit_v[None])
        word_v += np.tensordot(extra, wires.word_v, axes=1)
        bit_v += np.tensordot(extra, wires.bit_v, axes=1)
        law_a, slope_s = self._ask(word_v - bit_v)
        size_a, met_v = _norm(law_a), np.abs(drive_v).max() + self._typical_ohm * _norm(cell_a)
        left_a = law_a - cell_a
        flat = (wires.across_v * cell_a).reshape(len(extra), -1)
        terms = np.concatenate((wires.drive * drive_v, flat, wires.own * extra), axis=1)
        condition, sizes = terms.sum(axis=1), np.abs(terms).sum(axis=1)
        unsure_v = ROUNDING * met_v
        agrees = _norm(left_a) <= TOLERANCE * size_a + unsure_v * _norm(slope_s)
        unsure = unsure_v * (np.abs(wires.across_v) * slope_s).reshape(len(extra), -1).sum(axis=1)
        holds = np.abs(condition) <= TOLERANCE * sizes + unsure
        return left_a, slope_s, condition, bool(agrees and holds.all())

    def _ask(self, across_v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate currents and slopes of the cells, (N, M), refusing a law without a single solution."""
        circuit = self._circuit
        law_a, slope_s = np.empty((2, 1, *across_v.shape))
        circuit.device.evaluate(circuit.conductance_s, across_v[None], law_a, slope_s)
        bad = ~(np.isfinite(law_a[0]) & np.isfinite(slope_s[0]))
        if bad.any():
            got = f"no finite current or slope {self._place(bad, across_v)}"
            remedy = "lower the drive or correct the device"
            raise RangeError(wanted(got=got, allowed="voltages the device is made for", remedy=remedy))
        falls = slope_s[0] < 0
        if falls.any():
            got = f"a current that falls as the voltage rises {self._place(falls, across_v)}"
            allowed = "laws that rise, where wires are faulty: a part that is cut off has no other hold"
            raise SolverError(wanted(got=got, allowed=allowed, remedy="correct the device"))
        return law_a[0], slope_s[0]

    def _place(self, bad: np.ndarray, across_v: np.ndarray) -> str:
        i, j = (int(k) for k in np.argwhere(bad)[0])
        cell = f"G = {self._circuit.conductance_s[i, j]:g} S, v = {across_v[i, j]:g} V"
        return f"from {self._circuit.device!r} in cell [{i}, {j}], {cell}"

    def _linear(
        self, right_a: np.ndarray, slope_s: np.ndarray, condition: np.ndarray, forcing: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Solve `(1 + slope·A)·q − slope·Tᵀ·x = right`, `T·q + H·x = −condition` for q (N, M) and x (K,).

        The first is solved for `right` and for each unknown's share; the rest is as small as the faults
        are few.
        """
        wires, count = self._wires, len(condition)
        rights_a = np.concatenate((right_a[None], slope_s * wires.across_v))
        norms_a = np.sqrt(np.einsum("kij,kij->k", rights_a, rights_a))
        answers_a, slopes_s = np.empty_like(rights_a), np.broadcast_to(slope_s, rights_a.shape)
        part = forcing / (1 + self._typical_ohm * _norm(slope_s))
        parts = np.full(count + 1, max(part, float(DOUBLE)))
        limits = norms_a, parts, DOUBLE, ITERATIONS_MOST
        every, none = np.arange(count + 1), 0.0
        newton_steps(every, rights_a, slopes_s, *self._circuit.wires, none, *limits, answers_a)
        plain_a, shares_a = answers_a[0], answers_a[1:]
        schur = wires.own + np.einsum("kij,lij->kl", wires.across_v, shares_a)
        asked = -condition - np.einsum("kij,ij->k", wires.across_v, plain_a)
        extra = _solve_scaled(schur, asked)
        return plain_a + np.tensordot(extra, shares_a, axes=1), extra


def _solve_scaled(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a small system with volts and amperes side by side as unknowns.

    Raises:
        SolverError: it has no single solution.
    """
    scale = 1 / np.sqrt(np.maximum(np.abs(np.diag(matrix)), np.finfo(np.float64).tiny))
    try:
        return scale * np.linalg.solve(scale[:, None] * matrix * scale, scale * right)
    except np.linalg.LinAlgError as error:
        got = "a part of a wire that is cut off, and whose cells have no slope"
        remedy = "let a cell on that part conduct"
        raise SolverError(wanted(got=got, allowed="parts that something holds", remedy=remedy)) from error


def _norm(array: np.ndarray) -> float:
    """Return the 2-norm of all elements."""
    return math.sqrt(np.vdot(array, array))
