"""Rounds of conjugate gradients in which the surrogates of a board's matrices settle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosscal.training.calibrators.preparation import PreparationSteps
from crosscal.training.measurements import Measurements

GRADIENT_ROUNDS = (60, 120, 240)
"""Rounds that are tried. Matrices uniform over one decade settle within 60; on/off matrices in 120; with 90 %
of the cells off 240 leave 1e-5 and less."""

_LAST_BIT = 2.0**-24
"""Relative rounding of a float32 (IEEE 754)."""

_SETTLED = 3e-6
"""Change of the currents, relative to the largest, that one bit of the conductances may cause: a third of the
parity tolerance. A settled fit stands at 3e-8, one that is cut off above 1e-5."""

# Vectors of a matrix, and the most uneven matrices, that are tried. A fit that is cut off shows in every
# current: insensitive between 1 and 16 vectors, 1 and 8 matrices (`python benchmarks/constants.py
# gradient_rounds`).
_SETTLED_VECTORS = 4
_MATRICES = 2

InRounds = Callable[[int, np.ndarray, np.ndarray], np.ndarray]
"""Calibrates currents [A], (B, M), of a target [S], (N, M), its surrogate fitted in so many rounds."""


def enough_gradient_rounds(calibrated: InRounds, data: Measurements, steps: PreparationSteps) -> int:
    """Choose the rounds so that surrogates settle, on the most uneven matrices too.

    A fit that was cut off answers to the last bit of a conductance: what single precision cannot resolve
    would show in the currents. Matrices of one decade settle in the fewest rounds.

    Args:
        calibrated: calibrates in a given number of rounds.
        data: matrices to try on.
        steps: keeps the rounds that were tried.
    """
    uneven = np.std(data.conductance_s / data.conductance_s.mean(axis=(1, 2), keepdims=True), axis=(1, 2))
    tried = [k for k in np.argsort(-uneven) if data.usable[k].any()][:_MATRICES]
    kept = steps.kept("gradient rounds") or {"settled": {}}
    settled: dict[int, bool] = dict(kept["settled"])
    for rounds in GRADIENT_ROUNDS:
        if rounds not in settled:
            settled[rounds] = all(_settles(calibrated, rounds, data, k) for k in tried)
            steps.keep("gradient rounds", settled=dict(settled))
        if settled[rounds]:
            return rounds
    return GRADIENT_ROUNDS[-1]


def _settles(calibrated: InRounds, rounds: int, data: Measurements, k: int) -> bool:
    current_a = data.current_a[k, np.flatnonzero(data.usable[k])[:_SETTLED_VECTORS]]
    signs = np.where(np.indices(data.shape).sum(axis=0) % 2, 1.0, -1.0)
    answers = [
        calibrated(rounds, matrix_s, current_a)
        for matrix_s in (data.conductance_s[k], data.conductance_s[k] * (1.0 + signs * _LAST_BIT))
    ]
    return bool(np.abs(answers[1] - answers[0]).max() <= _SETTLED * np.abs(answers[0]).max())
