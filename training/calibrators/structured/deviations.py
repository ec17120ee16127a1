"""Noise that a circuit leaves unexplained, and the scale of stated deviations, from held-out matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from crosscal.core.array_types import Float
from crosscal.core.errors import TrainingError, wanted
from crosscal.runtime import Inverse, InverseTensors
from crosscal.training.calibrators.preparation import PreparationSteps
from crosscal.training.calibrators.structured.circuit import Circuit
from crosscal.training.calibrators.structured.derivatives import predicted
from crosscal.training.calibrators.structured.measured_vectors import MeasuredVectors
from crosscal.training.calibrators.structured.surrogate_design import CHUNK
from crosscal.training.measurements import Measurements

# Stated deviations are within 2 % of these with 160 to 1,280 vectors, within 4 % with 20 to 200 of each
# matrix; with 2 matrices they are 10 % off, from 6 on the same (`python benchmarks/constants.py
# structured.deviations`).
_NOISE_VECTORS, _TRUST_VECTORS, _TRUST_MATRICES = 640, 200, 24

_LEAST_NOISE = 1e-6
"""Relative to a column's current. Insensitive between 1e-8 and 1e-5, noise being 1e-4 (the same command)."""

_TRUSTED_AS_MATRICES = 4
"""Held-out matrices that outweigh the trust in the posterior's own deviations: where cells scatter, all
errors of a matrix are of one draw, and one or two of them tell an inflation to a factor of 1.5 only."""

_INFLATION_WITHOUT_DOUBT = 1e6
"""An inflation by which no reading is so far from its prediction that a read itself doubts it, for
learning the scale of the posterior's own deviations."""


def unexplained_variance(
    circuit: Circuit, held: Measurements, rng: np.random.Generator
) -> Float[np.ndarray, " columns"]:
    """Variance of scaled currents that the circuit leaves unexplained on matrices it was not fitted to, (M,).

    A column's own estimate is drawn half-way to the mean of all, as it rests on few vectors.
    """
    matrix, vector = np.nonzero(held.usable)
    chosen = rng.permutation(len(matrix))[:_NOISE_VECTORS]
    data = MeasuredVectors.of(held, circuit.form, matrix[chosen], vector[chosen])
    expected = torch.cat(
        [
            predicted(circuit, data.conductance_s[at], data.voltage_v[at])
            for at in torch.arange(len(chosen)).split(CHUNK)
        ]
    )
    wrong = ((data.current - expected) / circuit.unknowns.gain).double().numpy()
    variance = (wrong**2).mean(axis=0)
    return 0.5 * (variance + variance.mean()) + _LEAST_NOISE**2


def deviation_inflation(
    tensors_of_matrix: Callable[[np.ndarray], dict[str, np.ndarray]],
    held: Measurements,
    steps: PreparationSteps,
) -> Float[np.ndarray, " 1"]:
    """Root mean square of held-out errors relative to the deviations that the posterior gives them, (1,).

    One below 1 is drawn to 1 as by a few more matrices with errors as large as stated.

    Args:
        tensors_of_matrix: fits the surrogate of a target [S], (N, M).
        held: matrices that the circuit was not fitted to.
        steps: keeps the mean squares of finished matrices.
    """
    kept = steps.kept("inflation")
    squares: list[float] = [] if kept is None else list(kept["squares"])
    for k in np.flatnonzero(held.usable.any(axis=1))[len(squares) : _TRUST_MATRICES]:
        chosen = np.flatnonzero(held.usable[k])[:_TRUST_VECTORS]
        tensors = InverseTensors.from_mapping(tensors_of_matrix(held.conductance_s[k]))
        inverse = Inverse(replace(tensors, inflation=np.array([_INFLATION_WITHOUT_DOUBT])))
        reading = inverse.read(np.ascontiguousarray(held.current_a[k, chosen]), deviation=True)
        wrong = reading.calibrated_a - held.voltage_v[k, chosen] @ held.conductance_s[k]
        # A column of cells that were never formed carries nothing, and nothing is what is stated of it.
        formed = held.conductance_s[k].any(axis=0)
        squares.append(float(np.mean((wrong[:, formed] / reading.deviation_a[:, formed]) ** 2)))
        steps.keep("inflation", squares=list(squares))
    square = _INFLATION_WITHOUT_DOUBT**2 * np.mean(squares)
    if square < 1.0:
        trust = _TRUSTED_AS_MATRICES / (len(squares) + _TRUSTED_AS_MATRICES)
        square += trust * (1.0 - square)
    inflation = np.sqrt(square)
    if not np.isfinite(inflation):
        raise TrainingError(
            wanted(
                got="reads of held-out matrices that do not settle in single precision",
                allowed="readings with some noise, 1e-5 of the largest or more on arrays with more rows than "
                "columns",
                remedy="train affine or concatsquash on this board, or give a simulated one its noise",
            )
        )
    return np.array([inflation])
