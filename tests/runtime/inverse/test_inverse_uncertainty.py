"""Stated deviations: the Gaussian where nothing bends, and more where a reading has a second explanation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from deviation_twin import Twin, chance_of_spread
from test_inverse import read_as_measured, surrogate, volts

from crosscal.runtime.inverse import uncertainty as inverse_uncertainty
from crosscal.runtime.inverse.derivative import slopes
from crosscal.runtime.inverse.inverse import Inverse
from crosscal.runtime.inverse.prior_check import SPREAD_OF_SQUARES
from crosscal.runtime.inverse.tensors import InverseTensors

SHAPES = [(7, 10), (10, 7), (6, 6)]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12)


def turning_back(*, noise: float) -> InverseTensors:
    """One input and one column whose current falls, then rises: `y = z²/4 − z/20`."""
    one = np.ones((1, 1))
    return InverseTensors(
        polynomial=np.array([-0.05, 0.25, 0.0]).reshape(3, 1, 1),
        coupling=0.0 * one[None],
        quadratic=0.0 * one,
        column_terms=np.zeros((2, 1)),
        loading=one,
        moment=one,
        constant=np.zeros(1),
        variance=np.array([noise**2]),
        input_variance=np.zeros(1),
        prediction_bias=np.zeros(1),
        gain=0.1 * one,
        linear=-0.05 * one,
        offset=np.array([0.25]),
        input_bounds=np.array([-1.7, 1.7, 400.0, -2.5, 2.5]),
        damping=np.full(30, 0.2),
        step_tolerance=np.array([1e-6, 1e-3]),
        inflation=np.ones(1),
        current_scale=np.ones(1),
        current_shift=np.zeros(1),
        expansion=np.array([0.3, 0.1]),
        conductance=np.array([[5e-5]]),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_are_those_of_what_is_predicted(rng, shape):
    tensors = surrogate(*shape, rng)
    z = rng.uniform(-2, 2, (3, shape[0]))
    found = slopes(tensors, z)
    for n, step in enumerate(1e-5 * np.eye(shape[0])):
        change = (tensors.predicted(z + step) - tensors.predicted(z - step)) / 2e-5
        np.testing.assert_allclose(found[:, n], change, atol=1e-9)


@pytest.mark.kernel
@pytest.mark.parametrize("shape", [*SHAPES, (9, 12), (12, 4)])
@pytest.mark.parametrize("readings", ["ordinary", "all alike", "beyond the window", "drivers of their own"])
def test_deviations_are_those_of_plain_numpy(rng, shape, readings):
    tensors = surrogate(*shape, rng)
    z = rng.uniform(-1.6, 1.6, (6, shape[0]))
    if readings == "all alike":
        z[:] = z[:, :1]
    if readings == "drivers of their own":
        tensors = replace(tensors, drive_variance=1e-3 * np.arange(shape[0]))
    current_a = read_as_measured(tensors, z, 1e-3 * rng.standard_normal((6, shape[1])))
    current_a *= 1.1 if readings == "beyond the window" else 1.0
    reading = Inverse(tensors).read(current_a, deviation=True)
    expected_a = Twin(tensors).deviation_a(current_a, reading.mode)
    # Slopes and couplings are rounded to float32; where directions are about equally soft, which of them is
    # walked hangs on the last digit.
    np.testing.assert_allclose(reading.deviation_a, expected_a, rtol=1e-3 if shape[0] <= shape[1] else 0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_deviations_are_the_gaussians_where_no_input_is_soft(rng, shape):
    tensors = surrogate(*shape, rng, noise=1e-4)
    # As many readings as inputs leave soft directions: a stiffer prior takes their place.
    plain = replace(tensors, input_variance=np.zeros(shape[0]))
    if shape[0] >= shape[1]:
        plain = replace(plain, polynomial=plain.polynomial * np.eye(*shape), coupling=0 * plain.coupling)
    z = rng.uniform(-1.0, 1.0, (20, shape[0]))
    current_a = read_as_measured(plain, z)
    reading = Inverse(plain).read(current_a, deviation=True)
    assert reading.deviation_a is not None
    rate = np.polynomial.Polynomial(plain.expansion).deriv()
    grid = np.linspace(-2.5, 2.5, 4001)
    mode = np.interp(reading.voltage_v, np.polynomial.Polynomial(plain.expansion)(grid), grid)
    for b, slope in enumerate(slopes(plain, mode)):
        covariance = np.linalg.inv((slope / plain.variance) @ slope.T + np.eye(shape[0]))
        seen = rate(mode[b])[:, None] * plain.conductance
        expected_a = np.sqrt(np.einsum("nm,nk,km->m", seen, covariance, seen))
        np.testing.assert_allclose(reading.deviation_a[b], expected_a, rtol=1e-3)


def test_a_second_explanation_is_part_of_the_stated_deviation(rng):
    """Either side of the bottom may have been driven; a Gaussian about one knows nothing of the other."""
    tensors = turning_back(noise=0.12)
    z = rng.uniform(-1.0, 1.0, (4000, 1))
    current_a = read_as_measured(tensors, z, 0.12 * rng.standard_normal(z.shape))
    reading = Inverse(tensors).read(current_a, deviation=True)
    wrong_a = reading.calibrated_a - volts(tensors, z) @ tensors.conductance
    mistaken = np.abs(wrong_a) > 0.5 * 0.1 * 5e-5
    assert mistaken.mean() > 0.2, "no reading was taken for its twin: nothing is tested"
    # Inputs are driven over a narrower range than the prior's, so that less than 1 is right.
    assert 0.6 < (wrong_a / reading.deviation_a).std() < 1.0
    slope = slopes(tensors, (reading.voltage_v - 0.3) / 0.1)[:, 0]
    gaussian_a = 0.1 * 5e-5 / np.sqrt(slope**2 / tensors.variance + 1.0)
    assert (wrong_a / gaussian_a).std() > 2.0


def test_deviations_do_not_depend_on_what_is_read_along(rng):
    tensors = surrogate(6, 6, rng)
    current_a = read_as_measured(
        tensors, rng.uniform(-1.6, 1.6, (70, 6)), 1e-3 * rng.standard_normal((70, 6))
    )
    together = Inverse(tensors).read(current_a, deviation=True).deviation_a
    alone = [
        Inverse(tensors).read(current_a[b : b + 1], deviation=True).deviation_a[0] for b in (0, 31, 32, 69)
    ]
    np.testing.assert_allclose(together[[0, 31, 32, 69]], alone, rtol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reading_that_no_inputs_explain_states_as_much(rng, shape):
    """Saturated readings, each of them at four times the largest current that inputs can cause."""
    tensors = surrogate(*shape, rng)
    current_a = np.tile(4.0 * read_as_measured(tensors, np.full((1, shape[0]), 1.7)), (3, 1))
    reading = Inverse(tensors).read(current_a, deviation=True)
    most_a = volts(tensors, np.full((1, shape[0]), 2.5)) @ tensors.conductance
    assert (reading.calibrated_a <= most_a).all()
    assert (reading.deviation_a > 0.1 * reading.calibrated_a).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_readings_that_inputs_explain_state_what_the_posterior_leaves_alone(rng, shape, monkeypatch):
    tensors = surrogate(*shape, rng)
    z = rng.uniform(-1.6, 1.6, (300, shape[0]))
    current_a = read_as_measured(tensors, z, 1e-3 * rng.standard_normal((300, shape[1])))
    deviation_a = Inverse(tensors).read(current_a, deviation=True).deviation_a
    monkeypatch.setattr(inverse_uncertainty, "_BY_CHANCE", 1e12)
    believed_a = Inverse(tensors).read(current_a, deviation=True).deviation_a
    # A few of the 300 end where the search has not settled; what they leave unexplained is said.
    assert (deviation_a == believed_a).all(axis=1).mean() > 0.97


def test_the_spread_of_what_is_left_open_counts_gradually():
    """Readings that tell a little less state a little more: no step at a share that is left open."""
    left = np.linspace(0.01, 1.0, 400)
    covariance = left[:, None, None] * np.eye(12)
    found = chance_of_spread(covariance, left)
    whole = SPREAD_OF_SQUARES * 11 / 12**2
    assert np.abs(np.diff(found)).max() < 0.02 * whole
    # A third that is left open says nothing of columns that are alike, two thirds all.
    shares = left * 11 / 12
    assert (found[shares < 0.38] == 0.0).all()
    np.testing.assert_allclose(found[shares > 0.62], whole)
