"""Newton's method on a batch of vectors, damped where it must be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import SolverError, wanted
from crosscal.simulated_bench.agreement import TOLERANCE, Agreement
from crosscal.simulated_bench.circuit import Circuit
from crosscal.simulated_bench.newton_kernels import newton_steps

FORCING = 0.1  # the first linear systems are solved this far; later ones as far as Newton's own error repays
START_FORCING = 0.05
DECREASE = 1e-4  # part of the predicted progress that a step must make to be taken
STEPS_MOST = 200
ITERATIONS_MOST = 5000
SHORTEST = 2.0**-40


@dataclass(frozen=True, slots=True)
class Solved:
    """Cell currents [A] and node voltages [V] of a batch, each (B, N, M)."""

    cell_a: np.ndarray
    word_v: np.ndarray
    bit_v: np.ndarray


def solve_batch(circuit: Circuit, voltage_v: np.ndarray, start_a: np.ndarray | None = None) -> Solved:
    """Solve a batch in the calling thread.

    A vector's iterates depend on nothing but the vector, so that its solution is the same to the bit in
    whatever batch it stands.

    Args:
        circuit: the array, N × M.
        voltage_v: drives [V], (B, N).
        start_a: cell currents to start from [A], (B, N, M); None makes a start.

    Raises:
        RangeError: the device gives no finite current at the voltages met.
        SolverError: no solution was reached, or the device's current falls as its voltage rises.
    """
    solved = Solved(*(np.empty((len(voltage_v), *circuit.shape)) for _ in range(3)))
    iterates = _Iterates(chord_start(circuit, voltage_v) if start_a is None else start_a.copy())
    for step in range(STEPS_MOST):
        look = Agreement.of(circuit, voltage_v[iterates.live], iterates.trial)
        if step == 0:
            look.require_finite(circuit)
        finished = iterates.live[look.solved]
        solved.cell_a[finished] = iterates.trial[look.solved]
        solved.word_v[finished] = look.word_v[look.solved]
        solved.bit_v[finished] = look.bit_v[look.solved]
        if look.solved.all():
            return solved
        iterates.keep(~look.solved)
        iterates.advance(circuit, look.keep(~look.solved))
    raise SolverError(_stuck(iterates.live[0], f"{STEPS_MOST} Newton steps"))


def chord_start(circuit: Circuit, voltage_v: np.ndarray) -> np.ndarray:
    """Cell currents to start from [A], (B, N, M): those of resistors that agree with the cells at one voltage.

    That voltage is a guess of what the wires leave of the drive. For cells that are resistors the answer is
    exact; for others Newton's method saves one or two steps.
    """
    rows, columns = circuit.shape
    drive_v = np.repeat(voltage_v[:, :, None], columns, axis=2)
    guess_v = drive_v * _part_left(circuit)
    law_a, slope_s = np.empty_like(drive_v), np.empty_like(drive_v)
    circuit.device.evaluate(circuit.conductance_s, guess_v, law_a, slope_s)
    chord_s = np.divide(law_a, guess_v, out=slope_s.copy(), where=guess_v != 0)
    if not (chord_s >= 0).all():  # a law that gives no chord; any start will do
        return np.zeros_like(drive_v)
    drive_a = chord_s * drive_v
    size_a = np.sqrt((drive_a**2).sum(axis=(1, 2)))
    curved = np.abs(slope_s / chord_s - 1).max(axis=(1, 2))
    goal_a = size_a * np.maximum(TOLERANCE / 5, np.minimum(START_FORCING, curved))
    cell_a = np.zeros_like(drive_v)
    newton_steps(drive_a, chord_s, *circuit.wires, goal_a, ITERATIONS_MOST, cell_a)
    return cell_a


def _part_left(circuit: Circuit) -> float:
    """Guess what part of the drive is left for the cells.

    The load is how the resistance of the way to a cell, averaged over the cells and over those that share the
    way, compares with the cells; the exponent fits arrays from 8×8 to 256×256 within a tenth.
    """
    (rows, columns), (row_ohm, column_ohm, source_ohm, sense_ohm) = circuit.shape, circuit.wires
    row_way_ohm = columns * source_ohm.mean() + row_ohm * (columns + 1) * (2 * columns + 1) / 6
    column_way_ohm = rows * sense_ohm.mean() + column_ohm * (rows + 1) * (2 * rows + 1) / 6
    load = circuit.conductance_s.mean() * (row_way_ohm + column_way_ohm)
    return float((1 + load) ** -0.75)


class _Iterates:
    """Where each unsolved vector stands: the currents last taken, the step from there, how much of it is tried.

    Attributes:
        live: which vectors of the batch these are, (L,).
        trial: currents to look at next [A], (L, N, M).
    """

    def __init__(self, start_a: np.ndarray) -> None:
        self.live = np.arange(len(start_a))
        self.trial = start_a
        self._taken = np.zeros_like(start_a)
        self._step = np.zeros_like(start_a)
        self._best_a = np.full(len(start_a), np.inf)
        self._length = np.ones(len(start_a))

    def keep(self, which: np.ndarray) -> None:
        """Forget the vectors that are solved."""
        if not which.all():
            for name in ("live", "trial", "_taken", "_step", "_best_a", "_length"):
                setattr(self, name, getattr(self, name)[which])

    def advance(self, circuit: Circuit, look: Agreement) -> None:
        """Take the trials that reduced the mismatch and step on from them; halve the step of the others.

        Raises:
            SolverError: some step became too short to lead anywhere.
        """
        better = look.left_a < (1 - DECREASE * self._length) * self._best_a
        relative = look.left_a[better] / look.size_a[better]
        goal_a = np.zeros_like(self._best_a)
        goal_a[better] = look.size_a[better] * np.maximum(
            relative * np.minimum(FORCING, relative), TOLERANCE / 5
        )
        newton_steps(look.mismatch_a, look.slope_s, *circuit.wires, goal_a, ITERATIONS_MOST, self._step)
        self._best_a[better] = look.left_a[better]
        self._length = np.where(better, 1.0, self._length / 2)
        if (self._length < SHORTEST).any():
            raise SolverError(_stuck(self.live[self._length < SHORTEST][0], "ever shorter steps"))
        if better.all():
            self._taken, self.trial = self.trial, self._taken
        else:
            self._taken[better] = self.trial[better]
        np.multiply(self._step, self._length[:, None, None], out=self.trial)
        self.trial += self._taken


def _stuck(vector: int, tried: str) -> str:
    return wanted(
        got=f"no solution for vector {vector} of its batch after {tried}",
        allowed="a device whose current is continuous and rises with its voltage",
        remedy="check the device's law, and whether it is made for these drives",
    )
