"""The pieces of a read, each against numpy; also run without compilation."""

from __future__ import annotations

import numpy as np
import pytest
from test_inverse import slope_of, surrogate

from crosscal.runtime.inverse.elimination_kernel import factorise, substitute
from crosscal.runtime.inverse.inverse import Inverse
from crosscal.runtime.inverse.mode_kernel import weigh
from crosscal.runtime.inverse.read_kernel import unpack
from crosscal.runtime.inverse.step_kernel import aim_mirror, new_scratch, reflect, reflect_rows, take_step
from crosscal.runtime.inverse.surrogate_kernel import differentiate, predict
from crosscal.runtime.inverse.tensors import InverseTensors

pytestmark = pytest.mark.kernel

SHAPES = [(7, 10), (10, 7), (16, 16), (24, 9)]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(6)


def whole(size: int) -> int:
    return -(-size // 8) * 8


def padded(values: np.ndarray) -> np.ndarray:
    return np.pad(values, [(0, whole(size) - size) for size in values.shape])


def factorised(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    size, inner = a.shape
    rows = np.concatenate([a, np.zeros((size, whole(size)), a.dtype)], axis=1)
    inverse_pivot = np.empty(size, a.dtype)
    factorise(rows, inner, np.empty((4, rows.shape[1]), a.dtype), inverse_pivot)
    return rows, inverse_pivot, inner


@pytest.mark.parametrize("size", [4, 12, 64])
@pytest.mark.parametrize("inner", [8, 24])
@pytest.mark.parametrize(("kind", "tolerance"), [(np.float64, 1e-11), (np.float32, 1e-4)])
def test_factor_solves_as_numpy_does(rng, size, inner, kind, tolerance):
    a, b = rng.standard_normal((size, inner)).astype(kind), rng.standard_normal(size).astype(kind)
    rows, inverse_pivot, inner = factorised(a)
    solution = b.copy()
    substitute(rows, inner, inverse_pivot, solution)
    np.testing.assert_allclose((a @ a.T + np.eye(size)) @ solution, b, atol=tolerance)
    np.testing.assert_array_equal(rows[:, :inner], a)


def test_a_pivot_that_rounding_would_make_negative_stays_positive():
    a = np.full((8, 8), 3e4, dtype=np.float32)  # squares of 7e9: the 1 is lost in float32
    _, inverse_pivot, _ = factorised(a)
    assert (inverse_pivot > 0).all()
    assert inverse_pivot.max() <= 1.0


def test_a_mirror_turns_its_direction_to_the_first_axis_and_keeps_products(rng):
    direction, root = rng.standard_normal(16), rng.uniform(0.1, 1.0, 16)
    rows, mirror = rng.standard_normal((16, 24)), np.empty(16)
    aim_mirror(direction, root, mirror)
    turned = direction * root
    reflect(mirror, turned)
    np.testing.assert_allclose(abs(turned[0]), np.linalg.norm(direction * root))
    np.testing.assert_allclose(turned[1:], 0.0, atol=1e-14)
    before = rows.copy()
    reflect_rows(rows, mirror, np.empty(20))
    np.testing.assert_allclose(rows[:, :20].T @ rows[:, :20], before[:, :20].T @ before[:, :20])
    np.testing.assert_array_equal(rows[:, 20:], before[:, 20:])


def unpacked(tensors: InverseTensors):
    return unpack(*Inverse(tensors)._arguments)


@pytest.mark.parametrize("shape", SHAPES)
# float32 rounds coefficients and sums of products; what is linear stays float64.
@pytest.mark.parametrize(
    ("kind", "predicts", "differs"), [(np.float64, 2e-8, 3e-8), (np.float32, 1e-7, 1e-6)]
)
def test_predicts_and_differentiates_the_surrogate_that_is_documented(rng, shape, kind, predicts, differs):
    tensors = surrogate(*shape, rng)
    rows, columns = shape
    z = rng.uniform(-1.5, 1.5, rows)
    powers, carried = np.empty((3, whole(rows)), kind), np.empty(6 * whole(columns), kind)
    predicted, slope = np.empty(whole(columns)), np.full((whole(rows), whole(columns)), np.nan, kind)
    by_row, by_column = rng.uniform(1, 2, whole(rows)), rng.uniform(1, 2, whole(columns))
    given, _ = unpacked(tensors)
    predict(given, padded(z), powers, carried, predicted)
    np.testing.assert_allclose(predicted[:columns], tensors.predicted(z[None])[0], rtol=0, atol=predicts)
    differentiate(given, powers, carried, by_row.astype(kind), by_column.astype(kind), slope)
    expected = padded(slope_of(tensors, z).T) * by_row[:, None] * by_column
    np.testing.assert_allclose(slope, expected, rtol=0, atol=differs)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("noise", [1e-3, 1e-5])
def test_a_step_in_single_precision_is_a_step_to_a_hundredth_of_the_posteriors_width(rng, shape, noise):
    tensors = surrogate(*shape, rng, noise=noise)
    given, begin = unpacked(tensors)
    z = rng.uniform(-1.9, 1.9, shape[0])  # some lie beyond the bounds
    y = tensors.predicted(z[None])[0] + noise * rng.standard_normal(shape[1])
    found, moved = {}, {}
    for kind in (np.float64, np.float32):
        scratch = new_scratch(whole(shape[0]), whole(shape[1]), kind)
        near = padded(z + 1e-3)
        predicted = np.empty(whole(shape[1]))
        predict(given, near, scratch.powers, scratch.carried, predicted)
        weigh(begin, padded(y), shape[1], 0.2, near, predicted, scratch)
        moved[kind] = take_step(given, begin.together, scratch)
        found[kind] = scratch.stride.astype(np.float64)
    slope = slope_of(tensors, z + 1e-3).T
    wrong = y - tensors.predicted(z[None] + 1e-3)[0]
    weight = 1 / (tensors.variance + 0.04 * np.mean(wrong**2))
    low, high, penalty = tensors.input_bounds[:3]
    beyond = (z + 1e-3) - np.clip(z + 1e-3, low, high)
    stiffness = 1 + penalty * (beyond != 0)
    precision = (slope * weight) @ slope.T + np.diag(stiffness)
    expected = np.linalg.solve(precision, slope @ (weight * wrong) - (z + 1e-3) - penalty * beyond)
    for kind, tolerance in ((np.float64, 1e-3), (np.float32, 1e-2)):
        error = found[kind][: shape[0]] / np.sqrt(stiffness) - expected
        # In parts of the posterior's width; float64 too takes its coefficients in float32.
        assert np.sqrt(error @ precision @ error / shape[0]) < tolerance
        assert moved[kind] == pytest.approx(expected @ precision @ expected, rel=tolerance)
