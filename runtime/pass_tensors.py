"""Surrogate of a matrix of which some rows alone are driven, the others at a known voltage.

The products and powers of `crosscal.runtime.inverse.tensors` that contain a known input become lower ones of
the inputs that are driven, so that the surrogate keeps its form and nothing is fitted again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crosscal.core.errors import RangeError, wanted
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.recalibration.cell_model import left_open, prediction_bias, standardised_inputs

_FOURTH_MOMENT = 1.8
"""Of inputs of unit variance that are uniformly distributed."""


def pass_tensors(tensors: InverseTensors, driven: np.ndarray, rest_v: float = 0.0) -> InverseTensors:
    """Return the surrogate of the driven rows, (N', M).

    Args:
        tensors: of the whole matrix.
        driven: indices of the driven rows, (N',).
        rest_v: voltage of the others [V].

    Raises:
        RangeError: a voltage far outside the inputs that the calibrator was trained on.
    """
    rows = len(tensors.loading)
    rest = np.setdiff1d(np.arange(rows), driven)
    low_v, high_v = np.polynomial.polynomial.polyval(tensors.input_bounds[3:], tensors.expansion)
    if not low_v <= rest_v <= high_v:
        raise RangeError(
            wanted(
                got=f"rows at {rest_v:g} V, for a calibrator of {low_v:.3g}…{high_v:.3g} V",
                allowed="a calibrator that was trained on such inputs",
                remedy="collect and train with inputs down to 0 V (--voltage 0V:0.5V)",
            )
        )
    at_rest = float(standardised_inputs(tensors, np.full((1, 1), rest_v))[0, 0])
    z = np.zeros((1, rows))
    z[0, rest] = at_rest
    constant = tensors.predicted(z)[0]
    polynomial, loading = tensors.polynomial[:, driven].copy(), tensors.loading[driven]
    coupling = tensors.coupling[:, driven].copy()
    load = (z @ tensors.loading)[0]
    for j, (moment, whole) in enumerate(zip(tensors.moment, tensors.coupling, strict=True)):
        carried, across = (z @ (tensors.loading * moment[:, None]))[0], (z @ whole)[0]
        polynomial[0] += loading * moment[driven, None] * across + coupling[j] * carried
    polynomial[0] += loading * (z**2 @ tensors.quadratic)[0]
    polynomial[1] += load * tensors.quadratic[driven]
    # (c + c₀)³ and (c + c₀)⁴ about the load c₀ of the rows at rest.
    cubic, quartic = tensors.column_terms
    polynomial[0] += loading * load**2 * (3.0 * cubic + 4.0 * load * quartic)
    coupling[0] += loading * load * (3.0 * cubic + 6.0 * load * quartic)
    part = replace(
        tensors,
        polynomial=polynomial,
        coupling=coupling,
        quadratic=tensors.quadratic[driven],
        column_terms=np.stack([cubic + 4.0 * load * quartic, quartic]),
        loading=loading,
        moment=tensors.moment[:, driven],
        constant=constant,
        conductance=tensors.conductance[driven],
        input_variance=tensors.input_variance[driven],
        linear=polynomial[0] + _FOURTH_MOMENT * polynomial[2],
        gain=tensors.gain[driven],
        drive_variance=np.broadcast_to(tensors.drive_variance, rows)[driven],
    )
    return _with_linear_estimate(part)


def _with_linear_estimate(part: InverseTensors) -> InverseTensors:
    """Fill in all that follows from the linear prediction."""
    linear, rows = part.linear, len(part.linear)
    covariance = left_open(part)
    weighted = linear / part.variance
    uncertain = np.diagonal(covariance).copy()
    mean = part.constant + prediction_bias(part, np.eye(rows))
    return replace(
        part,
        offset=mean,
        gain=np.linalg.solve(weighted @ linear.T + np.eye(rows), weighted),
        input_variance=uncertain,
        prediction_bias=prediction_bias(part, covariance),
    )
