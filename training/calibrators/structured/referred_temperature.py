"""Training currents referred to the mean temperature of their run, by slopes of each column.

A circuit is learned as if all matrices were measured at one temperature. Where they were not, each column's
offset and gain of every matrix, about that circuit, follow the temperature.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.runtime.reference.temperature_law import LEAST_SPAN_C
from crosscal.training.calibrators.structured.circuit import Circuit
from crosscal.training.calibrators.structured.derivatives import predicted
from crosscal.training.measurements import Measurements

_CERTAIN = 4.0
"""Standard deviations by which a chi-squared must exceed its degrees of freedom: once in 30,000 by chance."""

_FEWEST = 4  # matrices that a slope and its noise are told by


def referred(
    circuit: Circuit, learned: Measurements, *others: Measurements
) -> tuple[Measurements, ...] | None:
    """Refer measurements to the mean temperature of `learned`; None where it tells no slopes.

    Args:
        circuit: of all temperatures together.
        learned: slopes are learned from it. others: referred as well.
    """
    known = _temperatures(learned)
    if np.isfinite(known).sum() < _FEWEST or np.nanmax(known) - np.nanmin(known) < LEAST_SPAN_C:
        return None
    mean_c = float(np.nanmean(known))
    found, warmer_c = [], []
    for k in np.flatnonzero(np.isfinite(known) & (learned.usable.sum(axis=1) > 2)):
        seen = learned.usable[k]
        found.append(_offset_and_gain(circuit, *_matrix(learned, int(k), seen)))
        warmer_c.append(known[k] - mean_c)
    slopes = _slopes(np.array(found), np.array(warmer_c))
    return None if slopes is None else tuple(_without(data, slopes, mean_c) for data in (learned, *others))


def _temperatures(data: Measurements) -> np.ndarray:
    return np.full(data.matrices, np.nan) if data.temperature_c is None else data.temperature_c


def _matrix(data: Measurements, k: int, seen: np.ndarray) -> tuple[Matrix, Vectors, Currents]:
    return data.conductance_s[k], data.voltage_v[k, seen], data.current_a[k, seen]


def _offset_and_gain(
    circuit: Circuit, target_s: Matrix, voltage_v: Vectors, current_a: Currents
) -> np.ndarray:
    """Offset [A] and relative gain of each column about the circuit, (2, M)."""
    matrix = torch.from_numpy(target_s).float().expand(len(voltage_v), -1, -1)
    expected_a = predicted(circuit, matrix, torch.from_numpy(voltage_v).float()).numpy() * circuit.form.unit_a
    about = expected_a - expected_a.mean(axis=0)
    wrong_a = current_a - expected_a
    gain = (about * wrong_a).sum(axis=0) / np.maximum((about**2).sum(axis=0), np.finfo(float).tiny)
    return np.stack([wrong_a.mean(axis=0) - gain * expected_a.mean(axis=0), gain])


def _slopes(found: np.ndarray, warmer_c: np.ndarray) -> np.ndarray | None:
    """Slopes per degree of offsets [A] and gains, (2, M), from those of matrices, (K, 2, M)."""
    about_c = warmer_c - warmer_c.mean()
    square = float((about_c**2).sum())
    slopes = np.einsum("k,kum->um", about_c, found) / square
    rest = found - found.mean(axis=0) - about_c[:, None, None] * slopes
    variance = (rest**2).sum(axis=0) / max(len(warmer_c) - 2, 1) / square
    certain = (slopes**2 / np.maximum(variance, np.finfo(float).tiny)).sum()
    return slopes if certain > slopes.size + _CERTAIN * np.sqrt(2.0 * slopes.size) else None


def _without(data: Measurements, slopes: np.ndarray, mean_c: float) -> Measurements:
    warmer_c = np.nan_to_num(_temperatures(data) - mean_c)[:, None, None]
    return replace(data, current_a=(data.current_a - warmer_c * slopes[0]) / (1.0 + warmer_c * slopes[1]))
