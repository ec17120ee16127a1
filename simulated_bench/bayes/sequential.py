"""Draws from the inputs' posterior by sequential Monte Carlo: from the prior on, the likelihood comes in."""

from __future__ import annotations

import numpy as np

from crosscal.simulated_bench.bayes.posterior import InputPosterior

_EFFECTIVE = 0.5  # share of the particles that count after a step; half is usual (Del Moral et al.)
_MOVES, _LAST_MOVES = 10, 40  # of each particle, which leave the distribution as it is; copies part by them
_BISECTIONS = 50  # down to rounding
_JITTER = 1e-9  # of the mean variance: particles in a plane have a factor too


def draw_sequentially(
    posterior: InputPosterior, current_a: np.ndarray, rng: np.random.Generator, *, particles: int = 3000
) -> np.ndarray:
    """Draw inputs that explain one reading, without knowing where to look.

    Reference: P. Del Moral, A. Doucet and A. Jasra, "Sequential Monte Carlo samplers", JRSS B 68 (2006);
    moves by differences of particles: C. J. F. ter Braak, Statistics and Computing 16 (2006).

    Args:
        posterior: of one matrix.
        current_a: the reading [A], (M,).
        rng: everything random.
        particles: draws.

    Returns:
        Inputs [V], (particles, N).
    """
    rows = posterior.conductance_s.shape[0]
    voltage_v = rng.uniform(posterior.low_v, posterior.high_v, (particles, rows))
    seen_a = np.repeat(current_a[None], particles, axis=0)
    energy, beta, length = posterior.energy(voltage_v, seen_a), 0.0, 1.0
    while beta < 1.0:
        following = _next_inverse_temperature(energy, beta)
        weight = np.exp(-(following - beta) * (energy - energy.min()))
        kept = _resampled(weight, rng)
        voltage_v, energy, beta = voltage_v[kept], energy[kept], following
        for _ in range(_LAST_MOVES if beta == 1.0 else _MOVES):
            trial_v = voltage_v + _moves(voltage_v, length, rng)
            found = posterior.energy(trial_v, seen_a)
            taken = np.log(rng.random(particles)) < beta * (energy - found)
            voltage_v, energy = np.where(taken[:, None], trial_v, voltage_v), np.where(taken, found, energy)
            length = float(np.clip(length * np.exp(0.5 * (taken.mean() - 0.25)), 0.05, 2.0))
    return voltage_v


def _next_inverse_temperature(energy: np.ndarray, beta: float) -> float:
    """Find how much of the likelihood may come in so that half of the particles still count."""

    def effective(following: float) -> float:
        weight = np.exp(-(following - beta) * (energy - energy.min()))
        return float(weight.sum() ** 2 / (weight**2).sum() / len(weight))

    if effective(1.0) >= _EFFECTIVE:
        return 1.0
    low, high = beta, 1.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= _EFFECTIVE else (low, middle)
    return low


def _resampled(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose particles in proportion to their weights, by one systematic comb."""
    places = (np.arange(len(weight)) + rng.random()) / len(weight)
    return np.minimum(np.searchsorted(np.cumsum(weight) / weight.sum(), places), len(weight) - 1)


def _moves(voltage_v: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """Draw moves as the particles are spread: half of them Gaussian, half differences of two particles."""
    particles, rows = voltage_v.shape
    spread = np.atleast_2d(np.cov(voltage_v.T))
    root = np.linalg.cholesky(spread + _JITTER * np.trace(spread) / rows * np.eye(rows))
    gaussian = 2.4 / np.sqrt(rows) * rng.standard_normal((particles, rows)) @ root.T
    first, second = rng.integers(particles, size=(2, particles))
    apart = 2.4 / np.sqrt(2 * rows) * (voltage_v[first] - voltage_v[second])
    return length * np.where(rng.random((particles, 1)) < 0.5, gaussian, apart)
