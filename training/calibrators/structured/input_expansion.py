"""Standardised inputs, in which the currents of a circuit are nearly straight."""

from __future__ import annotations

import numpy as np
import torch

from crosscal.core.array_types import Float
from crosscal.training.calibrators.structured.backend import TorchBackend
from crosscal.training.calibrators.structured.circuit import Circuit
from crosscal.training.calibrators.structured.relaxation import Relaxation
from crosscal.training.measurements import Measurements

EXPANSION_ORDERS = 21
"""Of inputs of both signs: cells may conduct better one way, and the bend at 0 V is no polynomial's. On 24×32
cells of ±0.3 V the ratio to the linear-Gaussian reference is 1.55 with 11 orders, 1.15 with 21."""

_SMOOTH_ORDERS = 11
"""Of inputs of one sign. Insensitive between 9 and 13; with 7 errors are 30 % larger (`python
benchmarks/constants.py ORDER`)."""

_POINTS_PER_ORDER = 3
"""Of the fit of the expansion. Insensitive between 2 and 6 (the same command)."""

_PENALTY = 400.0
"""A bound gives way by a twentieth of the inputs' deviation where the prior alone would by a whole one."""

_MARGIN = 0.15
"""Of the span of inputs, beyond its ends. Errors are the same with 0.05, a fifth larger with 0.3 (`python
benchmarks/constants.py _MARGIN`)."""

_WEIGHT_BEYOND = 0.1
"""Of inputs beyond those seen in the fit of the expansion. With 1, one row of lab-12x16 at 0.3 V and the
others at 0 V is calibrated to 0.45 µA; with 0.1 to 0.26 µA."""


def input_expansion(
    circuit: Circuit, data: Measurements
) -> tuple[Float[np.ndarray, " orders"], Float[np.ndarray, " 5"]]:
    """Find standardised inputs in which currents are as straight as one common bend can make them.

    Returns:
        `v = Σ_k expansion[k] z^k` [V], and the input bounds: inputs seen, penalty beyond them, how far `z`
        may go at all.
    """
    inputs_v = data.voltage_v[data.usable].ravel()
    low_v, high_v = float(inputs_v.min()), float(inputs_v.max())
    orders = EXPANSION_ORDERS if low_v < 0.0 < high_v else _SMOOTH_ORDERS
    points = _POINTS_PER_ORDER * orders
    inside_v = np.linspace(low_v, high_v, points)
    inside = _mean_response(circuit, float(inputs_v.mean()), inside_v)
    if not (np.diff(inside) > 0).all():
        inside = inside_v
    # Beyond the inputs seen the law is not known, and its kink at 0 V, where no polynomial follows, may lie
    # right there: currents go on as straight as they are at the ends.
    room_v, step_v = _MARGIN * (high_v - low_v), inside_v[1] - inside_v[0]
    below, above = (inside[1] - inside[0]) * room_v / step_v, (inside[-1] - inside[-2]) * room_v / step_v
    grid_v = np.linspace(low_v - room_v, high_v + room_v, points + points // 3)
    knots_v = np.concatenate([grid_v[:1], inside_v, grid_v[-1:]])
    answer = np.interp(grid_v, knots_v, np.concatenate([[inside[0] - below], inside, [inside[-1] + above]]))
    seen = np.interp(inputs_v, grid_v, answer)
    z = (answer - seen.mean()) / seen.std()
    weight = np.where((grid_v >= low_v) & (grid_v <= high_v), 1.0, _WEIGHT_BEYOND)
    expansion = np.zeros(EXPANSION_ORDERS)
    expansion[:orders] = np.polynomial.polynomial.polyfit(z, grid_v, orders - 1, w=weight)
    low, high = np.interp([low_v, high_v], grid_v, z)
    return expansion, np.array([low, high, _PENALTY, z[0], z[-1]])


def _mean_response(circuit: Circuit, middle_v: float, grid_v: np.ndarray) -> np.ndarray:
    """Mean column current when one row sweeps the grid and the others rest, averaged over a few rows."""
    form = circuit.form
    matrix = torch.full((form.rows, form.columns), form.middle_s, dtype=torch.float64)
    relaxation = Relaxation(TorchBackend(), circuit.double(), matrix)
    total = np.zeros(len(grid_v))
    for row in sorted({form.rows // 4, form.rows // 2, 3 * form.rows // 4}):
        drive_v = torch.full((len(grid_v), form.rows, 1), middle_v, dtype=torch.float64)
        drive_v[:, row, 0] = torch.from_numpy(grid_v)
        total += relaxation.currents(drive_v).mean(dim=(1, 2)).numpy()
    return total
