"""Kernels of the memristor's state: flat arrays of cells, each at a constant voltage for a while."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit


@njit(nogil=True, error_model="numpy")
def driving_force(
    resistance_ohm: float, voltage_v: float, threshold_v: float, positive: tuple, negative: tuple
) -> tuple[float, float]:
    """Return strength and bound of a cell's movement; strength 0 and its own state where nothing moves.

    Args:
        resistance_ohm: state of the cell.
        voltage_v: across it.
        threshold_v: largest magnitude that moves nothing.
        positive, negative: per polarity the prefactor [1/(Ω s)], the scale [V] and the bound's two
            coefficients [Ω], [Ω/V].

    Returns:
        Prefactor `s` [1/(Ω s)] and bound `r` [Ω].
    """
    if not abs(voltage_v) > threshold_v:
        return 0.0, resistance_ohm
    prefactor, scale_v, offset_ohm, ohm_per_v = positive if voltage_v > 0 else negative
    bound_ohm = offset_ohm + ohm_per_v * voltage_v
    # Towards the bound only: beyond it the same square law would drive the cell away for ever.
    if (bound_ohm - resistance_ohm) * prefactor <= 0:
        return 0.0, resistance_ohm
    return prefactor * math.expm1(abs(voltage_v) / scale_v), bound_ohm


@njit(nogil=True, error_model="numpy")
def rates(
    resistance_ohm: np.ndarray,
    voltage_v: np.ndarray,
    threshold_v: float,
    positive: tuple,
    negative: tuple,
    rate_ohm_per_s: np.ndarray,
) -> None:
    """Evaluate `dR/dt = s (r − R)²` of cells (K,)."""
    for k in range(len(resistance_ohm)):
        strength, bound_ohm = driving_force(resistance_ohm[k], voltage_v[k], threshold_v, positive, negative)
        distance_ohm = bound_ohm - resistance_ohm[k]
        rate_ohm_per_s[k] = strength * distance_ohm * distance_ohm


@njit(nogil=True, error_model="numpy")
def steps(
    resistance_ohm: np.ndarray,
    voltage_v: np.ndarray,
    duration_s: np.ndarray,
    threshold_v: float,
    positive: tuple,
    negative: tuple,
    after_ohm: np.ndarray,
) -> None:
    """Solve the square law exactly over a duration at constant voltage, for cells (K,).

    With `x = s (r − R) t`, never negative, `R' = R + (r − R) x/(1 + x) = r − (r − R)/(1 + x)`: no
    step overshoots its bound, however long. Of the two forms the one is taken that adds the smaller part, so
    that a short step loses no digits and a long one ends at the bound.
    """
    for k in range(len(resistance_ohm)):
        before_ohm = resistance_ohm[k]
        strength, bound_ohm = driving_force(before_ohm, voltage_v[k], threshold_v, positive, negative)
        distance_ohm = bound_ohm - before_ohm
        way = strength * distance_ohm * duration_s[k]
        if way < 1.0:
            after_ohm[k] = before_ohm + distance_ohm * (way / (1.0 + way))
        else:
            after_ohm[k] = bound_ohm - distance_ohm / (1.0 + way)
