"""Verification of calibrated currents on vectors with known ideal currents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.core.errors import ReadingError, wanted
from crosscal.core.short_repr import ShortRepr
from crosscal.runtime.correction import Uncertain
from crosscal.runtime.programmed import ProgrammedCalibrator

FEWEST_VECTORS = 2  # of one alone nothing says how errors scatter
_DEVIATIONS_ALLOWED = 2.0  # one good recalibration in 40 fails by chance, and is measured again


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Verification(ShortRepr):
    """Errors on known vectors.

    Attributes:
        error_a: calibrated less ideal currents [A], (V, M); NaN where a reading is missing.
        ideal_a: ideal currents [A], (V, M).
        expected_a: root mean square error that the calibrator itself expects of such readings [A]; None where
            it cannot tell.
    """

    error_a: Currents
    ideal_a: Currents
    expected_a: float | None

    @property
    def rms_a(self) -> float:
        """Root mean square error [A]."""
        return float(np.sqrt(np.nanmean(self.error_a**2)))

    @property
    def worst_column(self) -> tuple[int, float]:
        """The column with the largest root mean square error, from 0, and that error [A]."""
        squares = self.error_a**2
        counts = np.isfinite(squares).sum(axis=0)
        means = np.where(counts > 0, np.nansum(squares, axis=0) / np.maximum(counts, 1), -1.0)
        column = int(np.argmax(means))
        return column, float(np.sqrt(means[column]))

    @property
    def percent_of_full_scale(self) -> float:
        """Root mean square error in percent of the largest ideal current."""
        return 100.0 * self.rms_a / float(np.abs(self.ideal_a).max())

    def no_worse_than(self, other: Verification) -> bool:
        """Whether errors are not larger than another calibration's on the same vectors.

        The difference of squared errors, vector by vector, may on average lie above zero by two of its
        standard errors: a smaller difference these vectors cannot tell from none.
        """
        difference = np.nanmean(self.error_a**2 - other.error_a**2, axis=1)
        difference = difference[np.isfinite(difference)]
        uncertain = difference.std(ddof=1) / np.sqrt(len(difference))
        return bool(difference.mean() <= _DEVIATIONS_ALLOWED * uncertain)


def verify(calibrator: ProgrammedCalibrator, voltage_v: Vectors, current_a: Currents) -> Verification:
    """Compare calibrated with ideal currents.

    Args:
        calibrator: of the matrix that was measured.
        voltage_v: known inputs [V], (V, N).
        current_a: measured [A], (V, M), NaN where there is no usable reading.

    Raises:
        ReadingError: fewer than two vectors could be calibrated.
    """
    current_a = np.where(np.abs(current_a) <= calibrator.limit_a, current_a, np.nan)
    expected_a = None
    if isinstance(calibrator.correction, Uncertain):
        calibrated_a, deviation_a = calibrator.with_uncertainty(
            current_a, allow_nan=True, allow_extrapolation=True
        )
        seen = np.isfinite(deviation_a)
        expected_a = float(np.sqrt(np.mean(deviation_a[seen] ** 2))) if seen.any() else None
    else:
        calibrated_a = calibrator(current_a, allow_nan=True, allow_extrapolation=True)
        expected_a = None if calibrator.posterior is None else calibrator.posterior.noise
    whole = np.isfinite(calibrated_a).any(axis=1)
    if whole.sum() < FEWEST_VECTORS:
        raise ReadingError(
            wanted(
                got=f"{int(whole.sum())} of {whole.size} verification vectors that can be calibrated",
                allowed=f"{FEWEST_VECTORS} or more without a missing or saturated reading",
                remedy="repair the amplifiers that report a fault, or use a higher current range",
            )
        )
    ideal_a = voltage_v[whole] @ calibrator.conductance_s
    return Verification(error_a=calibrated_a[whole] - ideal_a, ideal_a=ideal_a, expected_a=expected_a)
