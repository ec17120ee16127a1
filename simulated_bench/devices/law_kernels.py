"""Kernels of the current–voltage laws: conductances (N, M) and voltages (B, N, M) to currents and slopes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numba import njit

PER_UNIT = 16.0  # a power of two: what is left after the nearest multiple is exact
TABLE_END = 32.0  # 16 KiB of tables; with the default constants, cells of up to 7.7 V
SINH = np.sinh(np.arange(TABLE_END * PER_UNIT + 1) / PER_UNIT)
COSH = np.cosh(np.arange(TABLE_END * PER_UNIT + 1) / PER_UNIT)


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
    reach = TABLE_END / max(b_pos, b_neg)
    for b in range(batch):
        for i in range(rows):
            within = 0
            for j in range(columns):
                within += abs(voltage_v[b, i, j]) <= reach
            if within == columns:
                _sinh_row(conductance_s[i], voltage_v[b, i], parameters, current_a[b, i], slope_s[b, i])
                continue
            for j in range(columns):
                v, g = voltage_v[b, i, j], conductance_s[i, j]
                scale, rate = (a_pos * g, b_pos) if v > 0 else (a_neg * g, b_neg)
                current_a[b, i, j] = scale * math.sinh(rate * v)
                slope_s[b, i, j] = scale * rate * math.cosh(rate * v)


@njit(cache=True, nogil=True, error_model="numpy")
def _sinh_row(
    conductance_s: np.ndarray,
    voltage_v: np.ndarray,
    parameters: tuple[float, float, float, float],
    current_a: np.ndarray,
    slope_s: np.ndarray,
) -> None:
    """A row within the tables: sinh and cosh of the nearest multiple of 1/16, and short series for the rest.

    The addition theorems join the two. Ten times faster than the library's functions, because nothing
    branches; good to 4 units in the last place, also where the current is small.
    """
    a_pos, b_pos, a_neg, b_neg = parameters
    for j in range(len(voltage_v)):
        rises = voltage_v[j] > 0
        scale = (a_pos if rises else a_neg) * conductance_s[j]
        rate = b_pos if rises else b_neg
        x = rate * abs(voltage_v[j])
        nearest = np.floor(x * PER_UNIT + 0.5)
        rest = x - nearest / PER_UNIT
        place = np.int64(nearest)
        square = rest * rest
        sinh = rest + rest * square * (1 / 6 + square * (1 / 120 + square * (1 / 5040)))
        cosh = 1 + square * (1 / 2 + square * (1 / 24 + square * (1 / 720)))
        current_a[j] = math.copysign(scale * (SINH[place] * cosh + COSH[place] * sinh), voltage_v[j])
        slope_s[j] = scale * rate * (COSH[place] * cosh + SINH[place] * sinh)


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
