"""Bayes risk of the ideal currents: the mean squared error that no estimate of them goes below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.simulated_bench.bayes.posterior import Posterior


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BayesRisk:
    """What draws from the posterior say of each of R readings.

    Attributes:
        mean_a: posterior mean of the ideal currents [A], (R, M): the best estimate.
        variance_a2: posterior variance, averaged over columns [A²], (R,). Its mean over readings is the Bayes
            risk.
        squared_error_a2: of the posterior mean against the true ideal currents [A²], (R,). It has the same
            mean over readings, where the draws are right.
        truth_rank: share of draws that explain the reading better than the true inputs do, (R,); on average
            0.5, where the draws are right.
    """

    mean_a: Currents
    variance_a2: np.ndarray
    squared_error_a2: np.ndarray
    truth_rank: np.ndarray


def risk_of_draws(
    posterior: Posterior,
    target_s: Matrix,
    voltage_v: Vectors,
    current_a: Currents,
    drawn_v: np.ndarray,
) -> BayesRisk:
    """Compute the Bayes risk of readings with known inputs.

    Args:
        posterior: that the inputs were drawn from.
        target_s: matrix that the ideal currents refer to [S], (N, M).
        voltage_v: true inputs [V], (R, N).
        current_a: readings [A], (R, M).
        drawn_v: draws from the posterior of each reading [V], (R, S, N).
    """
    ideal_a = drawn_v @ target_s
    mean_a = ideal_a.mean(axis=1)
    flat_v = drawn_v.reshape(-1, drawn_v.shape[-1])
    energy = posterior.energy(flat_v, np.repeat(current_a, drawn_v.shape[1], axis=0))
    below = energy.reshape(drawn_v.shape[:2]) < posterior.energy(voltage_v, current_a)[:, None]
    return BayesRisk(
        mean_a=mean_a,
        variance_a2=ideal_a.var(axis=1, ddof=1).mean(axis=1),
        squared_error_a2=((mean_a - voltage_v @ target_s) ** 2).mean(axis=1),
        truth_rank=below.mean(axis=1),
    )
