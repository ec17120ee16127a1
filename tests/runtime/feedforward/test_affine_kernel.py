"""Compiled gain and offset against plain numpy; also run without compilation."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.runtime.feedforward.affine import AffineCorrection

pytestmark = pytest.mark.kernel

CORRECTION = AffineCorrection(gain=np.array([2.0, 0.5, 1.25]), offset_a=np.array([0.0, 1.0, -3.0]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (1, 3), (7, 3), (0, 3)])
def test_agrees_with_numpy(dtype: type, shape: tuple[int, ...]):
    current_a = np.random.default_rng(1).normal(size=shape).astype(dtype)
    answer = np.empty_like(current_a)
    assert CORRECTION.apply(current_a, answer, 100.0) == -1
    expected = (current_a.astype(np.float64) * CORRECTION.gain + CORRECTION.offset_a).astype(dtype)
    np.testing.assert_allclose(answer, expected, rtol=2.0 * np.finfo(dtype).eps)


@pytest.mark.parametrize("unreadable", [np.nan, np.inf, 101.0, -101.0])
def test_a_current_that_is_no_reading_is_found_before_anything_is_written(unreadable: float):
    current_a = np.ones((4, 3))
    current_a[2, 1] = unreadable
    answer = np.full_like(current_a, 77.0)
    assert CORRECTION.apply(current_a, answer, 100.0) == 7
    assert (answer == 77.0).all()


def test_trims_compose():
    current_a = np.random.default_rng(1).normal(size=(4, 3))
    answer = np.empty_like(current_a)
    gain, offset_a = np.array([3.0, 1.0, 0.1]), np.array([1.0, 0.0, 2.0])
    CORRECTION.trimmed(gain, offset_a).apply(current_a, answer, 100.0)
    np.testing.assert_allclose(answer, gain * (current_a * CORRECTION.gain + CORRECTION.offset_a) + offset_a)
