"""Deviations that a calibrator states, held against its real errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.runtime import Calibrator
from crosscal.runtime.quantiles import standard_quantiles
from crosscal.training.evaluation.evaluation import Evaluation, Stack, program_matrix
from crosscal.training.measurements import Measurements

HONEST = 2.0
"""Rms error over rms stated deviation beyond which a model does not fit its board. Boards that fit stand at
0.8 to 1.25, their worst single matrices within 1.6."""

LEVELS = (0.5, 0.9, 0.99)
"""Intervals around a calibrated current that are said to hold the ideal one with these probabilities."""

STATING = ("structured", "whitebox")
"""Kinds that state deviations."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviationTest:
    """Errors beside stated deviations on matrices never trained on.

    Attributes:
        error_a: rms error by column [A], (M,).
        deviation_a: rms of the stated deviations by column [A], (M,).
        stated_nmse: squared deviations relative to the variance that the inputs cause.
        coverage: share of errors inside the stated intervals of each of `LEVELS`.
        ratio_by_matrix: rms error over rms stated deviation of each matrix, (K,); NaN without usable vectors.
        readings: vectors that this rests on.
    """

    error_a: np.ndarray
    deviation_a: np.ndarray
    stated_nmse: float
    coverage: tuple[float, ...]
    ratio_by_matrix: np.ndarray
    readings: int

    @property
    def ratio(self) -> float:
        """Rms error over rms stated deviation; 1 is honest."""
        return float(np.sqrt(np.mean(self.error_a**2) / np.mean(self.deviation_a**2)))

    @property
    def honest(self) -> bool:
        """Whether errors are about as large as stated."""
        return self.ratio <= HONEST

    def to_json(self) -> dict[str, Any]:
        """Plain values by name; null for a matrix without usable vectors."""
        return {
            "error_over_deviation": self.ratio,
            "error_over_deviation_by_matrix": [
                None if np.isnan(ratio) else float(ratio) for ratio in self.ratio_by_matrix
            ],
            "coverage": {f"{level:g}": share for level, share in zip(LEVELS, self.coverage, strict=True)},
            "readings": self.readings,
        }

    def __str__(self) -> str:
        levels = "/".join(f"{100 * level:g}" for level in LEVELS)
        covered = "/".join(f"{100 * share:.3g}" for share in self.coverage)
        worst = int(np.nanargmax(np.abs(np.log(self.ratio_by_matrix))))
        return (
            f"stated deviations: error / deviation {self.ratio:.2f} (furthest from 1: "
            f"{self.ratio_by_matrix[worst]:.2f}, matrix {worst + 1}); intervals of {levels} % hold "
            f"{covered} % of the ideal currents ({self.readings} readings)"
        )


def deviation_test(
    calibrator: Calibrator, evaluation: Evaluation, *, most_readings: int | None = None
) -> DeviationTest | None:
    """Test the deviations on the vectors that an evaluation scored; None for kinds that state none.

    Args:
        calibrator: the one evaluated.
        evaluation: on matrices never trained on.
        most_readings: how many to test at most, the same number of each matrix; None for all.
    """
    if calibrator.kind not in STATING:
        return None
    vectors = evaluation.kinds[0].vectors
    if most_readings is not None:
        each = max(1, most_readings // evaluation.data.matrices)
        vectors = slice(vectors.start, min(vectors.stop, vectors.start + each))
    part = evaluation.data.of_vectors(vectors)
    deviation_a = _stated(calibrator, part)
    error_a = evaluation.calibrated_a[:, vectors] - part.ideal_a
    usable = part.usable
    z = np.abs(error_a[usable] / deviation_a[usable])
    halves = standard_quantiles([0.5 + 0.5 * level for level in LEVELS])
    variance_a2 = sum(
        float(np.sum((ideal_a[good] - ideal_a[good].mean(axis=0)) ** 2))
        for ideal_a, good in zip(part.ideal_a, usable, strict=True)
        if good.any()
    )
    return DeviationTest(
        error_a=np.sqrt(np.mean(error_a[usable] ** 2, axis=0)),
        deviation_a=np.sqrt(np.mean(deviation_a[usable] ** 2, axis=0)),
        stated_nmse=float(np.sum(deviation_a[usable] ** 2)) / variance_a2,
        coverage=tuple(float(np.mean(z < half)) for half in halves),
        ratio_by_matrix=np.array(
            [
                np.sqrt(np.mean(wrong[good] ** 2) / np.mean(stated[good] ** 2)) if good.any() else np.nan
                for wrong, stated, good in zip(error_a, deviation_a, usable, strict=True)
            ]
        ),
        readings=int(usable.sum()),
    )


def _stated(calibrator: Calibrator, data: Measurements) -> Stack:
    deviation_a = np.full_like(data.current_a, np.nan)
    for k in range(data.matrices):
        if data.usable[k].any():
            programmed = program_matrix(calibrator, data, k)
            measured_a = data.current_a[k, data.usable[k]]
            # As a score: of all readings.
            _, deviation_a[k, data.usable[k]] = programmed.with_uncertainty(
                measured_a, allow_extrapolation=True
            )
    return deviation_a
