"""Errors of reading in passes beyond those that the surrogate expects, from the circuit that was learned.

A surrogate is fitted to inputs like those trained on, and to few with most rows at 0 V. In passes most rows
always are: the surrogate's misfit is larger there, and no noise. Its effect is learned by reading the
circuit itself.
"""

from __future__ import annotations

import numpy as np
import torch

from crosscal.core.readout import vectors_in_passes
from crosscal.runtime import InverseTensors, PassErrors
from crosscal.runtime.passes import PassReader
from crosscal.training.calibrators.structured.calibrator import Structured
from crosscal.training.calibrators.structured.derivatives import predicted
from crosscal.training.calibrators.structured.surrogate_design import CHUNK
from crosscal.training.measurements import Measurements

_PASSES = (2, 3, 4)  # a plan chooses among one and these
_MATRICES, _VECTORS = 3, 80
"""With as many again a plan for `40×24` changes by less than a tenth."""

_STEPS = 12  # halvings of six decades: to a factor of 1.003
_LEAST, _MOST = 1e-3, 1e3
"""Of the variance sought, relative to that of the surrogate."""


def fit_pass_errors(
    calibrator: Structured, data: Measurements, rng: np.random.Generator
) -> tuple[PassErrors, ...]:
    """Learn the errors of 2, 3 and 4 passes; empty if the calibrator was not trained down to 0 V.

    Args:
        calibrator: trained.
        data: measurements with targets and inputs like those of the board.
        rng: draws vectors and noise.
    """
    rows = data.shape[0]
    readers, ideal, readings = [], [], {passes: [] for passes in _PASSES if passes <= rows}
    for k in np.flatnonzero(data.usable.any(axis=1))[:_MATRICES]:
        target_s = data.conductance_s[k]
        tensors = InverseTensors.from_mapping(calibrator.surrogate_tensors(target_s))
        low_v, high_v = np.polynomial.polynomial.polyval(tensors.input_bounds[3:], tensors.expansion)
        if not low_v <= 0.0 <= high_v:
            return ()
        vectors_v = rng.choice(data.voltage_v[k][data.usable[k]].ravel(), (_VECTORS, rows))
        readers.append({passes: PassReader(tensors, passes) for passes in readings})
        ideal.append((vectors_v, vectors_v @ target_s))
        noise_a = np.sqrt(calibrator.noise.numpy()) / tensors.current_scale
        for passes, found in readings.items():
            current_a = _circuit_a(calibrator, target_s, vectors_in_passes(vectors_v, passes))
            current_a += noise_a * rng.standard_normal(current_a.shape)
            found.append(current_a.reshape(_VECTORS, passes, -1))
    return tuple(
        _errors_of(passes, [one[passes] for one in readers], ideal, found, rng)
        for passes, found in readings.items()
    )


def _errors_of(
    passes: int,
    readers: list[PassReader],
    ideal: list[tuple[np.ndarray, np.ndarray]],
    readings: list[np.ndarray],
    rng: np.random.Generator,
) -> PassErrors:
    """Find the white noise that would err as much, and how much larger errors are than stated."""
    errors, ratios = [], []
    for reader, (_, ideal_a), current_a in zip(readers, ideal, readings, strict=True):
        found_a, variance_a2 = reader.read(current_a, deviation=True)
        errors.append(np.mean((found_a - ideal_a) ** 2))
        ratios.append(np.mean((found_a - ideal_a) ** 2 / variance_a2))
    normals = [rng.standard_normal(current_a.shape) for current_a in readings]

    def by_noise(extra: float) -> float:
        missed = [
            np.mean((reader.read(reader.expected_a(vectors_v, extra, normal))[0] - ideal_a) ** 2)
            for reader, (vectors_v, ideal_a), normal in zip(readers, ideal, normals, strict=True)
        ]
        return float(np.mean(missed))

    variance = float(np.mean([reader.variance for reader in readers]))
    low, high = _LEAST * variance, _MOST * variance
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if by_noise(middle) < np.mean(errors) else (low, middle)
    return PassErrors(
        passes=passes, variance=float(np.sqrt(low * high)), inflation=float(np.sqrt(np.mean(ratios)))
    )


def _circuit_a(calibrator: Structured, target_s: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
    """Currents of the learned circuit [A], (B, M)."""
    circuit = calibrator.circuit.double()
    matrix = torch.from_numpy(np.array(target_s, dtype=np.float64))
    parts = [
        predicted(circuit, matrix.expand(len(part), *matrix.shape), part)
        for part in torch.from_numpy(voltage_v).split(CHUNK)
    ]
    return circuit.form.unit_a * torch.cat(parts).numpy()
