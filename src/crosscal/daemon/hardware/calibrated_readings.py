"""Readings of a board with their calibrated currents, and how far off those may be."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from crosscal.core.errors import RangeError
from crosscal.core.readout import UNUSABLE
from crosscal.daemon.upkeep.kept_reference import Refer
from crosscal.firmware_models import Reading
from crosscal.runtime import ProgrammedCalibrator, Uncertain

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


def calibrated(reading: Reading, programmed: ProgrammedCalibrator, refer: Refer) -> CalibratedReading:
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
    refer: Refer,
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
    found_a = np.full(seen_a.shape, np.nan)
    for index, vector_a in enumerate(seen_a):
        try:
            found_a[index] = wider * _deviation(programmed, vector_a, foretold)
        except RangeError:
            continue
    if widening_a is not None:
        found_a = np.hypot(found_a, widening_a)
    return _packed(found_a, np.isfinite(found_a))


def _deviation(programmed: ProgrammedCalibrator, vector_a: np.ndarray, foretold: float) -> np.ndarray:
    if isinstance(programmed.correction, Uncertain):
        values_a, own_a = programmed.with_uncertainty(vector_a, allow_nan=True)
    else:
        values_a = programmed(vector_a, allow_nan=True)
        # Of a kind that states none, what a recalibration has seen of its errors.
        own_a = np.nan if programmed.posterior is None else programmed.posterior.noise
    return np.hypot(own_a, foretold * values_a)


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
