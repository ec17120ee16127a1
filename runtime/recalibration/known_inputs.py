"""Known inputs for the next readings of a recalibration, designed from all that is known of a matrix."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Float, Vectors
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.design import designed_vectors
from crosscal.runtime.recalibration.level_choice import USUAL
from crosscal.runtime.recalibration.posterior import CELLS
from crosscal.runtime.recalibration.vectors import InputWindow

Unknowns = Float[np.ndarray, "columns unknowns unknowns"]


def telling_vectors(
    programmed: ProgrammedCalibrator,
    count: int,
    *,
    window: InputWindow,
    rng: np.random.Generator,
    age_s: float | None = None,
) -> Vectors:
    """Choose inputs to learn from [V], (count, N).

    Args:
        programmed: calibrator of the matrix, with all that is known of it.
        count: vectors wanted.
        window: that inputs lie in.
        rng: draws them where the kind does not know cells; otherwise where the design begins.
        age_s: of the matrix when they are read, where it has changed since the last recalibration.
    """
    if not programmed.learns_cells:
        # What a network answers to vectors unlike those it was trained on says little of all others.
        return window.ordinary(count, programmed.shape[0], rng)
    covariance, noise = _unknown(programmed, age_s)
    return designed_vectors(count, programmed.linearised, covariance, noise, window=window, rng=rng)


def _unknown(programmed: ProgrammedCalibrator, age_s: float | None) -> tuple[Unknowns, float]:
    """Covariance of each column's unknowns as readings will find them, and the noise of a reading."""
    posterior, law = programmed.posterior, programmed.cell_law
    usual = np.diag(USUAL.variances(programmed.shape[0] + CELLS))
    if posterior is not None:
        covariance, evolution = posterior.covariance, posterior.evolution
        # Nothing that was known for certain stays so: cells of which gains alone were learned may differ yet.
        certain = np.diagonal(covariance, axis1=1, axis2=2) == 0.0
        if evolution is not None and age_s is not None:
            covariance = evolution.grown(covariance, evolution.span(age_s))
        return covariance + certain[:, :, None] * usual, posterior.noise
    if law is not None and law.scatters:
        return law.prior(programmed.conductance_s).covariance, law.noise
    noise = float(np.sqrt(np.median(programmed.linearised.tensors.variance)))
    return np.broadcast_to(usual, (programmed.shape[1], *usual.shape)), noise
