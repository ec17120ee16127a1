"""Runs of data that exist already: any common shape is taken, a wrong unit, sign or order is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import crosscal
from crosscal.core.errors import CrosscalError, RunFileError
from crosscal.core.readout import Status
from crosscal.core.run_file import read_run

RNG = np.random.default_rng(5)
TARGET_S = RNG.uniform(20e-6, 90e-6, (3, 4, 6))
VOLTAGE_V = RNG.uniform(0.0, 0.3, (3, 20, 4))


def readings(target_s: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
    """Currents that wires have attenuated, with an offset and noise."""
    ideal_a = voltage_v @ target_s
    return 0.85 * ideal_a + 2e-6 + 0.01 * ideal_a.std() * np.random.default_rng(6).normal(size=ideal_a.shape)


CURRENT_A = readings(TARGET_S, VOLTAGE_V)


def test_a_saved_run_comes_back_with_its_ranges(tmp_path: Path):
    path = str(tmp_path / "run.h5")
    crosscal.Run.from_arrays(TARGET_S, VOLTAGE_V, CURRENT_A, identity="lab,chip 7").save(path)
    run = read_run(path)
    np.testing.assert_array_equal(run.target_s, TARGET_S)
    np.testing.assert_array_equal(run.voltage_v, VOLTAGE_V)
    np.testing.assert_array_equal(run.current_a, CURRENT_A)
    assert not run.status.any()
    assert run.plan.identity == "lab,chip 7"
    assert run.plan.conductance_range_s == (TARGET_S.min(), TARGET_S.max())
    assert run.plan.voltage_range_v == (VOLTAGE_V.min(), VOLTAGE_V.max())
    with pytest.raises(RunFileError, match="exists already"):
        run.save(path)


def test_vectors_may_be_shared_and_a_single_matrix_needs_no_axis_of_its_own():
    shared_v = VOLTAGE_V[0]
    run = crosscal.Run.from_arrays(TARGET_S, shared_v, readings(TARGET_S, shared_v))
    assert run.voltage_v.shape == (3, 20, 4)
    single = crosscal.Run.from_arrays(TARGET_S[0].tolist(), shared_v, CURRENT_A[0])
    assert single.current_a.shape == (1, 20, 6)


SQUARE_S = RNG.uniform(20e-6, 90e-6, (3, 5, 5))
SQUARE_V = RNG.uniform(0.0, 0.3, (3, 20, 5))
SQUARE_A = readings(SQUARE_S, SQUARE_V)
MIDDLE_A = CURRENT_A.mean()
NARROW_S = RNG.uniform(70e-6, 90e-6, (3, 4, 6))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((TARGET_S, VOLTAGE_V, 1e6 * CURRENT_A), "1e[+]?06|8.5e.05 times.*--current-unit uA"),
        ((TARGET_S, VOLTAGE_V, 1e3 * CURRENT_A), "--current-unit mA"),
        ((1e6 * TARGET_S, VOLTAGE_V, CURRENT_A), "--conductance-unit uS"),
        ((TARGET_S, VOLTAGE_V, -CURRENT_A), "opposite sign.*--negate"),
        ((TARGET_S[:, ::-1], VOLTAGE_V, CURRENT_A), "rows in reverse order.*--reverse-rows"),
        ((TARGET_S[:, :, ::-1], VOLTAGE_V, CURRENT_A), "columns in reverse order.*--reverse-columns"),
        ((NARROW_S[:, ::-1], VOLTAGE_V, readings(NARROW_S, VOLTAGE_V)), "rows in reverse order"),
        ((SQUARE_S.transpose(0, 2, 1), SQUARE_V, SQUARE_A), "transposed conductances.*--transpose"),
        ((TARGET_S.transpose(0, 2, 1), VOLTAGE_V, CURRENT_A), "--transpose: the conductances have outputs"),
        ((TARGET_S[::-1], VOLTAGE_V, CURRENT_A), "matrices in reverse order"),
        ((TARGET_S, VOLTAGE_V, RNG.normal(size=CURRENT_A.shape) * 1e-5), "do not follow.*--unchecked"),
        ((TARGET_S, VOLTAGE_V[:, :, :3], CURRENT_A), r"voltages \(3, 20, 3\)"),
        ((TARGET_S[:2], VOLTAGE_V, CURRENT_A), r"conductances \(2, 4, 6\)"),
        ((-TARGET_S, VOLTAGE_V, CURRENT_A), "signed_pairs"),
        ((TARGET_S * np.nan, VOLTAGE_V, CURRENT_A), "conductances that are NaN"),
        ((TARGET_S, VOLTAGE_V, np.where(CURRENT_A < MIDDLE_A, CURRENT_A, np.nan)), "--allow-missing"),
        ((TARGET_S, VOLTAGE_V, np.minimum(CURRENT_A, np.quantile(CURRENT_A, 0.9))), "--full-scale"),
        ((TARGET_S, VOLTAGE_V, CURRENT_A + 0j), "complex"),
        ((TARGET_S, VOLTAGE_V, np.ma.masked_less(CURRENT_A, CURRENT_A.mean())), "masked"),
    ],
)
def test_data_that_cannot_be_right_are_refused_with_the_option_that_imports_them(arrays: tuple, message: str):
    with pytest.raises(CrosscalError, match=message) as refused:
        crosscal.Run.from_arrays(*arrays)
    assert "\n" not in str(refused.value)


def test_readings_that_are_missing_or_saturated_are_marked():
    current_a = CURRENT_A.copy()
    current_a[0, 0, 0] = np.nan
    full_scale_a = float(np.quantile(CURRENT_A, 0.9))
    run = crosscal.Run.from_arrays(
        TARGET_S,
        VOLTAGE_V,
        np.minimum(current_a, full_scale_a),
        full_scale_a=full_scale_a,
        allow_missing=True,
    )
    assert run.status[0, 0, 0] == Status.AMPLIFIER_FAULT
    saturated = run.status == int(Status.OVER_RANGE)
    np.testing.assert_array_equal(saturated, np.nan_to_num(current_a) >= full_scale_a)
    assert (run.range_a == full_scale_a).all()


def test_right_data_of_few_vectors_and_coarse_codes_are_taken():
    for vectors in (2, 3, 5):
        crosscal.Run.from_arrays(TARGET_S, VOLTAGE_V[:, :vectors], CURRENT_A[:, :vectors])
    step_a = np.ptp(CURRENT_A) / 200
    crosscal.Run.from_arrays(TARGET_S, VOLTAGE_V, step_a * np.rint(CURRENT_A / step_a))
    signed_v = VOLTAGE_V - 0.15
    crosscal.Run.from_arrays(TARGET_S, signed_v, readings(TARGET_S, signed_v))


def test_unchecked_data_are_taken_as_they_are():
    noise_a = RNG.normal(size=CURRENT_A.shape)
    run = crosscal.Run.from_arrays(TARGET_S, VOLTAGE_V, noise_a, unchecked=True)
    np.testing.assert_array_equal(run.current_a, noise_a)
