"""Belief about one tile: what each digit adds to each sum, and how uncertain that is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.training.networks.calibration.tile_readings import TileReadings

_GAIN_SPREAD = 0.5
"""Of what is believed beforehand of a column's gain; cells may have lost half of their conductance."""

_LEAST_NOISE = 1e-8  # variance in squared distances of levels: converters that do not round


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TileBelief:
    """Belief about one tile.

    Attributes:
        mean: what a digit on each row adds to each sum, (N, C).
        covariance: of each column's entries, (C, N, N).
        noise: variance of a converted sum beyond that, (C,).
    """

    mean: np.ndarray
    covariance: np.ndarray
    noise: np.ndarray


def belief_from(
    transfer: np.ndarray, spread: np.ndarray, read_noise: np.ndarray, readings: TileReadings
) -> TileBelief:
    """Take a circuit's answer for the belief, with a gain of every column and the scatter that readings show.

    Args:
        transfer: of the circuit, (N, C).
        spread: variance of each entry, up to a factor that the readings tell, (N, C).
        read_noise: variance that a squared digit adds to a single reading, (N, C).
        readings: of known digits.
    """
    digits, usable = readings.digits, readings.usable
    noise = np.maximum(readings.rounding + ((digits**2) @ read_noise).mean(axis=0), _LEAST_NOISE)
    predicted = digits @ transfer
    weight = usable / noise
    gain = ((weight * predicted * readings.sums).sum(axis=0) + 1 / _GAIN_SPREAD**2) / (
        (weight * predicted**2).sum(axis=0) + 1 / _GAIN_SPREAD**2
    )
    residual = usable * (readings.sums - gain * predicted)
    expected = (usable * ((digits**2) @ spread)).sum()
    beyond = (residual**2).sum() - (usable * noise).sum()
    scale = max(float(beyond / expected), 0.0) if expected > 0 else 0.0
    variance = scale * spread
    covariance = np.zeros((transfer.shape[1], len(transfer), len(transfer)))
    rows = np.arange(len(transfer))
    covariance[:, rows, rows] = variance.T
    return TileBelief(mean=gain * transfer, covariance=covariance, noise=noise)


def learned(belief: TileBelief, readings: TileReadings) -> TileBelief:
    """Learn every cell from readings: the posterior of a linear model, column by column."""
    rows = len(belief.mean)
    mean, covariance = belief.mean.copy(), belief.covariance.copy()
    whole = readings.digits.T @ readings.digits
    for column in range(mean.shape[1]):
        usable = readings.usable[:, column]
        digits = readings.digits[usable]
        information = whole if usable.all() else digits.T @ digits
        root = np.sqrt(np.diagonal(belief.covariance[column]))
        # Scaled by the prior's deviations, so that cells that cannot differ do not.
        inner = np.eye(rows) + root[:, None] * information * root / belief.noise[column]
        covariance[column] = root[:, None] * np.linalg.inv(inner) * root
        residual = readings.sums[usable, column] - digits @ belief.mean[:, column]
        mean[:, column] += covariance[column] @ (digits.T @ residual) / belief.noise[column]
    return replace(belief, mean=mean, covariance=covariance)
