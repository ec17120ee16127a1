"""Readings of a board with their calibrated currents, and how far off those may be."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError
from crosscal.core.readout import UNUSABLE
from crosscal.firmware_models import Reading
from crosscal.runtime import ProgrammedCalibrator, Uncertain
from crosscal.runtime.recalibration.posterior import ColumnPosterior
from crosscal.runtime.reference.referral import Referral

NOT_A_NUMBER = 9.91e37
"""SCPI's number where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedReading:
    """A reading with calibrated currents.

    Attributes:
        reading: as the firmware takes it.
        unexplained: how many vectors no inputs of the trained window explain.
    """

    reading: Reading
    unexplained: int


def uncalibrated(reading: Reading) -> CalibratedReading:
    """Mark all currents as not calibrated: there is nothing to calibrate them with."""
    count = len(reading.status)
    nothing = array("d", [NOT_A_NUMBER]) * count
    return CalibratedReading(reading=_with_calibrated(reading, nothing, b"\1" * count), unexplained=0)


def calibrated(reading: Reading, programmed: ProgrammedCalibrator, refer: Referral) -> CalibratedReading:
    """Calibrate a reading with the calibrator of the matrix that the board holds.

    Args:
        reading: of whole vectors.
        programmed: the calibrator.
        refer: refers readings to the conditions that it has learned in.
    """
    current_a = refer(_usable_currents(programmed, reading.current_a, reading.status))
    try:
        values_a, unexplained = programmed(current_a, allow_nan=True), 0
    except RangeError:
        values_a, unexplained = _one_by_one(programmed, current_a)
    good = np.isfinite(values_a)
    uncalibrated = bytes(good.size) if good.all() else (~good).astype(np.uint8).tobytes()
    return CalibratedReading(
        reading=_with_calibrated(reading, _packed(values_a, good), uncalibrated), unexplained=unexplained
    )


def _with_calibrated(reading: Reading, calibrated_a: array[float], uncalibrated: bytes) -> Reading:
    # Field by field: `dataclasses.replace` takes three times as long, once for each read.
    return Reading(
        current_a=reading.current_a,
        status=reading.status,
        calibrated_a=calibrated_a,
        uncalibrated=uncalibrated,
        compliance=reading.compliance,
        over_temperature=reading.over_temperature,
        hardware_error=reading.hardware_error,
    )


def deviations(
    programmed: ProgrammedCalibrator,
    current_a: array[float],
    status: bytes,
    refer: Referral,
    widening_a: np.ndarray | None,
    wider: float = 1.0,
    foretold: float = 0.0,
) -> array[float]:
    """State the standard deviations of calibrated currents [A]; 9.91E37 where there are none.

    Args:
        programmed: calibrator of the readings.
        current_a, status: of whole vectors.
        refer: refers readings to the conditions that it has learned in.
        widening_a: deviation [A], (M,), of columns that could not be repaired; None for none.
        wider: factor of all that is stated, of a calibration in doubt.
        foretold: deviation of readings, relative to them, by the ageing that was foretold for them.
    """
    seen_a = refer(_usable_currents(programmed, current_a, status))
    law_a = refer.deviation_a(seen_a)
    found_a = np.full(seen_a.shape, np.nan)
    for index, vector_a in enumerate(seen_a):
        try:
            found_a[index] = wider * _deviation(
                programmed, vector_a, None if law_a is None else law_a[index], foretold
            )
        except RangeError:
            continue
    if widening_a is not None:
        found_a = np.hypot(found_a, widening_a)
    return _packed(found_a, np.isfinite(found_a))


def _deviation(
    programmed: ProgrammedCalibrator, vector_a: np.ndarray, law_a: np.ndarray | None, foretold: float
) -> np.ndarray:
    if isinstance(programmed.correction, Uncertain):
        values_a, own_a = programmed.with_uncertainty(vector_a, allow_nan=True)
    else:
        values_a = programmed(vector_a, allow_nan=True)
        # Of a kind that states none, what a recalibration has seen of its errors.
        own_a = _seen_deviation(programmed.posterior, values_a)
    if law_a is not None:
        own_a = np.hypot(own_a, _passed_on(programmed, vector_a, values_a, law_a))
    return np.hypot(own_a, foretold * values_a)


def _seen_deviation(posterior: ColumnPosterior | None, values_a: np.ndarray) -> np.ndarray:
    """Deviation of currents with a gain and an offset behind them [A], (M,); NaN before these were learned.

    Its noise is that of whole readings, in amperes; the offset and the gain are as uncertain as the vectors
    were few.
    """
    if posterior is None or posterior.cells_known:
        return np.full(values_a.shape, np.nan)
    by_offset_and_gain = np.stack([np.ones_like(values_a), values_a], axis=1)
    fit_a2 = np.einsum("mi,mij,mj->m", by_offset_and_gain, posterior.covariance, by_offset_and_gain)
    return np.sqrt(posterior.noise**2 + np.maximum(fit_a2, 0.0))


def _passed_on(
    programmed: ProgrammedCalibrator, vector_a: np.ndarray, values_a: np.ndarray, deviation_a: np.ndarray
) -> np.ndarray:
    """Deviation of calibrated currents by independent errors of the readings [A], (M,), to first order."""
    moved_a = vector_a + np.diag(np.where(np.isfinite(vector_a), deviation_a, 0.0))
    passed_a = programmed(moved_a, allow_nan=True, allow_extrapolation=True) - values_a
    return np.sqrt((passed_a**2).sum(axis=0))


def _usable_currents(programmed: ProgrammedCalibrator, current_a: array[float], status: bytes) -> np.ndarray:
    """Currents [A], (B, M), NaN where saturated or missing."""
    columns = programmed.shape[1]
    values_a = np.frombuffer(current_a, dtype=float).reshape(-1, columns)
    if status.count(0) == len(status):
        return values_a
    bad = (np.frombuffer(status, np.uint8).reshape(-1, columns) & int(UNUSABLE)) != 0
    return np.where(bad, np.nan, values_a) if bad.any() else values_a


def _one_by_one(programmed: ProgrammedCalibrator, current_a: np.ndarray) -> tuple[np.ndarray, int]:
    values_a, unexplained = np.full(current_a.shape, np.nan), 0
    for index, vector_a in enumerate(current_a):
        try:
            values_a[index] = programmed(vector_a, allow_nan=True)
        except RangeError:
            unexplained += int(np.isfinite(vector_a).all())
    return values_a, unexplained


def _packed(values: np.ndarray, good: np.ndarray) -> array[float]:
    return array("d", (values if good.all() else np.where(good, values, NOT_A_NUMBER)).tobytes())
