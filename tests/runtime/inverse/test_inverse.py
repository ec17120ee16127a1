"""The read-time inverse: its kernels against numpy twins, its posterior against what it claims."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from crosscal.core.errors import RangeError, ShapeError
from crosscal.runtime.inverse.inverse import Inverse
from crosscal.runtime.inverse.tensors import InverseTensors

SHAPES = [(7, 10), (10, 7), (16, 16), (5, 3)]


def surrogate(rows: int, columns: int, rng: np.random.Generator, *, noise: float = 1e-3) -> InverseTensors:
    """Tensors as a real board's: straight first, bent by a tenth, with products and powers."""
    conductance_s = rng.uniform(2e-5, 1e-4, (rows, columns))
    linear = conductance_s / conductance_s.mean() * (0.05 + 0.002 * rng.standard_normal((rows, columns)))
    polynomial = np.stack([linear, 0.08 * linear, -0.01 * linear])
    polynomial *= 1 + 0.1 * rng.standard_normal(polynomial.shape)
    variance = np.full(columns, noise**2)
    offset = 0.3 + 0.01 * rng.standard_normal(columns)
    trusted = variance + 4e-5
    gain = np.linalg.solve(linear / trusted @ linear.T + np.eye(rows), linear / trusted)
    loading = conductance_s / conductance_s.mean() / np.sqrt(rows)
    return InverseTensors(
        polynomial=polynomial,
        coupling=-0.003 * rng.uniform(0.5, 1.5, (2, rows, columns)),
        quadratic=-0.001 * rng.uniform(0.5, 1.5, (rows, columns)),
        column_terms=np.stack([1e-4 * np.ones(columns), -1e-5 * np.ones(columns)]),
        loading=loading,
        moment=np.stack([np.ones(rows), np.linspace(-1.7, 1.7, rows)]),
        constant=offset - 0.08 * linear.sum(axis=0),
        variance=variance,
        input_variance=rng.uniform(0.0, 0.1, rows),
        prediction_bias=1e-4 * rng.standard_normal(columns),
        gain=gain,
        linear=linear,
        offset=offset,
        input_bounds=np.array([-1.7, 1.7, 400.0, -2.5, 2.5]),
        damping=np.array([2.0, 1.0, 0.5, 0.2, 0.2]),
        step_tolerance=np.array([0.3, 0.3]),
        inflation=np.ones(1),
        current_scale=np.full(columns, 1e3) * rng.uniform(0.9, 1.1, columns),
        current_shift=1e-6 * rng.standard_normal(columns),
        expansion=np.array([0.3, 0.115, -0.008, 0.001]),
        conductance=conductance_s,
    )


def volts(tensors: InverseTensors, z: np.ndarray) -> np.ndarray:
    """Mean volts for the mode `z` of the inputs."""
    polynomial = np.polynomial.Polynomial(tensors.expansion)
    return polynomial(z) + 0.5 * tensors.input_variance * polynomial.deriv(2)(z)


def read_as_measured(tensors: InverseTensors, z: np.ndarray, noise: np.ndarray | float = 0.0) -> np.ndarray:
    return (
        tensors.predicted(z) + tensors.prediction_bias + noise
    ) / tensors.current_scale + tensors.current_shift


def slope_of(tensors: InverseTensors, z: np.ndarray) -> np.ndarray:
    """Derivative of the surrogate at one `z`, (M, N), by central differences."""
    steps = 1e-5 * np.eye(z.size)
    return ((tensors.predicted(z + steps) - tensors.predicted(z - steps)) / 2e-5).T


