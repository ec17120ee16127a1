"""Fit of the wires of a chip's tiles to the readings of one of them, by Levenberg–Marquardt."""

from __future__ import annotations

import numpy as np

from crosscal.training.calibrators.whitebox.circuit_model import WireModel
from crosscal.training.networks.calibration.tile_circuit import TileCircuit
from crosscal.training.networks.calibration.tile_readings import TileReadings

READINGS = 128
"""Readings that are solved for: a second for each iteration at 128×128."""

_ITERATIONS = 12  # four to six are taken from 0 to 12 Ω
_SETTLED = 1e-3  # part of the cost: what is gained by such a step is far below the cells' scatter
_DAMPING = 1e-3  # to begin with; it grows tenfold after a step that fails
_SPREAD_OHM = 30.0
"""Of what is believed beforehand of each resistance: holds those that the readings say nothing of near 0."""


def fit_wires(circuit: TileCircuit, readings: TileReadings) -> WireModel:
    """Find the resistances that explain a tile's readings, with a gain of every column.

    Args:
        circuit: of the tile, cells at their targets.
        readings: of known digits.
    """
    chosen = np.linspace(0, len(readings.digits) - 1, min(len(readings.digits), READINGS)).astype(int)
    digits, sums = readings.digits[chosen], readings.sums[chosen]
    weight = readings.usable[chosen].astype(np.float64)
    ohm, damping = np.array([1.0, 1.0, 1.0, 0.0]), _DAMPING
    cost, normal, slope = _linearised(circuit, ohm, digits, sums, weight)
    for _ in range(_ITERATIONS):
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), slope)
        trial = np.maximum(ohm + step, 0.0)
        found = _linearised(circuit, trial, digits, sums, weight)
        if found[0] > cost:
            damping *= 10.0
            continue
        gained = 1.0 - found[0] / cost
        ohm, (cost, normal, slope), damping = trial, found, damping / 3.0
        if gained < _SETTLED:
            break
    return _wires(ohm)


def _linearised(
    circuit: TileCircuit, ohm: np.ndarray, digits: np.ndarray, sums: np.ndarray, weight: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Find cost, normal matrix and slope at some wires; gains of columns are eliminated."""
    bare, tangent = circuit.differentiate(_wires(ohm), digits)
    power = np.maximum((weight * bare**2).sum(axis=0), 1e-30)
    gain = (weight * bare * sums).sum(axis=0) / power
    residual = weight * (sums - gain * bare)
    # What a gain can explain of a derivative says nothing of the wires.
    shared = (weight[:, :, None] * bare[:, :, None] * tangent).sum(axis=0) / power[:, None]
    design = gain[:, None] * weight[:, :, None] * (tangent - bare[:, :, None] * shared)
    prior = float((residual**2).mean()) / _SPREAD_OHM**2
    cost = float((residual**2).sum() + prior * (ohm**2).sum())
    flat = design.reshape(-1, 4)
    return cost, flat.T @ flat + prior * np.eye(4), flat.T @ residual.ravel() - prior * ohm


def _wires(ohm: np.ndarray) -> WireModel:
    row, column, source, sense = (float(each) for each in ohm)
    return WireModel(row_ohm=row, column_ohm=column, source_ohm=source, sense_ohm=sense)
