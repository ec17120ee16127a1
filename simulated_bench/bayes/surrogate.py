"""Polynomial stand-in for an input posterior, cheap to walk in; a sampler corrects what it gets wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crosscal.core.array_types import Currents, Float, Vectors
from crosscal.simulated_bench.bayes.posterior import InputPosterior
from crosscal.simulated_bench.circuit.direct_current.sensitivities import sensitivity

_SOLVES_PER_TERM = 4  # exact currents for each coefficient of a column; any number leaves the draws exact

_NEAR = 0.3
"""Rms distance, relative to half the range of an input, within which the stand-in is tangent to the circuit
at the start. Any number leaves the draws exact; the share of proposals that pass depends on it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SurrogatePosterior:
    """Energy of inputs by polynomials of third order in one input and second in two.

    Attributes:
        posterior: the exact one.
        coefficients: of each column's current [A], (F, M).
        start_v: a place for each reading, about which the polynomials are corrected [V], (R, N).
        lacking_a: current that they lack there [A], (R, M).
        lacking_s: and slope [S], (R, M, N).
    """

    posterior: InputPosterior
    coefficients: Float[np.ndarray, "terms columns"]
    start_v: Vectors
    lacking_a: Currents
    lacking_s: np.ndarray

    @classmethod
    def fit(cls, posterior: InputPosterior, start_v: Vectors, rng: np.random.Generator) -> SurrogatePosterior:
        """Fit the circuit's currents under random inputs.

        Args:
            posterior: of one matrix.
            start_v: inputs about which the posteriors of the readings lie [V], (R, N).
            rng: draws the inputs.
        """
        rows, columns = posterior.conductance_s.shape
        terms = 1 + 3 * rows + rows * (rows - 1) // 2
        size = (_SOLVES_PER_TERM * terms, rows)
        voltage_v = rng.uniform(posterior.low_v, posterior.high_v, size)
        blank = cls(
            posterior=posterior,
            coefficients=np.zeros((terms, columns)),
            start_v=start_v,
            lacking_a=np.zeros((len(start_v), columns)),
            lacking_s=np.zeros((len(start_v), columns, rows)),
        )
        found, *_ = np.linalg.lstsq(blank._terms(voltage_v), posterior.response_a(voltage_v), rcond=None)
        jacobian_s = sensitivity(
            posterior.conductance_s, start_v, wires=posterior.wires, device=posterior.device
        )
        return cls(
            posterior=posterior,
            coefficients=found,
            start_v=start_v,
            lacking_a=posterior.response_a(start_v) - blank._terms(start_v) @ found,
            lacking_s=jacobian_s - blank._slope_s(start_v, found),
        )

    def energy(self, voltage_v: np.ndarray, current_a: Currents) -> np.ndarray:
        """Estimate `InputPosterior.energy` of L places for each reading, (R, L).

        Args:
            voltage_v: inputs [V], (R, L, N).
            current_a: the readings [A], (R, M).
        """
        readings, levels, rows = voltage_v.shape
        away_v = voltage_v - self.start_v[:, None]
        near = np.exp(-0.5 * ((away_v / self._half_v) ** 2).mean(axis=2) / _NEAR**2)
        found_a = (self._terms(voltage_v.reshape(-1, rows)) @ self.coefficients).reshape(readings, levels, -1)
        tangent_a = self.lacking_a[:, None] + away_v @ self.lacking_s.swapaxes(1, 2)
        wrong = (found_a + near[:, :, None] * tangent_a - current_a[:, None]) / self.posterior.noise_a
        inside = ((voltage_v >= self.posterior.low_v) & (voltage_v <= self.posterior.high_v)).all(axis=2)
        return np.where(inside, 0.5 * (wrong**2).sum(axis=2), np.inf)

    @property
    def _half_v(self) -> float:
        return 0.5 * (self.posterior.high_v - self.posterior.low_v)

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        return np.triu_indices(self.posterior.conductance_s.shape[0], 1)

    def _terms(self, voltage_v: Vectors) -> np.ndarray:
        x = (voltage_v - 0.5 * (self.posterior.low_v + self.posterior.high_v)) / self._half_v
        first, second = self._pairs
        return np.concatenate([np.ones((len(x), 1)), x, x**2, x**3, x[:, first] * x[:, second]], axis=1)

    def _slope_s(self, voltage_v: Vectors, coefficients: Float[np.ndarray, "terms columns"]) -> np.ndarray:
        """Slope of the polynomials [S], (B, M, N)."""
        rows = voltage_v.shape[1]
        x = (voltage_v - 0.5 * (self.posterior.low_v + self.posterior.high_v)) / self._half_v
        one, two, three = (coefficients[1 + p * rows : 1 + (p + 1) * rows] for p in range(3))
        both = np.zeros((rows, rows, coefficients.shape[1]))
        first, second = self._pairs
        both[first, second] = both[second, first] = coefficients[1 + 3 * rows :]
        slope = one + 2.0 * x[:, :, None] * two + 3.0 * x[:, :, None] ** 2 * three
        return (slope + np.einsum("bk,knm->bnm", x, both)).swapaxes(1, 2) / self._half_v
