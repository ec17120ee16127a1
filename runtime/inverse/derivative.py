"""Derivatives of the predictions of `InverseTensors`, for batches of inputs, in plain numpy."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.runtime.inverse.tensors import InverseTensors

Inputs = Float[np.ndarray, "batch rows"]


def slopes(tensors: InverseTensors, z: Inputs) -> Float[np.ndarray, "batch rows columns"]:
    """Derivative of every scaled current by every input, (B, N, M)."""
    first, second, third = tensors.polynomial
    carried, by_column = _carried(tensors, z)
    upright, across = z[:, :, None], carried[:, None, :]
    total = first + upright * (2.0 * (second + across * tensors.quadratic) + 3.0 * upright * third)
    total += tensors.loading * by_column[:, None, :]
    for moment, coupling in zip(tensors.moment, tensors.coupling, strict=True):
        weighted = tensors.loading * moment[:, None]
        total += coupling * (z @ weighted)[:, None, :] + weighted * (z @ coupling)[:, None, :]
    return total


def _carried(tensors: InverseTensors, z: Inputs) -> tuple[Currents, Currents]:
    """Loads of the columns, and the factors of a cell's own share of them, (B, M) each."""
    carried = z @ tensors.loading
    powers = carried**2 * (3.0 * tensors.column_terms[0] + 4.0 * carried * tensors.column_terms[1])
    return carried, z**2 @ tensors.quadratic + powers
