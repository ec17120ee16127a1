"""The four measures of error, counted alike for everything that is compared.

MSE in mA²; NMSE, the MSE in parts of the variance that the inputs cause in the ideal currents, matrix by
matrix; effective bits `−log2(sqrt(NMSE))` with the RMSE in percent of full scale; and the reference
ratio, NMSE over the linear-Gaussian reference. A vector with a saturated or missing reading is left out, and
counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import RangeError, ShapeError, TrainingError, wanted
from crosscal.training.evaluation.geometric_mean import geometric_mean

SCORE_METHOD = 2
"""Number of the way to score, raised when scores of the same estimates change, so that kept ones are found
again. 2: geometric means with their intervals, and no longer medians with intervals of the mean."""

MA2_PER_A2 = 1e6  # (1000 mA per A)²

Stack = Float[np.ndarray, "matrices vectors columns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How far some estimates are from the ideal currents.

    Attributes:
        mse_ma2: mean squared error over all vectors scored [mA²].
        nmse: mean over the matrices of MSE / variance caused by the inputs.
        effective_bits: `−log2(sqrt(nmse))`.
        rmse_percent_of_full_scale: root of the MSE in percent of the full scale handed in.
        reference_ratio: nmse over the mean reference of the same matrices; None if none was handed in.
        vectors_scored, vectors_excluded: counts over all matrices.
        nmse_geometric: geometric mean over the matrices, that few bad ones do not carry.
        nmse_low, nmse_high: 95 % interval of `nmse_geometric`; None for fewer than three matrices.
        reference_ratio_geometric: geometric mean over the matrices of the ratio of each.
        reference_ratio_low, reference_ratio_high: 95 % interval of `reference_ratio_geometric`, as that.
    """

    mse_ma2: float
    nmse: float
    effective_bits: float
    rmse_percent_of_full_scale: float
    reference_ratio: float | None
    vectors_scored: int
    vectors_excluded: int
    nmse_geometric: float | None = None
    nmse_low: float | None = None
    nmse_high: float | None = None
    reference_ratio_geometric: float | None = None
    reference_ratio_low: float | None = None
    reference_ratio_high: float | None = None

    def to_json(self) -> dict[str, float | int | None]:
        """Plain numbers by name; JSON has no infinity, so a perfect estimate has None bits."""
        values = asdict(self)
        values["effective_bits"] = self.effective_bits if np.isfinite(self.effective_bits) else None
        values["floor_ratio"] = self.reference_ratio  # the name in earlier reports
        return values


def score(
    estimate_a: np.ndarray,
    ideal_a: Stack,
    usable: np.ndarray,
    *,
    full_scale_a: float,
    reference_nmse: np.ndarray | None = None,
) -> Score:
    """Score estimates against ideal currents.

    Args:
        estimate_a, ideal_a: [A], (K, V, M).
        usable: False where a vector must not be scored, (K, V).
        full_scale_a: current to which the RMSE is relative [A].
        reference_nmse: linear-Gaussian reference of each matrix, (K,).

    Raises:
        ShapeError: shapes that do not belong together.
        RangeError: a scored estimate is not finite.
        TrainingError: nothing is left to score, or inputs that cause no variance.
    """
    mse_a2, variance_a2 = errors_by_matrix(estimate_a, ideal_a, usable)
    counts = usable.sum(axis=1)
    scored = counts >= 2
    nmse_of_each = mse_a2[scored] / variance_a2[scored]
    nmse = float(np.mean(nmse_of_each))
    typical = geometric_mean(nmse_of_each)
    total_mse_a2 = float(np.average(mse_a2[scored], weights=counts[scored]))
    vectors_scored = int(counts[scored].sum())
    return Score(
        mse_ma2=total_mse_a2 * MA2_PER_A2,
        nmse=nmse,
        effective_bits=float(-0.5 * np.log2(nmse)) if nmse > 0.0 else float("inf"),
        rmse_percent_of_full_scale=100.0 * float(np.sqrt(total_mse_a2)) / full_scale_a,
        vectors_scored=vectors_scored,
        vectors_excluded=usable.size - vectors_scored,
        nmse_geometric=typical.value,
        nmse_low=typical.low,
        nmse_high=typical.high,
        **_beside_reference(nmse_of_each, reference_nmse, scored),
    )


def _beside_reference(
    nmse: np.ndarray, reference_nmse: np.ndarray | None, scored: np.ndarray
) -> dict[str, Any]:
    """Return the ratios to the reference of the matrices that were scored."""
    if reference_nmse is None:
        return {"reference_ratio": None}
    reference = np.asarray(reference_nmse)[scored]
    typical = geometric_mean(nmse / reference)
    return {
        "reference_ratio": float(np.mean(nmse) / np.mean(reference)),
        "reference_ratio_geometric": typical.value,
        "reference_ratio_low": typical.low,
        "reference_ratio_high": typical.high,
    }


def errors_by_matrix(
    estimate_a: np.ndarray, ideal_a: Stack, usable: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared error, and variance that the inputs cause, of every matrix.

    Both are means over its columns; the variance is the unbiased one over its usable vectors.

    Returns:
        MSE [A²] and variance [A²], (K,) each; NaN for a matrix with fewer than two usable vectors.

    Raises:
        As `score`.
    """
    if estimate_a.shape != ideal_a.shape or usable.shape != ideal_a.shape[:2]:
        raise ShapeError(
            wanted(
                got=f"estimates {estimate_a.shape}, ideal {ideal_a.shape}, usable {usable.shape}",
                allowed="(K, V, M), the same, and (K, V)",
                remedy="score estimates of the run they were made from",
            )
        )
    if not np.isfinite(estimate_a[usable]).all():
        raise RangeError(
            wanted(
                got=f"{int((~np.isfinite(estimate_a[usable])).sum())} estimates that are not finite numbers",
                allowed="a finite estimate for every usable vector",
                remedy="check the calibrator",
            )
        )
    counts = usable.sum(axis=1)
    if not (counts >= 2).any():
        raise TrainingError(
            f"got no matrix with two usable vectors among {usable.shape[0]} matrices of {usable.shape[1]}; "
            "allowed: runs with usable readings; use a higher current range and collect again"
        )
    mse_a2 = np.full(len(counts), np.nan)
    variance_a2 = np.full(len(counts), np.nan)
    for k in np.flatnonzero(counts >= 2):
        ideal = ideal_a[k, usable[k]]
        mse_a2[k] = np.mean((estimate_a[k, usable[k]] - ideal) ** 2)
        variance_a2[k] = ideal.var(axis=0, ddof=1).mean()
    if (variance_a2 == 0.0).any():
        raise TrainingError(
            "got vectors that are all the same, so that nothing varies to compare the error with; allowed: "
            "two or more different vectors per matrix; collect with other inputs"
        )
    return mse_a2, variance_a2
