"""Standard deviations beside calibrated currents, through the calibrator that a user holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_inverse import read_as_measured, surrogate, volts

from crosscal.core.errors import InputError, RangeError
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.programmed import ProgrammedCalibrator

ROWS, COLUMNS, NOISE = 7, 10, 1e-3


def untrimmed_of(columns: int) -> AffineCorrection:
    return AffineCorrection(gain=np.ones(columns), offset_a=np.zeros(columns))


def untrimmed() -> AffineCorrection:
    return untrimmed_of(COLUMNS)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def programmed(rng) -> ProgrammedCalibrator:
    tensors = surrogate(ROWS, COLUMNS, rng, noise=NOISE)
    return ProgrammedCalibrator(
        conductance_s=tensors.conductance,
        kind="whitebox",
        correction=InverseCorrection(tensors, untrimmed()),
        limit_a=1.0,
        current_range_a=None,
    )


@pytest.fixture
def tensors(programmed):
    return programmed.correction.tensors


def test_deviations_come_with_the_currents_that_a_call_gives(rng, programmed, tensors):
    z = rng.uniform(-1.6, 1.6, (400, ROWS))
    current_a = read_as_measured(tensors, z, NOISE * rng.standard_normal((400, COLUMNS)))
    calibrated_a, deviation_a = programmed.with_uncertainty(current_a)
    np.testing.assert_array_equal(calibrated_a, programmed(current_a))
    normalised = (calibrated_a - volts(tensors, z) @ tensors.conductance) / deviation_a
    # Of bounded inputs, so a little narrower than the Gaussian prior says; 4,000 dependent samples.
    assert 0.8 < normalised.std() < 1.1
    one = programmed.with_uncertainty(current_a[3])
    np.testing.assert_allclose(one, [calibrated_a[3], deviation_a[3]], rtol=1e-9)  # sums in another order
    single = programmed.with_uncertainty(current_a.astype(np.float32))
    assert [each.dtype for each in single] == [np.float32, np.float32]
    np.testing.assert_allclose(single[1], deviation_a, rtol=1e-3)


def test_a_trim_scales_deviations_as_it_scales_currents(rng, programmed, tensors):
    current_a = read_as_measured(tensors, rng.uniform(-1.5, 1.5, (5, ROWS)))
    gain = np.linspace(-2.0, -1.0, COLUMNS)
    trimmed = replace(programmed, correction=programmed.correction.trimmed(gain, np.zeros(COLUMNS)))
    np.testing.assert_allclose(
        trimmed.with_uncertainty(current_a)[1], -gain * programmed.with_uncertainty(current_a)[1]
    )


def test_missing_readings_are_refused_or_come_back_missing(rng, programmed, tensors):
    current_a = read_as_measured(tensors, rng.uniform(-1.5, 1.5, (3, ROWS)))
    whole = programmed.with_uncertainty(current_a)
    current_a[1, 4] = np.nan
    with pytest.raises(RangeError, match="vector 2, column 5"):
        programmed.with_uncertainty(current_a)
    for got, wanted in zip(programmed.with_uncertainty(current_a, allow_nan=True), whole, strict=True):
        assert np.isnan(got[1]).all()
        np.testing.assert_array_equal(got[[0, 2]], wanted[[0, 2]])
    current_a[2, 0] = 2.0
    with pytest.raises(RangeError, match="vector 3, column 1"):
        programmed.with_uncertainty(current_a, allow_nan=True)


def test_a_kind_that_does_not_know_says_so(programmed):
    with pytest.raises(InputError, match="'affine'"):
        replace(programmed, kind="affine", correction=untrimmed()).with_uncertainty(np.zeros(COLUMNS))
