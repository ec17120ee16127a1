"""Compiled bank of Kalman filters, one for each residual: it turns readings into whitened innovations."""

from __future__ import annotations

import numpy as np

from crosscal.core.kernel_cache import njit

BIAS, SLOPE, SLOW = 0, 1, 2
"""Where a filter's unknowns stand: constant error, change per degree, and from here on slow noise."""


@njit(nogil=True)
def advance(
    mean: np.ndarray,
    covariance: np.ndarray,
    observed: np.ndarray,
    present: np.ndarray,
    warmer: float,
    kept: np.ndarray,
    slow: np.ndarray,
    noise: np.ndarray,
    most_z: float,
    z: np.ndarray,
) -> None:
    """Predict and take in one reading of every residual.

    Args:
        mean, covariance: (E, U), (E, U, U), changed in place.
        observed: residuals, (E,). present: whether there is a reading, (E,).
        warmer: temperature relative to that of the calibration [°C].
        kept: share of each component of slow noise that is left since the last reading, (D,).
        slow: stationary variance of each component, (E, D).
        noise: variance of white noise, (E,).
        most_z: magnitude to which innovations are held.
        z: where the whitened innovations go, (E,); 0 where there is no reading.
    """
    unknowns = mean.shape[1]
    design = np.ones(unknowns)
    design[SLOPE] = warmer
    factor = np.ones(unknowns)
    factor[SLOW:] = kept
    carried = np.empty(unknowns)
    for e in range(observed.size):
        m, p = mean[e], covariance[e]
        for i in range(unknowns):
            m[i] *= factor[i]
            for j in range(unknowns):
                p[i, j] *= factor[i] * factor[j]
        for d in range(kept.size):
            p[SLOW + d, SLOW + d] += slow[e, d] * (1.0 - kept[d] * kept[d])
        if not present[e]:
            z[e] = 0.0
            continue
        surprise, variance = observed[e], noise[e]
        for i in range(unknowns):
            carried[i] = 0.0
            for j in range(unknowns):
                carried[i] += p[i, j] * design[j]
            surprise -= design[i] * m[i]
            variance += design[i] * carried[i]
        deviation = np.sqrt(variance)
        z[e] = min(max(surprise / deviation, -most_z), most_z)
        for i in range(unknowns):
            m[i] += carried[i] * z[e] / deviation
            for j in range(unknowns):
                p[i, j] -= carried[i] * carried[j] / variance


@njit(nogil=True)
def whiten(
    mean: np.ndarray,
    covariance: np.ndarray,
    residual: np.ndarray,
    present: np.ndarray,
    gain: np.ndarray,
    weight: np.ndarray,
    warmer: float,
    kept: np.ndarray,
    slow: np.ndarray,
    noise: np.ndarray,
    most_z: float,
    z: np.ndarray,
) -> None:
    """Whiten one reading: what all residuals share first, then each, judged by the slope that all share.

    Args:
        residual: (E − 1,). present: whether there is a reading, (E − 1,).
        gain: effect of a relative change of all currents on each residual, (E − 1,).
        weight: weights that read such a change from the residuals, (E − 1,).
        mean, covariance, slow, noise, z: filters: first that of what all share, then one for each residual.
        warmer, kept, most_z: as for `advance`.
    """
    together, weighed = 0.0, 0.0
    for e in range(residual.size):
        if present[e]:
            together += weight[e] * residual[e]
            weighed += weight[e] * gain[e]
    shared = np.array([together / weighed if weighed > 0.0 else 0.0])
    there = np.array([weighed > 0.0])
    advance(mean[:1], covariance[:1], shared, there, warmer, kept, slow[:1], noise[:1], most_z, z[:1])
    own = residual - mean[0, SLOPE] * warmer * gain
    advance(mean[1:], covariance[1:], own, present, warmer, kept, slow[1:], noise[1:], most_z, z[1:])
