"""Single measured vectors, each on one of some matrices: the data of a white-box fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Float, Vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reads:
    """Vectors on matrices with their readings; `matrix[b]` is the index of vector `b`'s matrix among the K.

    Attributes:
        conductance_s: targets [S], (K, N, M).
        matrix: (B,).
        voltage_v: [V], (B, N).
        current_a: [A], (B, M); finite.
    """

    conductance_s: Float[np.ndarray, "matrices rows columns"]
    matrix: np.ndarray
    voltage_v: Vectors
    current_a: Currents

    def of(self, index: np.ndarray) -> Reads:
        """Pick some vectors."""
        return Reads(
            conductance_s=self.conductance_s,
            matrix=self.matrix[index],
            voltage_v=self.voltage_v[index],
            current_a=self.current_a[index],
        )
