"""Kernels of the start: resistors that agree with the cells at one voltage."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.kernel_cache import njit


@njit(nogil=True, error_model="numpy")
def spread(part: float, voltage_v: np.ndarray, across_v: np.ndarray) -> None:
    """Give all cells (B, N, M) of a row a part of its drive (B, N)."""
    batch, rows, columns = across_v.shape
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                across_v[b, i, j] = part * voltage_v[b, i]


@njit(nogil=True, error_model="numpy")
def chords(
    part: float,
    voltage_v: np.ndarray,
    law_a: np.ndarray,
    slope_s: np.ndarray,
    norms: np.ndarray,
    bend: np.ndarray,
) -> None:
    """Turn a law's currents and slopes into those of resistors that have the law's current there.

    Args:
        part: of the drive at the cells for the law's evaluation.
        voltage_v: drives [V], (B, N).
        law_a: currents of the law [A], (B, N, M); becomes the resistors' currents at the whole drive.
        slope_s: slopes of the law [S], (B, N, M); becomes the resistors' conductances, never negative.
        norms: receives the 2-norms of the resistors' currents [A], twice, and of their conductances [S],
            (3 or more, B).
        bend: receives how far slopes and resistors differ, relative to the resistors (2-norms), (B,).
    """
    batch, rows, columns = law_a.shape
    sums = np.empty((3, columns))
    for b in range(batch):
        sums[:] = 0.0
        for i in range(rows):
            drive = voltage_v[b, i]
            asked = part * drive
            for j in range(columns):
                slope = max(slope_s[b, i, j], 0.0)
                chord = law_a[b, i, j] / asked if asked != 0 else slope
                chord = chord if chord >= 0 else slope
                sums[0, j] += (chord * drive) ** 2
                sums[1, j] += chord**2
                sums[2, j] += (chord - slope) ** 2
                law_a[b, i, j], slope_s[b, i, j] = chord * drive, chord
        norms[0, b] = norms[1, b] = math.sqrt(sums[0].sum())
        norms[2, b] = math.sqrt(sums[1].sum())
        bend[b] = math.sqrt(sums[2].sum()) / norms[2, b] if norms[2, b] > 0 else 0.0
