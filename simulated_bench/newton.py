"""Newton's method on a batch of vectors, damped where it must be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError, SolverError, wanted
from crosscal.simulated_bench.circuit import Circuit
from crosscal.simulated_bench.newton_kernels import mismatch, newton_steps, node_voltages

TOLERANCE = 5e-14
"""Solved when the cells' laws and the wires disagree by no more than this part of the cell currents (2-norm).

Rounding alone leaves about 5e-16; the promise for Kirchhoff's law is 1e-12 of the largest column current.
"""

ROUNDING = 4 * np.finfo(np.float64).eps  # of a cell's voltage, in parts of the drive
FORCING = 0.1  # how far the first linear systems are solved; later ones as far as Newton's progress repays
DECREASE = 1e-4  # part of the predicted progress that a step must make to be taken
STEPS_MOST = 200
ITERATIONS_MOST = 5000
SHORTEST = 2.0**-40


@dataclass(frozen=True, slots=True)
class Solved:
    """Cell currents and node voltages of a batch, each (B, N, M)."""

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
        start_a: cell currents to start from [A], (B, N, M); None starts from rest.

    Raises:
        RangeError: the device gives no finite current at the voltages met.
        SolverError: no solution was reached, or the device's current falls as its voltage rises.
    """
    shape = (len(voltage_v), *circuit.shape)
    solved = Solved(*(np.empty(shape) for _ in range(3)))
    iterates = _Iterates(np.zeros(shape) if start_a is None else start_a.copy())
    for _ in range(STEPS_MOST):
        look = _Look.at(circuit, voltage_v[iterates.live], iterates.trial)
        _refuse_bad_law(circuit, look, iterates)
        done = look.done
        finished = iterates.live[done]
        solved.cell_a[finished] = iterates.trial[done]
        solved.word_v[finished] = look.word_v[done]
        solved.bit_v[finished] = look.bit_v[done]
        if done.all():
            return solved
        iterates.keep(~done)
        iterates.advance(circuit, look.keep(~done))
    raise SolverError(_stuck(iterates, f"{STEPS_MOST} Newton steps"))


@dataclass(frozen=True, slots=True)
class _Look:
    """What trial currents of some vectors lead to; one entry per vector in every field."""

    word_v: np.ndarray
    bit_v: np.ndarray
    mismatch_a: np.ndarray
    slope_s: np.ndarray
    norms: np.ndarray
    least_slope_s: np.ndarray
    done: np.ndarray

    @classmethod
    def at(cls, circuit: Circuit, voltage_v: np.ndarray, cell_a: np.ndarray) -> _Look:
        count = len(cell_a)
        word_v, bit_v, law_a, slope_s = (np.empty_like(cell_a) for _ in range(4))
        norms, least_slope_s = np.empty((count, 3)), np.empty(count)
        node_voltages(cell_a, voltage_v, *circuit.wires, word_v, bit_v)
        circuit.device.evaluate(circuit.conductance_s, word_v - bit_v, law_a, slope_s)
        mismatch(law_a, slope_s, cell_a, norms, least_slope_s)
        rounding = ROUNDING * np.abs(voltage_v).max(axis=1) * norms[:, 2]
        done = norms[:, 0] <= TOLERANCE * norms[:, 1] + rounding
        return cls(word_v, bit_v, law_a, slope_s, norms, least_slope_s, done)

    def keep(self, which: np.ndarray) -> _Look:
        if which.all():
            return self
        return _Look(*(getattr(self, name)[which] for name in self.__slots__))


class _Iterates:
    """Where each unsolved vector stands: the currents last taken, the step from there, and how much of it is tried.

    Attributes:
        live: which vectors of the batch these are, (L,).
        trial: currents to look at next [A], (L, N, M).
    """

    def __init__(self, start_a: np.ndarray) -> None:
        self.live = np.arange(len(start_a))
        self.trial = start_a
        self._taken = start_a.copy()
        self._step = np.zeros_like(start_a)
        self._best = np.full(len(start_a), np.inf)
        self._length = np.ones(len(start_a))

    def keep(self, which: np.ndarray) -> None:
        """Forget the vectors that are solved."""
        if which.all():
            return
        for name in ("live", "trial", "_taken", "_step", "_best", "_length"):
            setattr(self, name, getattr(self, name)[which])

    def advance(self, circuit: Circuit, look: _Look) -> None:
        """Take the trials that reduced the mismatch and step on from them; try half the step for the others."""
        left = look.norms[:, 0]
        better = left < (1 - DECREASE * self._length) * self._best
        with np.errstate(invalid="ignore"):
            repaid = np.where(np.isinf(self._best), FORCING, (left / self._best) ** 2)
        goal_a = np.where(better, 0.3 * np.minimum(FORCING, repaid) * left, 0.0)
        goal_a = np.maximum(goal_a, np.where(better, 0.2 * TOLERANCE * look.norms[:, 1], 0.0))
        newton_steps(look.mismatch_a, look.slope_s, *circuit.wires, goal_a, ITERATIONS_MOST, self._step)
        self._best = np.where(better, left, self._best)
        self._length = np.where(better, 1.0, self._length / 2)
        if better.all():
            self._taken, self.trial = self.trial, self._taken
        else:
            self._taken[better] = self.trial[better]
        if (self._length < SHORTEST).any():
            raise SolverError(_stuck(self, "ever shorter steps"))
        np.multiply(self._step, self._length[:, None, None], out=self.trial)
        self.trial += self._taken

    @property
    def started(self) -> np.ndarray:
        """Vectors that have taken some trial, (L,)."""
        return np.isfinite(self._best)


def _refuse_bad_law(circuit: Circuit, look: _Look, iterates: _Iterates) -> None:
    """A device that gives no number where it is first asked, or whose current falls, cannot be solved for."""
    lost = ~np.isfinite(look.norms).all(axis=1) & ~iterates.started
    falling = look.least_slope_s < 0
    if lost.any():
        b = int(np.flatnonzero(lost)[0])
        bad = ~(np.isfinite(look.mismatch_a[b]) & np.isfinite(look.slope_s[b]))
        what, allowed = "no finite current or slope", "a finite current and slope at every voltage applied"
        error: type[Exception] = RangeError
    elif falling.any():
        b = int(np.flatnonzero(falling)[0])
        bad = look.slope_s[b] < 0
        what, allowed = "a current that falls as the voltage rises", "laws that nowhere fall"
        error = SolverError
    else:
        return
    i, j = (int(k) for k in np.argwhere(bad)[0]) if bad.any() else (0, 0)
    volt = look.word_v[b, i, j] - look.bit_v[b, i, j]
    got = f"{what} from {circuit.device!r} in cell [{i}, {j}], G = {circuit.conductance_s[i, j]:g} S, v = {volt:g} V"
    raise error(wanted(got=got, allowed=allowed, remedy="lower the drive or correct the device"))


def _stuck(iterates: _Iterates, tried: str) -> str:
    return wanted(
        got=f"no solution for vector {iterates.live[0]} of the batch after {tried}",
        allowed="a device whose current is continuous and rises with its voltage, at voltages it is made for",
        remedy="check the device's law and the range of the drives",
    )
