"""Kernels of the smooth asymmetric laws: conductances (N, M), voltages (B, N, M) to currents and slopes."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit


@njit(nogil=True, error_model="numpy")
def hopping_law(
    conductance_s: np.ndarray,
    voltage_v: np.ndarray,
    scale_v: float,
    share: float,
    current_a: np.ndarray,
    slope_s: np.ndarray,
) -> None:
    """Evaluate `i = G s (exp(α v/s) − exp(−(1 − α) v/s))`."""
    batch, rows, columns = voltage_v.shape
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                g, x = conductance_s[i, j], voltage_v[b, i, j] / scale_v
                # Both exponentials less 1, because their difference is small where the voltage is.
                with_field, against_field = math.expm1(share * x), math.expm1((share - 1.0) * x)
                current_a[b, i, j] = g * scale_v * (with_field - against_field)
                slope_s[b, i, j] = g * (share * (1.0 + with_field) + (1.0 - share) * (1.0 + against_field))


@njit(nogil=True, error_model="numpy")
def saturating_law(
    conductance_s: np.ndarray,
    voltage_v: np.ndarray,
    scale_v: float,
    shift: float,
    current_a: np.ndarray,
    slope_s: np.ndarray,
) -> None:
    """Evaluate `i = G s (tanh(v/s + k) − tanh(k)) cosh²(k)`, in a form that loses no digits near 0 V."""
    batch, rows, columns = voltage_v.shape
    at_zero = math.cosh(shift)
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                g, x = conductance_s[i, j], voltage_v[b, i, j] / scale_v
                ratio = at_zero / math.cosh(x + shift)
                current_a[b, i, j] = g * scale_v * math.sinh(x) * ratio
                slope_s[b, i, j] = g * ratio * ratio
