"""Circuit that is believed of a tile: wires of its own fit, ohmic cells, by `whitebox`'s solver."""

from __future__ import annotations

import numpy as np

from crosscal.core.network.column_order import by_slice, columns_of
from crosscal.training.calibrators.whitebox.circuit_model import CellModel, CircuitModel, WireModel

NO_WIRES = WireModel(row_ohm=0.0, column_ohm=0.0, source_ohm=0.0, sense_ohm=0.0)  # of memcapacitive tiles


class TileCircuit:
    """Cells of one tile behind wires; sums count in mean distances of levels, per digit.

    Args:
        cells: values that are believed [S], (N, O, S, P).
        unit_s: mean distance of levels [S].
    """

    def __init__(self, cells: np.ndarray, unit_s: float) -> None:
        self._pairs = (cells.shape[2], cells.shape[3])
        self._conductance_s = columns_of(cells)[None]
        self._unit_s = unit_s

    def transfer(self, wires: WireModel) -> np.ndarray:
        """Solve for what a digit on each row adds to each sum, (N, S·O)."""
        rows = self._conductance_s.shape[1]
        if not wires.as_array().any():
            return self._sums(self._conductance_s[0])
        model, each = self._model(wires), np.zeros(rows, dtype=np.int64)
        return self._sums(model.solve(self._conductance_s, each, np.eye(rows)))

    def differentiate(self, wires: WireModel, digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solve for the sums for digits (B, N), (B, C), and their derivatives by four wires, (B, C, 4)."""
        matrix = np.zeros(len(digits), dtype=np.int64)
        # Ohmic cells: one volt for each digit will do.
        scale = max(float(digits.max()), 1.0)
        current_a, tangent = self._model(wires).differentiate(self._conductance_s, matrix, digits / scale)
        slopes = np.stack([self._sums(tangent[:, :, k]) for k in range(4)], axis=2)
        return scale * self._sums(current_a), scale * slopes

    def _model(self, wires: WireModel) -> CircuitModel:
        law = CellModel(
            coefficients=np.ones((1, 1)),
            kink=np.zeros(0),
            scale_v=1.0,
            low_v=-1.0,
            high_v=1.1,
            middle_s=0.0,
            half_s=max(float(self._conductance_s.max()), self._unit_s),
        )
        return CircuitModel(wires=wires, law=law)

    def _sums(self, columns: np.ndarray) -> np.ndarray:
        return by_slice(columns, self._pairs).reshape(len(columns), -1) / self._unit_s
