"""Draws from the inputs' posterior by replica exchange: chains at rising temperatures that trade places."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.simulated_bench.bayes.posterior import Posterior
from crosscal.simulated_bench.bayes.surrogate import SurrogatePosterior

HOTTEST = 1e-3
"""Inverse temperature of the last chain: noise thirty times as large, where the far side of a bent direction
is within reach."""

_ALONG_ONE_AXIS = 0.3  # share of the moves; the posterior is the same with any, the mixing is not
_STEP = 2.4
"""Of a random walk in one dimension, in deviations: Gelman, Roberts and Gilks, Bayesian Statistics 5 (1996);
in d dimensions it is this over √d."""

_ACCEPTED = 0.3  # share of moves: the best is 0.44 in one dimension, 0.23 in many (the same source)


def draw_by_exchange(
    posterior: Posterior,
    current_a: Currents,
    start_v: Vectors,
    rng: np.random.Generator,
    *,
    sweeps: int = 2000,
    warm_up: int = 500,
    levels: int = 10,
    surrogate: SurrogatePosterior | None = None,
    inner: int = 20,
) -> np.ndarray:
    """Draw inputs that explain each reading.

    With a surrogate, a proposal is where some moves in its posterior end, accepted by the exact one: the
    draws are as exact, for fewer solutions of the circuit.

    Reference: C. J. Geyer, "Markov chain Monte Carlo maximum likelihood", Interface (1991); J. S. Liu, "Monte
    Carlo strategies in scientific computing" (2001), section 9.4.3, surrogate transitions.

    Args:
        posterior: of one matrix.
        current_a: readings [A], (R, M).
        start_v: inputs to start from [V], (R, N). The true inputs of a reading are a draw from its posterior,
            so that chains which start there need no time to find it.
        rng: everything random.
        sweeps: draws of each reading, after `warm_up`.
        warm_up: sweeps that set the lengths of steps and are thrown away.
        levels: temperatures.
        surrogate: of the same posterior, about the same start; None to solve the circuit for each move.
        inner: moves in it for each proposal.

    Returns:
        Inputs [V], (R, sweeps, N), neighbours correlated.
    """
    (readings, rows), beta = start_v.shape, np.geomspace(1.0, HOTTEST, levels)
    axes = posterior.local_spread(start_v, beta)
    seen_a = np.repeat(current_a, levels, axis=0)
    voltage_v = np.repeat(start_v[:, None], levels, axis=1)

    def energies(at_v: np.ndarray) -> np.ndarray:
        return posterior.energy(at_v.reshape(-1, rows), seen_a).reshape(readings, levels)

    def guesses(at_v: np.ndarray) -> np.ndarray:
        return np.zeros((readings, levels)) if surrogate is None else surrogate.energy(at_v, current_a)

    energy, length = energies(voltage_v), np.full((readings, levels), _STEP / np.sqrt(rows))
    guess = guesses(voltage_v)
    drawn_v = np.empty((readings, sweeps, rows))
    for sweep in range(-warm_up, sweeps):
        trial_v, trial_guess = voltage_v, guess
        one = np.zeros((readings, levels), dtype=bool)
        for _ in range(1 if surrogate is None else inner):
            one = rng.random((readings, levels)) < _ALONG_ONE_AXIS
            step_v = np.einsum("rlij,rlj->rli", axes, _steps(rng, one, length, rows))
            if surrogate is None:
                trial_v = voltage_v + step_v
                continue
            found = guesses(trial_v + step_v)
            taken = np.log(rng.random(found.shape)) < beta * (trial_guess - found)
            trial_v = np.where(taken[:, :, None], trial_v + step_v, trial_v)
            trial_guess = np.where(taken, found, trial_guess)
            length *= _lengthened(taken, one, sweep + warm_up, warm_up)
        found = energies(trial_v)
        taken = np.log(rng.random(found.shape)) < beta * (energy - found - guess + trial_guess)
        voltage_v = np.where(taken[:, :, None], trial_v, voltage_v)
        energy, guess = np.where(taken, found, energy), np.where(taken, trial_guess, guess)
        if surrogate is None:
            length *= _lengthened(taken, one, sweep + warm_up, warm_up)
        _exchange((voltage_v, energy, guess), beta, first=sweep % 2, rng=rng)
        if sweep >= 0:
            drawn_v[:, sweep] = voltage_v[:, 0]
    return drawn_v


def _lengthened(taken: np.ndarray, one: np.ndarray, sweep: int, warm_up: int) -> np.ndarray:
    """Factor of the steps along all axes by whether they were taken; 1 after the warm-up."""
    if sweep >= warm_up:
        return np.ones(taken.shape)
    return np.exp(np.where(one, 0.0, (taken - _ACCEPTED) / np.sqrt(1 + sweep)))


def _steps(rng: np.random.Generator, one: np.ndarray, length: np.ndarray, rows: int) -> np.ndarray:
    """Draw steps along all axes, or (where `one`) a long one along a single axis, (R, L, N)."""
    step = rng.standard_normal((*one.shape, rows))
    alone = np.arange(rows) == rng.integers(rows, size=one.shape)[:, :, None]
    return np.where(one[:, :, None], _STEP * alone * step, length[:, :, None] * step)


def _exchange(
    state: tuple[np.ndarray, np.ndarray, np.ndarray],
    beta: np.ndarray,
    *,
    first: int,
    rng: np.random.Generator,
) -> None:
    """Let neighbours in temperature trade places, in place; every other pair from `first` on."""
    _, energy, _ = state
    for cold in range(first, len(beta) - 1, 2):
        gain = (beta[cold] - beta[cold + 1]) * (energy[:, cold] - energy[:, cold + 1])
        trading = np.flatnonzero(np.log(rng.random(len(gain))) < gain)
        for values in state:
            here = values[trading, cold].copy()
            values[trading, cold] = values[trading, cold + 1]
            values[trading, cold + 1] = here
