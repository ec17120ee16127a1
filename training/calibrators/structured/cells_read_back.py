"""Measurements on the cells as they were read back, where these explain currents better than the targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from crosscal.training.calibrators.read_back_law import beyond_expected, blank_law, fit_read_backs
from crosscal.training.calibrators.structured.circuit import Circuit
from crosscal.training.calibrators.structured.derivatives import predicted
from crosscal.training.calibrators.structured.measured_vectors import MeasuredVectors
from crosscal.training.calibrators.structured.surrogate_design import CHUNK
from crosscal.training.measurements import Measurements

_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of a read-back's deviation that is believed. The best share is an eighth off at most, which leaves 1.6 % of
the deviations' variance more than need be."""

_VECTORS = 320  # of ten columns and more: they tell a residual variance to 2.5 %
_BETTER = 0.9
"""Residual variance relative to that of the targets, below which cells scatter by more than read-backs
err."""


def with_cells_read_back(
    circuit: Circuit, data: Measurements, rng: np.random.Generator
) -> Measurements | None:
    """Put the cells, as far as read-backs tell them, in place of the targets; None where that does not help.

    Only differences from the mean read-back of such a target, row and column count: the circuit still is
    that of a cell as it is programmed on average, and channels' errors in read-backs do not enter.

    Args:
        circuit: fitted to the targets.
        data: measurements to learn from.
        rng: chooses vectors to judge by.
    """
    if data.read_back_s is None:
        return None
    law = blank_law(data.conductance_s)
    fitted = fit_read_backs([data], law)
    if fitted is None:
        return None
    law = replace(law, read_back=fitted[0])
    beyond = np.stack(
        [
            beyond_expected(law, target_s, read_s)
            for target_s, read_s in zip(data.conductance_s, data.read_back_s, strict=True)
        ]
    )
    matrix, vector = np.nonzero(data.usable)
    chosen = rng.permutation(len(matrix))[:_VECTORS]

    def informed(share: float) -> Measurements:
        return replace(data, conductance_s=data.conductance_s * np.maximum(1.0 + share * beyond, 0.0))

    found = {
        share: _unexplained(circuit, informed(share), matrix[chosen], vector[chosen])
        for share in (0.0, *_SHARES)
    }
    best = min(found, key=lambda share: found[share])
    return informed(best) if found[best] < _BETTER * found[0.0] else None


def _unexplained(circuit: Circuit, data: Measurements, matrix: np.ndarray, vector: np.ndarray) -> float:
    vectors = MeasuredVectors.of(data, circuit.form, matrix, vector)
    wrong = [
        vectors.current[at] - predicted(circuit, vectors.conductance_s[at], vectors.voltage_v[at])
        for at in torch.arange(len(matrix)).split(CHUNK)
    ]
    return float((torch.cat(wrong) ** 2).mean())
