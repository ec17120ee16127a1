"""Kernels of the current–voltage laws: conductance (N, M) and voltages (B, N, M) in, currents and slopes out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def ohmic(
    conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
) -> None:
    """`i = G v`."""
    batch, rows, columns = voltage_v.shape
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                current_a[b, i, j] = conductance_s[i, j] * voltage_v[b, i, j]
                slope_s[b, i, j] = conductance_s[i, j]


@njit(cache=True, nogil=True, error_model="numpy")
def sinh_law(
    conductance_s: np.ndarray,
    voltage_v: np.ndarray,
    parameters: tuple[float, float, float, float],
    current_a: np.ndarray,
    slope_s: np.ndarray,
) -> None:
    """`i = a G sinh(b v)`; parameters are a and b for v > 0, then a and b for the rest."""
    batch, rows, columns = voltage_v.shape
    a_pos, b_pos, a_neg, b_neg = parameters
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                v, g = voltage_v[b, i, j], conductance_s[i, j]
                if v > 0:
                    scale, rate = a_pos * g, b_pos
                else:
                    scale, rate = a_neg * g, b_neg
                current_a[b, i, j] = scale * math.sinh(rate * v)
                slope_s[b, i, j] = scale * rate * math.cosh(rate * v)


def compiled_law(current: Callable[..., float], slope: Callable[..., float]) -> Callable[..., None]:
    """Kernel of a law given as two compiled functions `f(conductance, voltage)`."""

    @njit(nogil=True, error_model="numpy")
    def law(
        conductance_s: np.ndarray, voltage_v: np.ndarray, current_a: np.ndarray, slope_s: np.ndarray
    ) -> None:
        batch, rows, columns = voltage_v.shape
        for b in range(batch):
            for i in range(rows):
                for j in range(columns):
                    current_a[b, i, j] = current(conductance_s[i, j], voltage_v[b, i, j])
                    slope_s[b, i, j] = slope(conductance_s[i, j], voltage_v[b, i, j])

    return law
