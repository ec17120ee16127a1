"""The compiled network against plain numpy; also run without compilation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numba import config

from crosscal.runtime.feedforward.network import NetworkCorrection, tanh_layers
from crosscal.runtime.feedforward.network_kernel import BLOCK, FEWEST, hyperbolic_tangent
from crosscal.runtime.feedforward.tile_kernel import TILE

pytestmark = pytest.mark.kernel

UNLIMITED = 1e30
MAGNITUDES = 2_001 if config.DISABLE_JIT else 1_000_001


def network(
    widths: tuple[int, ...], rng: np.random.Generator
) -> tuple[NetworkCorrection, dict[str, np.ndarray], list]:
    layers = [
        (
            rng.normal(0.0, 1.0 / np.sqrt(inputs), (units, inputs)).astype(np.float32),
            rng.normal(0.0, 0.3, units).astype(np.float32),
        )
        for inputs, units in itertools.pairwise(widths)
    ]
    names = ("input_shift", "input_scale", "output_shift", "output_scale", "skip")
    per_column = {name: rng.uniform(0.5, 1.5, widths[0]).astype(np.float32) for name in names}
    return NetworkCorrection(layers=layers, **per_column), per_column, layers


def twin(per_column: dict[str, np.ndarray], layers: list, current_a: np.ndarray) -> np.ndarray:
    exact = {name: value.astype(np.float64) for name, value in per_column.items()}
    x0 = x = (current_a - exact["input_shift"]) * exact["input_scale"]
    for index, (weight, bias) in enumerate(layers):
        x = x @ weight.T.astype(np.float64) + bias
        if index < len(layers) - 1:
            x = np.tanh(x)
    return exact["output_shift"] + exact["output_scale"] * x + exact["skip"] * x0


def test_tanh_is_within_its_stated_error_for_every_magnitude():
    magnitudes = np.concatenate(
        [np.linspace(0.0, 12.0, MAGNITUDES), np.logspace(-38, 38, MAGNITUDES)]
    ).astype(np.float32)
    x = np.concatenate([magnitudes, -magnitudes])
    answer = x.copy()
    hyperbolic_tangent(answer)
    # 2.9e-7 with fused multiply-add; plain float32 rounds once more per term.
    assert np.abs(answer - np.tanh(x.astype(np.float64))).max() < 3.2e-7
    np.testing.assert_array_equal(answer[: magnitudes.size], -answer[magnitudes.size :])


# Widths below, at and above a cache line of 16 floats; one layer; a narrow waist.
@pytest.mark.parametrize("widths", [(5, 5), (3, 7, 3), (16, 16, 16), (17, 40, 33, 17), (9, 2, 12, 9)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_numpy_for_any_widths(widths: tuple[int, ...], dtype: type):
    rng = np.random.default_rng(sum(widths))
    correction, per_column, layers = network(widths, rng)
    current_a = rng.normal(1.0, 1.0, (4, widths[0])).astype(dtype)
    answer = np.empty_like(current_a)
    assert correction.apply(current_a, answer, UNLIMITED) == -1
    # Some tens of float32 roundings of numbers near 1, and 3e-7 for each tanh.
    np.testing.assert_allclose(
        answer, twin(per_column, layers, current_a.astype(np.float64)), rtol=0, atol=5e-6
    )


@pytest.mark.parametrize(
    "batch", [1, 2, FEWEST - 1, FEWEST, TILE, TILE + 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3]
)
def test_a_vector_gets_the_same_answer_to_the_bit_alone_and_in_any_batch(batch: int):
    rng = np.random.default_rng(batch)
    correction, _, _ = network((5, 11, 5), rng)
    current_a = rng.normal(1.0, 1.0, (batch, 5))
    together = np.empty_like(current_a)
    correction.apply(current_a, together, UNLIMITED)
    for vector, expected in zip(current_a, together, strict=True):
        alone = np.empty_like(vector)
        correction.apply(vector, alone, UNLIMITED)
        np.testing.assert_array_equal(alone, expected)


def test_scratch_left_by_a_larger_batch_does_not_leak_into_a_smaller_one():
    rng = np.random.default_rng(3)
    correction, _, _ = network((5, 11, 5), rng)
    small = rng.normal(1.0, 1.0, (1, 5))
    first, second = np.empty_like(small), np.empty_like(small)
    correction.apply(small, first, UNLIMITED)
    large = rng.normal(1e6, 1e6, (BLOCK, 5))
    correction.apply(large, np.empty_like(large), UNLIMITED)
    correction.apply(small, second, UNLIMITED)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("unreadable", [np.nan, np.inf, -np.inf, 11.0, -11.0])
@pytest.mark.parametrize("index", [0, 7, BLOCK * 5 + 2])
def test_a_current_that_is_no_reading_is_found_before_anything_is_written(unreadable: float, index: int):
    correction, _, _ = network((5, 11, 5), np.random.default_rng(1))
    current_a = np.ones((BLOCK + 2, 5))
    current_a.reshape(-1)[index] = unreadable
    answer = np.full_like(current_a, 77.0)
    assert correction.apply(current_a, answer, 10.0) == index
    assert (answer == 77.0).all()


def test_may_write_over_its_own_input():
    rng = np.random.default_rng(1)
    correction, _, _ = network((5, 11, 5), rng)
    current_a = rng.normal(1.0, 1.0, (BLOCK + 3, 5))
    apart = np.empty_like(current_a)
    correction.apply(current_a, apart, UNLIMITED)
    correction.apply(current_a, current_a, UNLIMITED)
    np.testing.assert_array_equal(current_a, apart)


def test_trimming_scales_the_answer_and_leaves_the_untrimmed_network_alone():
    rng = np.random.default_rng(1)
    correction, _, _ = network((5, 11, 5), rng)
    current_a = rng.normal(1.0, 1.0, (4, 5))
    before, trimmed, after = (np.empty_like(current_a) for _ in range(3))
    correction.apply(current_a, before, UNLIMITED)
    gain, offset_a = rng.uniform(0.5, 2.0, 5), rng.normal(0.0, 1.0, 5)
    correction.trimmed(gain, offset_a).apply(current_a, trimmed, UNLIMITED)
    correction.apply(current_a, after, UNLIMITED)
    np.testing.assert_allclose(trimmed, gain * before + offset_a, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(after, before)


def test_sigmoids_turned_into_tanh_compute_the_same():
    rng = np.random.default_rng(1)
    _, _, layers = network((5, 11, 7, 5), rng)
    x = y = rng.normal(0.0, 1.0, (4, 5))
    for index, ((weight, bias), (turned_weight, turned_bias)) in enumerate(
        zip(layers, tanh_layers(layers), strict=True)
    ):
        x, y = x @ weight.T + bias, y @ turned_weight.T + turned_bias
        if index < len(layers) - 1:
            x, y = 1.0 / (1.0 + np.exp(-x)), np.tanh(y)
    np.testing.assert_allclose(y, x, rtol=0, atol=1e-6)
