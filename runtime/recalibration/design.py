"""Design of known vectors: each the one that most reduces the error that reads will have, given those before.

With the covariance `P` of a column's unknowns, a reading of noise `σ` and sensitivity `s` reduces it by
`P s sᵀ P / (σ² + sᵀ P s)`. The mean square error of an answer that comes from the unknowns is linear in `P`:
column by column `w tr(L P Lᵀ)`, with the sensitivity of ordinary inputs `L` and the weight `w` of a column's
readings in the answers. So the gain of a vector has a closed form in its inputs, and its gradient tells the
ones that had better lie on the other side of the middle.

Reference:
    Chaloner and Verdinelli, Bayesian experimental design: a review, Statistical Science 10 (1995) 273,
    section 2.2: a design that minimises `tr(A P)`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float, Vectors
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.recalibration.cell_model import standardised_inputs
from crosscal.runtime.recalibration.linearisation import Linearisation
from crosscal.runtime.recalibration.vectors import InputWindow, balanced_signs, shares_of_swing

_BEGINNINGS = 16  # sign patterns that compete for the beginning of every search
_ROUNDS = 12  # a search ends by itself

_MOST_DEVIATIONS = 3.0
"""Of a column's current about its mean, in standard deviations over ordinary inputs: one in 400 lies beyond.
All inputs high weigh gains best, but a board takes them in a current range of its own, with offsets that no
read has; on `pcm-24x32` errors were 200 times as large in one recalibration of six."""

Unknowns = Float[np.ndarray, "columns unknowns unknowns"]


@dataclass(slots=True, eq=False)
class _Open:
    """Covariance that is left open, and the same seen by ordinary inputs.

    Attributes:
        ways: sensitivity of ordinary inputs, (M, N + 1, U). weight: of a column's error, (M,).
        linear: change of each column's current with each input, relative to its standard deviation, (N, M).
        covariance: (M, U, U). seen: `ways @ covariance`.
        noise: standard deviation of a reading, relative to full scale.
    """

    ways: np.ndarray
    weight: np.ndarray
    linear: np.ndarray
    covariance: Unknowns
    seen: np.ndarray
    noise: float

    def sensitivity(self, z: Float[np.ndarray, "batch rows"]) -> Float[np.ndarray, "columns unknowns batch"]:
        """Sensitivity of a batch of inputs, linear in them."""
        return self.ways[:, 0, :, None] + self.ways[:, 1:].swapaxes(1, 2) @ z.T

    def gains(self, z: Float[np.ndarray, "batch rows"]) -> Float[np.ndarray, " batch"]:
        """By how much each of these inputs would reduce the mean square error of answers; 0 where they drive
        a current unlike ordinary ones.
        """
        ordinary = (np.abs(z @ self.linear) <= _MOST_DEVIATIONS).all(axis=1)
        s = self.sensitivity(z)
        reached = ((self.seen @ s) ** 2).sum(axis=1)
        together = self.noise**2 + (s * (self.covariance @ s)).sum(axis=1)
        return np.where(ordinary, self.weight @ (reached / together), 0.0)

    def gradient(self, z: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        """Derivative of the gain by each input."""
        s = self.sensitivity(z[None])
        open_, seen = self.covariance @ s, self.seen @ s
        together = self.noise**2 + (s * open_).sum(axis=1, keepdims=True)
        reached = (seen**2).sum(axis=1, keepdims=True) / together
        by_unknown = (self.seen.swapaxes(1, 2) @ seen - reached * open_) / together
        return 2.0 * np.einsum(
            "m,mnu,mu->n", self.weight, self.ways[:, 1:], by_unknown[:, :, 0], optimize=True
        )

    def measure(self, z: Float[np.ndarray, " rows"]) -> None:
        """Take a reading of these inputs into account."""
        s = self.sensitivity(z[None])
        open_, seen = self.covariance @ s, self.seen @ s
        together = self.noise**2 + (s * open_).sum(axis=1, keepdims=True)
        self.covariance -= open_ * (open_ / together).swapaxes(1, 2)
        self.seen -= seen * (open_ / together).swapaxes(1, 2)


def designed_vectors(
    count: int,
    about: Linearisation,
    covariance: Unknowns,
    noise: float,
    *,
    window: InputWindow,
    rng: np.random.Generator,
) -> Vectors:
    """Design vectors that leave the least error in reads [V], (count, N).

    Args:
        count: vectors wanted.
        about: readings of the matrix, linear in what is unknown of it.
        covariance: of each column's unknowns, (M, U, U).
        noise: standard deviation of a reading, relative to full scale.
        window: that inputs lie in.
        rng: draws how far from the middle each input lies, and where searches begin.
    """
    rows = len(about.applied)
    left = _begun(about, covariance, noise)
    signs = balanced_signs(max(count, _BEGINNINGS), rows, rng) > 0.0
    chosen_v = np.empty((count, rows))
    for k in range(count):
        sides_v = window.away(np.multiply.outer([-1.0, 1.0], shares_of_swing((rows,), rng)))
        sides = standardised_inputs(about.tensors, sides_v)
        beginnings = signs[(k + np.arange(_BEGINNINGS)) % len(signs)]
        upper = _most_telling(left, sides, beginnings)
        chosen_v[k] = _on(sides_v, upper)
        left.measure(_on(sides, upper))
    return chosen_v


def _begun(about: Linearisation, covariance: Unknowns, noise: float) -> _Open:
    ways, linear = about.ways(), about.tensors.linear
    return _Open(
        ways=ways,
        weight=_weight(about.tensors),
        linear=linear / np.linalg.norm(linear, axis=0),
        covariance=covariance.copy(),
        seen=ways @ covariance,
        noise=noise,
    )


def _weight(tensors: InverseTensors) -> Float[np.ndarray, " columns"]:
    """Mean square by which an error of each column's readings enters the answers, up to a common factor."""
    return ((tensors.conductance.T @ tensors.gain) ** 2).sum(axis=0)


def _most_telling(left: _Open, sides: Float[np.ndarray, "2 rows"], beginnings: np.ndarray) -> np.ndarray:
    """Choose for each input the lower or the upper of two values: True for the upper, (N,)."""
    gains = left.gains(_on(sides, beginnings))
    upper, best = beginnings[int(gains.argmax())], float(gains.max())
    few = np.unique(np.geomspace(1, len(upper), 8).round().astype(int))
    for _ in range(_ROUNDS):
        expected = left.gradient(_on(sides, upper)) * np.where(upper, -1.0, 1.0) * (sides[1] - sides[0])
        # Some of the inputs that promise most change sides together; how many, the gains tell.
        order = np.argsort(-expected)
        few = few[few <= max(int((expected > 0.0).sum()), 1)]
        trials = np.repeat(upper[None], len(few), axis=0)
        for trial, most in zip(trials, few, strict=True):
            trial[order[:most]] ^= True
        gains = left.gains(_on(sides, trials))
        if gains.max() <= best:
            break
        upper, best = trials[int(gains.argmax())], float(gains.max())
    return upper


def _on(sides: Float[np.ndarray, "2 rows"], upper: np.ndarray) -> np.ndarray:
    return np.where(upper, sides[1], sides[0])
