"""Deviations that a calibrator states, held against its real errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscal.runtime.quantiles import standard_quantiles
from crosscal.training.evaluation.evaluation import Evaluation, KindEvaluation

HONEST = (0.8, 1.25)
"""Errors in parts of the deviations stated with them, beyond which whoever reads them must be told."""

_FITS = 2.0
"""Rms error over rms stated deviation beyond which a model does not fit its board. Boards that fit stand
mostly within `HONEST`, their worst single matrices within 1.6."""

LEVELS = (0.5, 0.9, 0.99)
"""Intervals around a calibrated current that are said to hold the ideal one with these probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviationTest:
    """Errors beside stated deviations on matrices never trained on.

    Attributes:
        error_a: rms error by column [A], (M,).
        deviation_a: rms of the stated deviations by column [A], (M,).
        stated_nmse: squared deviations relative to the variance that the inputs cause.
        coverage: share of errors inside the stated intervals of each of `LEVELS`.
        ratio_by_matrix: rms error over rms stated deviation of each matrix, (K,); NaN without usable vectors.
        tenths: rms of errors relative to their deviations, of the tenth of currents with the smallest stated
            deviations and of that with the largest.
        readings: vectors that this rests on.
    """

    error_a: np.ndarray
    deviation_a: np.ndarray
    stated_nmse: float
    coverage: tuple[float, ...]
    ratio_by_matrix: np.ndarray
    tenths: tuple[float, float]
    readings: int

    @property
    def ratio(self) -> float:
        """Rms error over rms stated deviation; 1 is honest."""
        return float(np.sqrt(np.mean(self.error_a**2) / np.mean(self.deviation_a**2)))

    @property
    def furthest(self) -> tuple[int, float]:
        """Matrix whose errors agree least with what was stated, counted from 0, and its ratio."""
        worst = int(np.nanargmax(np.abs(np.log(self.ratio_by_matrix))))
        return worst, float(self.ratio_by_matrix[worst])

    @property
    def fits(self) -> bool:
        """Whether errors are not so much larger than stated that the model cannot be this board's."""
        return self.ratio <= _FITS

    @property
    def verdict(self) -> str:
        """Sentence's end on the stated deviation: it holds, or is too small or too large."""
        if HONEST[0] <= self.ratio <= HONEST[1]:
            return "holds"
        return f"is too {'small' if self.ratio > 1.0 else 'large'}"

    def to_json(self) -> dict[str, Any]:
        """Plain values by name; null for a matrix without usable vectors."""
        return {
            "error_over_deviation": self.ratio,
            "error_over_deviation_by_matrix": [
                None if np.isnan(ratio) else float(ratio) for ratio in self.ratio_by_matrix
            ],
            "error_over_deviation_of_tenths": list(self.tenths),
            "coverage": {f"{level:g}": share for level, share in zip(LEVELS, self.coverage, strict=True)},
            "readings": self.readings,
        }

    def __str__(self) -> str:
        levels = "/".join(f"{100 * level:g}" for level in LEVELS)
        covered = coverage_text(self.coverage)
        worst, its_ratio = self.furthest
        return (
            f"stated deviations: error / deviation {self.ratio:.2f} (furthest from 1: "
            f"{its_ratio:.2f}, matrix {worst + 1}); intervals of {levels} % hold "
            f"{covered} % of the ideal currents; the tenth of the smallest deviations {self.tenths[0]:.2f}, "
            f"that of the largest {self.tenths[1]:.2f} ({self.readings} readings): "
            f"the deviation {self.verdict}"
        )


def coverage_text(coverage: Sequence[float]) -> str:
    """Phrase shares of ideal currents inside stated intervals, in percent: `51/90/99`."""
    return "/".join(f"{100 * share:.3g}" for share in coverage)


def deviation_test(evaluation: Evaluation, kind: KindEvaluation | None = None) -> DeviationTest | None:
    """Test the deviations that an evaluation asked for; None where none were asked for or stated.

    Args:
        evaluation: of a calibrator.
        kind: of its inputs, one of `evaluation.kinds`; None for all together.
    """
    if evaluation.deviation_a is None:
        return None
    vectors = slice(None) if kind is None else kind.vectors
    return errors_beside_deviations(
        evaluation.calibrated_a[:, vectors],
        evaluation.data.ideal_a[:, vectors],
        evaluation.deviation_a[:, vectors],
    )


def errors_beside_deviations(
    estimate_a: np.ndarray, ideal_a: np.ndarray, deviation_a: np.ndarray
) -> DeviationTest | None:
    """Test the deviations that are stated with estimates; None where none are finite.

    Args:
        estimate_a, ideal_a: [A], (K, V, M).
        deviation_a: standard deviations [A], (K, V, M); NaN for vectors that are left out.
    """
    tested = np.asarray(np.isfinite(deviation_a).all(axis=-1))
    if not tested.any():
        return None
    error_a = estimate_a - ideal_a
    z = np.abs(error_a[tested] / deviation_a[tested])
    order = np.argsort(deviation_a[tested], axis=None)
    tenth = max(1, order.size // 10)
    halves = standard_quantiles([0.5 + 0.5 * level for level in LEVELS])
    variance_a2 = sum(
        float(np.sum((ideal[here] - ideal[here].mean(axis=0)) ** 2))
        for ideal, here in zip(ideal_a, tested, strict=True)
        if here.any()
    )
    return DeviationTest(
        error_a=np.sqrt(np.mean(error_a[tested] ** 2, axis=0)),
        deviation_a=np.sqrt(np.mean(deviation_a[tested] ** 2, axis=0)),
        stated_nmse=float(np.sum(deviation_a[tested] ** 2)) / variance_a2,
        coverage=tuple(float(np.mean(z < half)) for half in halves),
        ratio_by_matrix=np.array(
            [
                np.sqrt(np.mean(wrong[here] ** 2) / np.mean(stated[here] ** 2)) if here.any() else np.nan
                for wrong, stated, here in zip(error_a, deviation_a, tested, strict=True)
            ]
        ),
        tenths=(_rms(z.ravel()[order[:tenth]]), _rms(z.ravel()[order[-tenth:]])),
        readings=int(tested.sum()),
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
