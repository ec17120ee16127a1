"""Newton's method on a batch of vectors, damped where it must be."""

from __future__ import annotations

import numpy as np

from crosscal.core.errors import SolverError, wanted
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.direct_current.residual import TOLERANCE, Residual
from crosscal.simulated_bench.circuit.kernels.chord_kernels import chords, spread
from crosscal.simulated_bench.circuit.kernels.newton_kernels import move_along, newton_steps
from crosscal.simulated_bench.circuit.kernels.work_arrays import spaced_arrays
from crosscal.simulated_bench.devices.law import require_valid

FORCING = 0.1
"""The first linear systems are solved this far; later ones as far as Newton's own error repays. Insensitive
between 0.03 and 0.3 (`python benchmarks/constants.py newton`)."""

START_FORCING = 0.05
"""How far the system of the start is solved. Insensitive between 0.005 and 0.5 (the same command)."""

SINGLE, DOUBLE = np.float32(3e-7), np.float64(1e-15)  # a little more than the rounding of each type
LOAD_OF_SINGLE = 1e4  # 1 + load bounds the condition of a correction; single precision holds 7 digits
DECREASE = 1e-4
"""Part of the predicted progress that a step must make to be taken: the usual one (Dennis and Schnabel,
1983, 6.3). Insensitive between 1e-6 and 1e-2 (`python benchmarks/constants.py newton`)."""

STEPS_MOST = 200  # 2 V on sinh cells, four times what their law is for, takes 16
ITERATIONS_MOST = 5000  # of conjugate gradients: a system of 128×128 cells has 16,384 unknowns
SHORTEST = 2.0**-40  # of a step: a shorter one changes nothing but rounding, 1e-12


class Newton:
    """Solves batches on one circuit, one after another, in the calling thread and in the same memory.

    A vector's iterates depend on nothing but the vector, so that its solution is the same to the bit in
    whatever batch it stands.
    """

    def __init__(self, circuit: Circuit, batch: int) -> None:
        """Prepare for batches of up to `batch` vectors."""
        self._circuit = circuit
        self._drive_fraction = drive_fraction_at_cells(circuit)
        self._work = spaced_arrays(4, (batch, *circuit.shape))

    def solve(self, voltage_v: np.ndarray, cell_a: np.ndarray, *, warm: bool = False) -> None:
        """Solve a batch.

        Args:
            voltage_v: drives [V], (B, N).
            cell_a: receives the cell currents [A], (B, N, M); holds the start, too, if `warm`.
            warm: start from `cell_a` instead of making a start.

        Raises:
            RangeError: the device gives no finite current at the voltages met, or is not made for those of
                the solution.
            SolverError: no solution was reached, or several may exist.
        """
        batch = len(voltage_v)
        *work, step_a = (array[:batch] for array in self._work)
        residual, active = Residual(self._circuit, voltage_v, work), np.arange(batch)
        if not warm:
            self._start(residual, active, voltage_v, cell_a)
        best_a, length = np.full(batch, np.inf), np.ones(batch)
        for step in range(STEPS_MOST):
            solved = residual.compare(active, cell_a)
            if step == 0:
                residual.require_finite()
            if solved.all():
                require_valid(self._circuit.device, self._circuit.conductance_s, residual.across_v)
                return
            active = active[~solved]
            better = residual.left_a[active] < (1 - DECREASE * length[active]) * best_a[active]
            self._backtrack(active[~better], length, step_a, cell_a)
            self._accept_step(active[better], residual, best_a, length, step_a, cell_a)
        raise SolverError(_not_converged(active[0], f"{STEPS_MOST} Newton steps"))

    def _start(
        self, residual: Residual, active: np.ndarray, voltage_v: np.ndarray, cell_a: np.ndarray
    ) -> None:
        """Start from the currents of resistors that agree with the cells at one voltage.

        That voltage is a guess of the drive that the wires leave. For cells that are resistors the answer
        is nearly exact; for others Newton's method saves one or two steps.
        """
        bend = np.empty(len(active))
        spread(self._drive_fraction, voltage_v, residual.across_v)
        residual.evaluate_law(active)
        chords(self._drive_fraction, voltage_v, residual.residual_a, residual.slope_s, residual.norms, bend)
        residual.require_finite()
        self._correct(active, residual, np.minimum(bend, START_FORCING), cell_a)

    def _accept_step(
        self,
        active: np.ndarray,
        residual: Residual,
        best_a: np.ndarray,
        length: np.ndarray,
        step_a: np.ndarray,
        cell_a: np.ndarray,
    ) -> None:
        """Take a whole step from currents that are better than the last."""
        best_a[active], length[active] = residual.left_a[active], 1.0
        relative = residual.left_a[active] / (residual.size_a[active] + residual.left_a[active])
        wanted_part = np.maximum(np.minimum(FORCING, relative), TOLERANCE / 2 / relative)
        self._correct(active, residual, wanted_part, step_a)
        move_along(active, length, step_a, cell_a)

    def _backtrack(
        self, active: np.ndarray, length: np.ndarray, step_a: np.ndarray, cell_a: np.ndarray
    ) -> None:
        """Take back half of a step that was too long.

        Raises:
            SolverError: it has become too short to lead anywhere.
        """
        if len(active) == 0:
            return
        length[active] /= 2
        move_along(active, -length, step_a, cell_a)
        if length[active].min() < SHORTEST:
            raise SolverError(_not_converged(active[0], "ever shorter steps"))

    def _correct(
        self, active: np.ndarray, residual: Residual, left_part: np.ndarray, step_a: np.ndarray
    ) -> None:
        """Solve the linearised array for some vectors until `left_part` (L,) of their residual is left."""
        load = residual.load[active]
        part = np.ones(len(residual.load))
        part[active] = left_part / (1 + load)  # a sweep that changes little may leave that much more residual
        light = load <= LOAD_OF_SINGLE
        for group, rounding in ((active[light], SINGLE), (active[~light], DOUBLE)):
            if len(group):
                arrays = residual.residual_a, residual.slope_s, *self._circuit.wires, 0.0, residual.left_a
                newton_steps(group, *arrays, np.maximum(part, rounding), rounding, ITERATIONS_MOST, step_a)


def drive_fraction_at_cells(circuit: Circuit) -> float:
    """Estimate the part of the drive that the wires leave for the cells.

    The exponent fits arrays from 8×8 to 256×256, at 0.5 to 6 Ω, within a tenth.
    """
    load = circuit.conductance_s.mean() * circuit.mean_path_ohm
    return float((1 + load) ** -0.75)


def _not_converged(vector: int, tried: str) -> str:
    return wanted(
        got=f"no solution for vector {vector} of its batch after {tried}",
        allowed="a device whose current is continuous and rises with its voltage, or falls slowly",
        remedy="check the device's law, and whether it is made for these drives",
    )
