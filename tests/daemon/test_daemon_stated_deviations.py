"""Deviations that the daemon states beside calibrated currents, against errors that are known."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from exact_surrogate import exact_calibrator

from crosscal.daemon.hardware.calibrated_readings import deviations
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.reference.referral import LawDeviations, Referral

ROWS, COLUMNS, READS = 8, 24, 60
NOISE_A = 4e-7


def referral(at_middle_a: float = 0.0, gain: float = 0.0) -> Referral:
    """A referral that is right on average, with errors of these deviations."""
    law = LawDeviations(
        middle_a=np.full(COLUMNS, 5e-5),
        at_middle_a=np.full(COLUMNS, at_middle_a),
        gain=np.full(COLUMNS, gain),
    )
    return Referral(offset_a=np.zeros(COLUMNS), gain=np.ones(COLUMNS), deviations=law)


def stated(programmed: ProgrammedCalibrator, current_a: np.ndarray, refer: Referral) -> np.ndarray:
    packed = array("d", current_a.tobytes())
    found = deviations(programmed, packed, bytes(current_a.size), refer, None)
    return np.array(found).reshape(current_a.shape)


@pytest.mark.parametrize("vectors", [3, 40])
def test_of_a_kind_without_uncertainty_they_are_what_recalibration_has_seen_in_amperes(vectors: int) -> None:
    ratios = np.array([_ratios_after(vectors, np.random.default_rng(seed)) for seed in range(20)])
    # Three vectors tell a line and one spare number per column; all columns share their noise.
    assert np.sqrt(np.mean(ratios**2)) == pytest.approx(1.0, abs=0.3 if vectors == 3 else 0.1)


def _ratios_after(vectors: int, rng: np.random.Generator) -> np.ndarray:
    """Errors relative to stated deviations after a recalibration from so many vectors."""
    target_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
    trained = ProgrammedCalibrator(
        conductance_s=target_s,
        kind="affine",
        correction=AffineCorrection(gain=np.ones(COLUMNS), offset_a=np.zeros(COLUMNS)),
        limit_a=1e-2,
        current_range_a=None,
    )
    gain, offset_a = 1.0 + 0.05 * rng.normal(size=COLUMNS), 2e-6 * rng.normal(size=COLUMNS)

    def read(count: int) -> tuple[np.ndarray, np.ndarray]:
        voltage_v = rng.uniform(0.1, 0.5, (count, ROWS))
        noise_a = NOISE_A * rng.normal(size=(count, COLUMNS))
        return voltage_v, voltage_v @ target_s * gain + offset_a + noise_a

    programmed = trained.recalibrated(*read(vectors))
    voltage_v, current_a = read(READS)
    error_a = programmed(current_a) - voltage_v @ target_s
    return error_a / stated(programmed, current_a, referral())


def test_errors_of_a_range_s_law_are_in_them_as_the_calibrator_passes_them_on() -> None:
    rng = np.random.default_rng(5)
    target_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
    programmed = exact_calibrator(target_s, 1e-3)
    current_a = rng.uniform(0.1, 0.5, (1, ROWS)) @ target_s
    by_law_a = np.hypot(1e-6, 0.01 * (current_a - 5e-5))
    moved_a = programmed(current_a + by_law_a * rng.normal(size=(4000, COLUMNS)), allow_extrapolation=True)
    alone_a, beside_a = (
        stated(programmed, current_a, each)[0] for each in (referral(), referral(1e-6, 0.01))
    )
    added_a = np.sqrt(beside_a**2 - alone_a**2)
    assert np.allclose(added_a, moved_a.std(axis=0), rtol=0.08)
    # Many columns tell the inputs: errors of single ones pass on in part.
    assert (added_a < 0.8 * by_law_a[0]).all()


def test_a_missing_reading_has_none() -> None:
    rng = np.random.default_rng(6)
    programmed = exact_calibrator(rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS)), 1e-3)
    current_a = rng.uniform(0.1, 0.5, (1, ROWS)) @ programmed.conductance_s
    packed, status = array("d", current_a.tobytes()), bytes([1]) + bytes(COLUMNS - 1)
    found = np.array(deviations(programmed, packed, status, referral(1e-6), None))
    assert (found > 1e37).all()