def mode_of(tensors: InverseTensors, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twin of the kernel for one reading: inputs, and their posterior covariance at the last step."""
    low, high, penalty, least, most = tensors.input_bounds
    z = np.clip(tensors.gain @ (y - tensors.offset), least, most)
    z = np.clip(tensors.gain @ (y - tensors.predicted(z[None])[0] + tensors.linear.T @ z), least, most)
    for damping in tensors.damping:
        wrong = y - tensors.predicted(z[None])[0]
        doubt = damping**2 * np.mean(wrong**2)
        slope = slope_of(tensors, z)
        stiffness = np.where((z < low) | (z > high), 1 + penalty, 1.0)
        weight = 1 / (tensors.variance + doubt)
        covariance = np.linalg.inv((slope.T * weight) @ slope + np.diag(stiffness))
        gradient = slope.T @ (weight * wrong) - z - penalty * (z - np.clip(z, low, high))
        move = covariance @ gradient
        z = np.clip(z + move, least, most)
        if (
            gradient @ move < tensors.step_tolerance[0] * z.size
            and doubt < tensors.step_tolerance[1] * tensors.variance.mean()
        ):
            break
    return z, covariance


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


@pytest.mark.kernel
@pytest.mark.parametrize("shape", SHAPES)
def test_reads_take_the_steps_of_their_numpy_twin(rng, shape):
    tensors = surrogate(*shape, rng)
    z = rng.uniform(-1.7, 1.7, (20, shape[0]))
    current_a = read_as_measured(tensors, z, 1e-3 * rng.standard_normal((20, shape[1])))
    reading = Inverse(tensors).read(current_a)
    y = (current_a - tensors.current_shift) * tensors.current_scale - tensors.prediction_bias
    for b in range(20):
        found, covariance = mode_of(tensors, y[b])
        rate = np.polynomial.Polynomial(tensors.expansion).deriv()(found)
        # Steps are worked out in float32: to a hundredth of what the reading leaves open.
        width_v = np.abs(rate) * np.sqrt(np.diag(covariance))
        assert np.abs((reading.voltage_v[b] - volts(tensors, found)) / width_v).max() < 0.01
        expected_a = volts(tensors, found) @ tensors.conductance
        rates = rate[:, None] * tensors.conductance
        width_a = np.sqrt((rates * (covariance @ rates)).sum(axis=0))
        assert np.abs((reading.calibrated_a[b] - expected_a) / width_a).max() < 0.01


def test_inputs_come_back_from_readings_without_noise(rng):
    tensors = surrogate(7, 10, rng, noise=1e-6)
    z = rng.uniform(-1.6, 1.6, (50, 7))
    reading = Inverse(tensors).read(read_as_measured(tensors, z))
    np.testing.assert_allclose(reading.voltage_v, volts(tensors, z), atol=1e-5)


def test_inputs_that_rise_together_are_found_too(rng):
    tensors = surrogate(10, 16, rng, noise=1e-5)
    z = np.linspace(-1.65, 1.65, 30)[:, None] * np.ones(10)
    reading = Inverse(tensors).read(read_as_measured(tensors, z))
    # Soft directions keep some of the prior's pull; in currents it is small.
    np.testing.assert_allclose(reading.calibrated_a, volts(tensors, z) @ tensors.conductance, rtol=3e-3)
    bare = (read_as_measured(tensors, z) - tensors.current_shift) * tensors.current_scale
    linear = volts(tensors, (bare - tensors.offset) @ tensors.gain.T) @ tensors.conductance
    assert np.abs(linear / (volts(tensors, z) @ tensors.conductance) - 1).max() > 0.02


@pytest.mark.parametrize("shape", [(7, 10), (10, 7)])
def test_deviations_are_honest_for_inputs_as_the_prior_has_them(rng, shape):
    straight = replace(
        surrogate(*shape, rng),
        coupling=np.zeros((2, *shape)),
        quadratic=np.zeros(shape),
        column_terms=np.zeros((2, shape[1])),
        expansion=np.array([0.3, 0.1]),
        input_bounds=np.array([-9.0, 9.0, 400.0, -10.0, 10.0]),
    )
    straight = replace(straight, polynomial=straight.polynomial * np.array([1.0, 0.0, 0.0])[:, None, None])
    z = rng.standard_normal((3000, shape[0]))
    current_a = read_as_measured(straight, z, 1e-3 * rng.standard_normal((3000, shape[1])))
    reading = Inverse(straight).read(current_a, deviation=True)
    normalised = (reading.calibrated_a - volts(straight, z) @ straight.conductance) / reading.deviation_a
    # 30,000 dependent samples: a deviation 5 % off would show.
    assert normalised.std() == pytest.approx(1.0, abs=0.05)
    doubled = Inverse(replace(straight, inflation=np.array([2.0]))).read(current_a, deviation=True)
    np.testing.assert_allclose(doubled.deviation_a, 2 * reading.deviation_a)


def test_walls_keep_inputs_within_what_was_trained_on(rng):
    tensors = surrogate(7, 10, rng)
    z = np.full((1, 7), 2.2)
    freed = replace(tensors, input_bounds=np.array([-1.7, 1.7, 0.0, -2.5, 2.5]))
    current_a = read_as_measured(tensors, z)
    held, loose = (Inverse(each).read(current_a).voltage_v for each in (tensors, freed))
    assert held.max() < loose.max()


def test_answer_may_replace_its_readings_and_single_precision_is_taken(rng):
    tensors = surrogate(7, 10, rng)
    current_a = read_as_measured(tensors, rng.uniform(-1.5, 1.5, (6, 7)))
    inverse = Inverse(tensors)
    wanted_a = inverse.read(current_a).calibrated_a
    in_place = current_a.copy()
    inverse.read_into(in_place, in_place)
    np.testing.assert_array_equal(in_place, wanted_a)
    single = current_a.astype(np.float32)
    inverse.read_into(single, single)
    np.testing.assert_allclose(single, wanted_a, rtol=1e-3)


def test_threads_share_an_inverse(rng):
    tensors = surrogate(16, 16, rng)
    current_a = read_as_measured(tensors, rng.uniform(-1.5, 1.5, (200, 16)))
    inverse = Inverse(tensors)
    wanted_a, found = inverse.read(current_a).calibrated_a, {}

    def read(k: int) -> None:
        found[k] = inverse.read(current_a).calibrated_a

    threads = [threading.Thread(target=read, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        np.testing.assert_array_equal(found[k], wanted_a)


def test_refuses_tensors_that_cannot_be_read_with(rng):
    tensors = surrogate(7, 10, rng)
    with pytest.raises(ShapeError, match="gain of shape"):
        replace(tensors, gain=tensors.gain.T)
    with pytest.raises(RangeError, match="numbers in linear that are NaN or infinite"):
        replace(tensors, linear=np.full_like(tensors.linear, np.nan))
    with pytest.raises(RangeError, match="variance"):
        replace(tensors, variance=np.zeros(10))
    with pytest.raises(RangeError, match="products"):
        replace(tensors, moment=np.zeros((2, 7)))
