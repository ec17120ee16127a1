"""Comparison of a trained calibrator with `affine`, trained on the same run, on held-out matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from crosscal.core.errors import TrainingError, wanted
from crosscal.training.calibrators.affine_fit import fit_affine
from crosscal.training.fitting.export import calibrate
from crosscal.training.fitting.trainer import TrainingResult
from crosscal.training.measurements import Measurements

MOST_MATRICES = 24
"""Held-out matrices that are compared: programming `structured` takes up to a second for each."""

CONFIDENCE = 0.95  # the usual: one comparison in twenty names a better one by chance

FEWEST_UNITS = 5
"""Differences that the interval rests on, at least: of two, Student's factor would be 12.7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutComparison:
    """Errors on held-out matrices, paired matrix by matrix.

    Attributes:
        nmse, affine_nmse: means over the matrices; infinite for estimates that are not finite.
        difference: interval of `nmse − affine_nmse` at 95 % confidence.
        matrices: number compared.
    """

    nmse: float
    affine_nmse: float
    difference: tuple[float, float]
    matrices: int

    @property
    def worse(self) -> bool:
        """Whether the calibrator is worse than `affine` beyond the interval."""
        return self.difference[0] > 0.0


def compare_with_affine(result: TrainingResult) -> HeldOutComparison | None:
    """Compare on the matrices that a training kept for validation; None if none of them can be scored.

    The interval is Student's, of the differences from matrix to matrix; of fewer than five, from part
    to part of their vectors.
    """
    held = result.validation
    varied = (held.usable.sum(axis=1) >= 2) & (held.ideal_a.var(axis=1).mean(axis=1) > 0.0)
    held = held.of_matrices(np.flatnonzero(varied)[:MOST_MATRICES])
    if held.usable.sum() < FEWEST_UNITS:
        return None
    training = result.training
    fit = fit_affine(training.current_a[training.usable], training.ideal_a[training.usable])
    current_a = np.where(held.usable[:, :, None], held.current_a, 0.0)
    estimate_a = calibrate(result.calibrator, held.conductance_s, current_a)
    affine = _nmse_by_unit(held, np.stack([fit(own_a) for own_a in current_a]))
    if not np.isfinite(estimate_a[held.usable]).all():
        return HeldOutComparison(
            nmse=np.inf,
            affine_nmse=float(affine.mean()),
            difference=(np.inf, np.inf),
            matrices=held.matrices,
        )
    own = _nmse_by_unit(held, estimate_a)
    excess = own - affine
    centre = float(excess.mean())
    factor = float(student.ppf(0.5 + CONFIDENCE / 2.0, excess.size - 1))
    half = factor * float(excess.std(ddof=1)) / np.sqrt(excess.size)
    return HeldOutComparison(
        nmse=float(own.mean()),
        affine_nmse=float(affine.mean()),
        difference=(centre - half, centre + half),
        matrices=held.matrices,
    )


def require_better_than_affine(result: TrainingResult) -> None:
    """Refuse a calibrator that is worse than `affine`, trained on the same run.

    Raises:
        TrainingError: it is, beyond a 95 % interval.
    """
    found = compare_with_affine(result)
    if found is None or not found.worse:
        return
    low, high = found.difference
    name = result.calibrator.name
    raise TrainingError(
        wanted(
            got=f"{name} with an NMSE of {found.nmse:.3g} on {found.matrices} held-out matrices, affine with "
            f"{found.affine_nmse:.3g}",
            allowed=f"a calibrator no worse than affine; the difference is {low:.2g} to {high:.2g} (95 %)",
            remedy="train with more matrices or as affine, or give --accept-worse to write it all the same",
        )
    )


def _nmse_by_unit(held: Measurements, estimate_a: np.ndarray) -> np.ndarray:
    """Squared error relative to the matrix's variance, for each matrix or part of one."""
    parts = -(-FEWEST_UNITS // held.matrices)
    errors = []
    for k in range(held.matrices):
        usable = held.usable[k]
        ideal_a = held.ideal_a[k, usable]
        squared = ((estimate_a[k, usable] - ideal_a) ** 2).mean(axis=1) / ideal_a.var(axis=0, ddof=1).mean()
        errors += [part.mean() for part in np.array_split(squared, parts) if part.size]
    return np.array(errors)
