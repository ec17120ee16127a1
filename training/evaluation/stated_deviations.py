"""Deviations that a calibrator states, held against its real errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.runtime import Calibrator
from crosscal.training.evaluation.evaluation import Evaluation, Stack, program_matrix
from crosscal.training.measurements import Measurements

HONEST = 2.0
"""Rms error over rms stated deviation beyond which a model does not fit its board. Boards that fit stand at
0.8 to 1.25, their worst single matrices within 1.6."""

STATING = ("structured", "whitebox")
"""Kinds that state deviations."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviationTest:
    """Errors beside stated deviations on matrices never trained on.

    Attributes:
        error_a: rms error by column [A], (M,).
        deviation_a: rms of the stated deviations by column [A], (M,).
        stated_nmse: squared deviations relative to the variance that the inputs cause.
    """

    error_a: np.ndarray
    deviation_a: np.ndarray
    stated_nmse: float

    @property
    def ratio(self) -> float:
        """Rms error over rms stated deviation; 1 is honest."""
        return float(np.sqrt(np.mean(self.error_a**2) / np.mean(self.deviation_a**2)))

    @property
    def honest(self) -> bool:
        """Whether errors are about as large as stated."""
        return self.ratio <= HONEST


def deviation_test(calibrator: Calibrator, evaluation: Evaluation) -> DeviationTest | None:
    """Test the deviations on the vectors that an evaluation scored; None for kinds that state none.

    Args:
        calibrator: the one evaluated.
        evaluation: on matrices never trained on.
    """
    if calibrator.kind not in STATING:
        return None
    vectors = evaluation.kinds[0].vectors
    part = evaluation.data.of_vectors(vectors)
    deviation_a = _stated(calibrator, part)
    error_a = evaluation.calibrated_a[:, vectors] - part.ideal_a
    usable = part.usable
    variance_a2 = sum(
        float(np.sum((ideal_a[good] - ideal_a[good].mean(axis=0)) ** 2))
        for ideal_a, good in zip(part.ideal_a, usable, strict=True)
        if good.any()
    )
    return DeviationTest(
        error_a=np.sqrt(np.mean(error_a[usable] ** 2, axis=0)),
        deviation_a=np.sqrt(np.mean(deviation_a[usable] ** 2, axis=0)),
        stated_nmse=float(np.sum(deviation_a[usable] ** 2)) / variance_a2,
    )


def _stated(calibrator: Calibrator, data: Measurements) -> Stack:
    deviation_a = np.full_like(data.current_a, np.nan)
    for k in range(data.matrices):
        if data.usable[k].any():
            programmed = program_matrix(calibrator, data, k)
            _, deviation_a[k, data.usable[k]] = programmed.with_uncertainty(data.current_a[k, data.usable[k]])
    return deviation_a
