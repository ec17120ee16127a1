"""Learning from known vectors: by the kind itself, or by a gain and an offset per column behind it."""

from __future__ import annotations

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, wanted
from crosscal.runtime.correction import Correction, Recalibratable, Recalibrated, correction_with
from crosscal.runtime.gaps import AroundGaps
from crosscal.runtime.recalibration.cell_law import CellLaw
from crosscal.runtime.recalibration.column_refit import refit_columns
from crosscal.runtime.recalibration.posterior import ColumnPosterior


def learn(
    original: Correction,
    voltage_v: np.ndarray,
    current_a: np.ndarray,
    present: np.ndarray,
    *,
    conductance_s: Matrix,
    posterior: ColumnPosterior | None,
    age_s: float | None,
    law: CellLaw | None,
    around: AroundGaps,
) -> Recalibrated:
    """Recalibrate a correction.

    Args:
        original: before any recalibration.
        voltage_v: known inputs [V], (K, N). current_a: measured for them [A], (K, M).
        present: whether there is a reading, (K, M).
        conductance_s: target [S], (N, M).
        posterior: of earlier recalibrations. age_s: of the matrix; None where it is not known.
        law: of the board's cells, if it is known.
        around: calibrates vectors with readings missing.

    Raises:
        InputError: no vector without a missing reading, where a kind reads all columns together.
    """
    if isinstance(original, Recalibratable):
        prior = None if law is None or not law.scatters else law.prior(conductance_s)
        drive_noise_v = 0.0 if law is None else law.drive_noise_v
        return original.recalibrated(voltage_v, current_a, present, posterior, age_s, prior, drive_noise_v)
    calibrated_a = np.empty_like(current_a)
    around.apply(original.apply, np.where(present, current_a, np.nan), False, calibrated_a)
    present = np.isfinite(calibrated_a)
    if not present.any():
        raise InputError(
            wanted(
                got=f"{len(voltage_v)} vectors, each with a reading missing",
                allowed="some whole vectors, as this kind reads all columns together",
                remedy="repair the amplifiers that report a fault, or use a higher current range",
            )
        )
    ideal_a = voltage_v @ conductance_s
    refit = refit_columns(voltage_v, calibrated_a, ideal_a, present, posterior=posterior, age_s=age_s)
    correction = original if refit.posterior is None else correction_with(original, refit.posterior)
    return Recalibrated(correction=correction, posterior=refit.posterior, report=refit.report)
