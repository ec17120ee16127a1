"""Single measured vectors, each with its matrix: the data that a circuit is fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from crosscal.training.calibrators.structured.circuit import CircuitForm
from crosscal.training.measurements import Measurements


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredVectors:
    """Measured vectors, each with its matrix: [S] (B, N, M), [V] (B, N), currents in `unit_a` (B, M)."""

    conductance_s: torch.Tensor
    voltage_v: torch.Tensor
    current: torch.Tensor

    @classmethod
    def of(
        cls, data: Measurements, form: CircuitForm, matrix: np.ndarray, vector: np.ndarray
    ) -> MeasuredVectors:
        """Take vectors `vector[b]` of matrices `matrix[b]`."""
        return cls(
            conductance_s=torch.from_numpy(data.conductance_s[matrix]).float(),
            voltage_v=torch.from_numpy(data.voltage_v[matrix, vector]).float(),
            current=torch.from_numpy(data.current_a[matrix, vector] / form.unit_a).float(),
        )


class VectorSource:
    """Usable vectors in a drawn order, from the first again when all were seen."""

    def __init__(self, data: Measurements, form: CircuitForm, rng: np.random.Generator) -> None:
        self._data, self._form = data, form
        self._matrix, self._vector = np.nonzero(data.usable)
        self._order = rng.permutation(len(self._matrix))
        self._start = 0

    def __call__(self, count: int) -> MeasuredVectors:
        """Draw so many vectors; all there are if there are fewer."""
        order = self._order
        chosen = order[(self._start + np.arange(min(count, len(order)))) % len(order)]
        self._start += len(chosen)
        return MeasuredVectors.of(self._data, self._form, self._matrix[chosen], self._vector[chosen])
