"""Single measured vectors, each on one of some matrices: what a white-box fit looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Float, Vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reads:
    """Vectors on matrices with what was measured: `matrix[b]` says on which of the K matrices vector `b` was.

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
