"""Kernels of a cell in series with an access transistor: how the two share a voltage.

The transistor drops `w` of the voltage `v`, the cell the rest. `F(w) = cell(v − w) − transistor(w)` falls
strictly between 0 and v, where both ends have different signs: Newton's method, kept within a bracket that
every evaluation narrows, ends at the one root.
"""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit

ROUNDING = 4 * np.finfo(np.float64).eps  # of the drop, in parts of the whole voltage


@njit(nogil=True, error_model="numpy", inline="always")
def triode(drop_v: float, overdrive_v: float, gain: float) -> tuple[float, float]:
    """Compute current and slope of a square-law transistor: triode, and constant beyond pinch-off."""
    if drop_v >= overdrive_v:
        return 0.5 * gain * overdrive_v * overdrive_v, 0.0
    return gain * (overdrive_v - 0.5 * drop_v) * drop_v, gain * (overdrive_v - drop_v)


@njit(nogil=True, error_model="numpy")
def begin(voltage_v: np.ndarray, bracket_v: np.ndarray, drop_v: np.ndarray, cell_v: np.ndarray) -> None:
    """Start with everything on the cell: arrays (B, N, M); the bracket (2, B, N, M), its lower end first."""
    batch, rows, columns = voltage_v.shape
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                volt = voltage_v[b, i, j]
                bracket_v[0, b, i, j], bracket_v[1, b, i, j] = min(volt, 0.0), max(volt, 0.0)
                drop_v[b, i, j], cell_v[b, i, j] = 0.0, volt


@njit(nogil=True, error_model="numpy")
def share(
    voltage_v: np.ndarray,
    overdrive_v: np.ndarray,
    gain: float,
    cell_a: np.ndarray,
    cell_s: np.ndarray,
    bracket_v: np.ndarray,
    drop_v: np.ndarray,
    cell_v: np.ndarray,
    done: np.ndarray,
) -> int:
    """Take one Newton step for every cell that is not done; the others stay as they are to the bit.

    Args:
        voltage_v: across cell and transistor [V], (B, N, M).
        overdrive_v: gate voltage less threshold of each row [V], (N,).
        gain: of the transistor [A/V²].
        cell_a, cell_s: current [A] and slope [S] of the cells at `cell_v`, (B, N, M).
        bracket_v: below and above the root [V], (2, B, N, M); narrowed.
        drop_v, cell_v: on the transistor and on the cell [V], (B, N, M); moved.
        done: cells that need no further step, (B, N, M); grows.

    Returns:
        How many are not done.
    """
    batch, rows, columns = voltage_v.shape
    left = 0
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                if done[b, i, j]:
                    continue
                volt, drop = voltage_v[b, i, j], drop_v[b, i, j]
                transistor_a, transistor_s = triode(drop, overdrive_v[i], gain)
                excess_a = cell_a[b, i, j] - transistor_a
                if excess_a > 0:
                    bracket_v[0, b, i, j] = drop
                else:
                    bracket_v[1, b, i, j] = drop
                low, high = bracket_v[0, b, i, j], bracket_v[1, b, i, j]
                ahead = drop + excess_a / (cell_s[b, i, j] + transistor_s)
                if not low <= ahead <= high:
                    ahead = 0.5 * (low + high)
                # A voltage that is no number stays none: the solver says where.
                settled = not abs(ahead - drop) > ROUNDING * abs(volt)
                done[b, i, j] = settled
                if not settled:
                    drop_v[b, i, j], cell_v[b, i, j] = ahead, volt - ahead
                    left += 1
    return left


@njit(nogil=True, error_model="numpy")
def in_series(
    drop_v: np.ndarray, overdrive_v: np.ndarray, gain: float, current_a: np.ndarray, slope_s: np.ndarray
) -> None:
    """Turn currents and slopes of cells into those of cells with their transistors, (B, N, M), in place.

    The small remaining difference of the two currents is shared by their slopes; it becomes second order.
    """
    batch, rows, columns = drop_v.shape
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                transistor_a, transistor_s = triode(drop_v[b, i, j], overdrive_v[i], gain)
                cell_a, cell_s = current_a[b, i, j], slope_s[b, i, j]
                both_s = cell_s + transistor_s
                part = transistor_s / both_s if both_s > 0 else math.nan if math.isnan(both_s) else 0.0
                current_a[b, i, j] = transistor_a + part * (cell_a - transistor_a)
                slope_s[b, i, j] = cell_s * part
