"""Surrogate with its matrices side by side, so that a prediction takes three matrix products, not nine.

For one reading, most of the time of a product of small matrices is the call.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Currents, Float
from crosscal.runtime.inverse.tensors import InverseTensors

Inputs = Float[np.ndarray, "batch rows"]


class PackedSurrogate:
    """Predictions of `InverseTensors` and their derivatives, as plain numpy; threads may share it."""

    def __init__(self, tensors: InverseTensors) -> None:
        # By the inputs themselves: each cell's slope, then loads and couplings, product by product.
        linear = [tensors.polynomial[0]]
        for moment, coupling in zip(tensors.moment, tensors.coupling, strict=True):
            linear += [tensors.loading * moment[:, None], coupling]
        self._linear = np.concatenate(linear, axis=1)
        self._square = np.concatenate([tensors.polynomial[1], tensors.quadratic], axis=1)
        self._cube = tensors.polynomial[2]
        # As they are used by `pulled`: contiguous the other way round.
        self._turned = [np.ascontiguousarray(each.T) for each in (self._linear, self._square, self._cube)]
        self._constant, self._column_terms = tensors.constant, tensors.column_terms

    def predicted(self, z: Inputs) -> Currents:
        """See `InverseTensors.predicted`."""
        square = z * z
        slope, *products = self._apart(z @ self._linear)
        bend, by_carried = self._apart(square @ self._square)
        total = self._constant + slope + bend + (square * z) @ self._cube
        for load, coupled in zip(products[::2], products[1::2], strict=True):
            total += load * coupled
        carried, (cubic, quartic) = products[0], self._column_terms
        return total + carried * (by_carried + carried * carried * (cubic + carried * quartic))

    def pulled(self, z: Inputs, pull: Currents) -> Inputs:
        """Pull of columns on every input, `slopes @ pull` of every reading, (B, N), without the slopes."""
        square = z * z
        _, *products = self._apart(z @ self._linear)
        carried, (cubic, quartic) = products[0], self._column_terms
        _, by_column = self._apart(square @ self._square)
        by_column += carried * carried * (3.0 * cubic + 4.0 * carried * quartic)
        back = [pull]
        for load, coupled in zip(products[::2], products[1::2], strict=True):
            back += [pull * coupled, pull * load]
        back[1] += pull * by_column
        linear, bent, steep = self._turned
        total = np.concatenate(back, axis=1) @ linear
        total += 2.0 * z * (np.concatenate([pull, pull * carried], axis=1) @ bent)
        return total + 3.0 * square * (pull @ steep)

    def _apart(self, together: np.ndarray) -> list[Currents]:
        """Views of what was worked out side by side; numpy's own split takes as long as a product."""
        columns = self._cube.shape[1]
        return [together[:, at : at + columns] for at in range(0, together.shape[1], columns)]
