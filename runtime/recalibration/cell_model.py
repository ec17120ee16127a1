"""Model of single cells from a matrix's surrogate: their effect on readings, and its change with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosscal.core.array_types import Float, Vectors
from crosscal.core.errors import RangeError, wanted
from crosscal.runtime.inverse.tensors import InverseTensors

_NEWTON_STEPS = 30
"""The iteration ends by itself. Insensitive from 5 on (`python benchmarks/constants.py cell_model`)."""


def standardised_inputs(tensors: InverseTensors, voltage_v: Vectors) -> Float[np.ndarray, "batch rows"]:
    """Invert `v = Σ_k expansion[k] z^k`, (B, N).

    Raises:
        RangeError: inputs [V] far outside those that the calibrator was trained on.
    """
    least, most = float(tensors.input_bounds[3]), float(tensors.input_bounds[4])
    volts = np.polynomial.Polynomial(tensors.expansion)
    low_v, high_v = float(volts(least)), float(volts(most))
    if not ((voltage_v >= low_v) & (voltage_v <= high_v)).all():
        raise RangeError(
            wanted(
                got=f"known inputs of {voltage_v.min():.3g}…{voltage_v.max():.3g} V",
                allowed=f"{low_v:.3g}…{high_v:.3g} V, around what the calibrator was trained on",
                remedy="recalibrate with vectors in that range",
            )
        )
    rate = volts.deriv()
    z = np.clip((voltage_v - tensors.expansion[0]) / tensors.expansion[1], least, most)
    for _ in range(_NEWTON_STEPS):
        step = (volts(z) - voltage_v) / rate(z)
        z = np.clip(z - step, least, most)
        if np.abs(step).max(initial=0.0) < 1e-12:
            break
    return z


def resting_currents(tensors: InverseTensors) -> Float[np.ndarray, "rows columns"]:
    """Share of each cell in its column's scaled current at `z` = 0, (N, M).

    The surrogate knows only their sum. Cells of a column answer alike to their inputs, so it is divided as
    their slopes are; an offset makes up for the error of that.
    """
    total = tensors.constant + tensors.current_shift * tensors.current_scale
    slopes = np.maximum(tensors.polynomial[0], 0.0)
    whole = slopes.sum(axis=0)
    return slopes * np.divide(total, whole, out=np.zeros_like(total), where=whole > 0)


def cell_sensitivity(
    tensors: InverseTensors, z: Float[np.ndarray, "batch rows"]
) -> Float[np.ndarray, "columns batch unknowns"]:
    """Derivative of scaled currents by a column's offset, its gain error and its cells' relative errors,
    (M, B, N + 2).
    """
    columns = tensors.constant.size
    powers = np.stack([z**power for power in range(1, len(tensors.polynomial) + 1)])
    own = np.einsum("pbn,pnm->mbn", powers, tensors.polynomial, optimize=True)
    own += resting_currents(tensors).T[:, None, :]
    # A stronger cell also loads its column more, and with it all other cells.
    pulled = np.zeros((columns, len(z)))
    for j, (moment, coupling) in enumerate(zip(tensors.moment, tensors.coupling, strict=True)):
        load = (z @ (tensors.loading * moment[:, None])).T[:, :, None]
        across = (z @ coupling).T
        own += load * (coupling.T[:, None, :] * z)
        if j == 0:
            own += load * (tensors.quadratic.T[:, None, :] * z**2)
            across = across + (z**2 @ tensors.quadratic).T
            carried = load[:, :, 0]
            pulled = carried**2 * (
                3.0 * tensors.column_terms[0, :, None] + 4.0 * carried * tensors.column_terms[1, :, None]
            )
        own += across[:, :, None] * tensors.loading.T[:, None, :] * (moment * z)
    own += pulled[:, :, None] * (tensors.loading.T[:, None, :] * z)
    return np.concatenate([np.ones((columns, len(z), 1)), own.sum(axis=2, keepdims=True), own], axis=2)


def with_cells(
    tensors: InverseTensors,
    *,
    offset: Float[np.ndarray, " columns"],
    relative: Float[np.ndarray, "rows columns"],
) -> InverseTensors:
    """Return the surrogate of cells that carry `1 + relative` times as much, as predictions have it.

    Args:
        tensors: of the cells as they were taken to be.
        offset: added to each column, scaled.
        relative: (N, M).
    """
    factor = 1.0 + relative
    resting = (resting_currents(tensors) * relative).sum(axis=0) + offset
    return replace(
        tensors,
        polynomial=tensors.polynomial * factor,
        coupling=tensors.coupling * factor,
        quadratic=tensors.quadratic * factor,
        loading=tensors.loading * factor,
        constant=tensors.constant + resting,
        linear=tensors.linear * factor,
        offset=tensors.offset + resting,
    )


def with_changes(
    tensors: InverseTensors,
    offset: Float[np.ndarray, " columns"],
    relative: Float[np.ndarray, "rows columns"],
    variance: Float[np.ndarray, " columns"],
    inflation: Float[np.ndarray, " 1"],
) -> InverseTensors:
    """Return the surrogate of changed cells, as reads have it; the target matrix stays.

    Args:
        tensors, offset, relative: as for `with_cells`.
        variance: of readings around the new surrogate, (M,), scaled.
        inflation: factor of the posterior's standard deviations, (1,).
    """
    changed = replace(
        with_cells(tensors, offset=offset, relative=relative), variance=variance, inflation=inflation
    )
    then, now = left_open(tensors), left_open(changed)
    return replace(
        changed,
        gain=_linear_estimate(tensors, changed.linear, variance),
        input_variance=tensors.input_variance * np.diagonal(now) / np.diagonal(then),
        prediction_bias=tensors.prediction_bias
        + prediction_bias(changed, now)
        - prediction_bias(tensors, then),
    )


def left_open(tensors: InverseTensors) -> Float[np.ndarray, "rows rows"]:
    """Covariance of the inputs that the linear prediction leaves."""
    linear = tensors.linear
    return np.linalg.inv((linear / tensors.variance) @ linear.T + np.eye(len(linear)))


def prediction_bias(tensors: InverseTensors, covariance: np.ndarray) -> Float[np.ndarray, " columns"]:
    """Sum by how much squares and products of inputs of this covariance raise the expected reading."""
    total = np.diagonal(covariance) @ tensors.polynomial[1]
    for moment, coupling in zip(tensors.moment, tensors.coupling, strict=True):
        total += (tensors.loading * moment[:, None] * (covariance @ coupling)).sum(axis=0)
    return total


def _linear_estimate(tensors: InverseTensors, linear: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Gain (N, M) of the best linear estimate for new slopes and noise.

    The linearisation's own error is not among the tensors, but the old gain was made with it:
    `gain = C L W` with `C = (L W Lᵀ + 1)⁻¹ = 1 − gain Lᵀ` gives the weights `W` back.
    """
    covariance = np.eye(len(linear)) - tensors.gain @ tensors.linear.T
    image = covariance @ tensors.linear
    weight = (image * tensors.gain).sum(axis=0) / np.maximum((image**2).sum(axis=0), np.finfo(float).tiny)
    spread = np.maximum(1.0 / np.maximum(weight, np.finfo(float).tiny) - tensors.variance, 0.0) + variance
    weighted = linear / spread
    return np.linalg.solve(weighted @ linear.T + np.eye(len(linear)), weighted)
