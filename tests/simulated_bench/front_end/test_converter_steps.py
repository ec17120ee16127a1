"""Means of converted readings: what averaging takes away of the converter's steps, and what it leaves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crosscal.simulated_bench.front_end.converter_steps import mean_deviation_a


@pytest.mark.parametrize("noise", [0.0, 0.0018, 0.1, 0.25, 0.5, 2.0])
@pytest.mark.parametrize("averages", [1, 8, 64])
def test_the_rms_error_is_that_of_readings_rounded_one_by_one(noise, averages):
    rng = np.random.default_rng(7)
    true = rng.uniform(-0.5, 0.5, 8000)
    readings = np.rint(true + noise * rng.standard_normal((averages, len(true))))
    rms = np.sqrt(np.mean((readings.mean(axis=0) - true) ** 2))
    assert mean_deviation_a(1.0, noise, averages) == pytest.approx(rms, rel=5 / math.sqrt(2 * len(true)))


def test_steps_that_nothing_dithers_are_not_averaged_away():
    # 170 pA of noise behind steps of 94 nA: 0.289 of a step stays, however many readings are averaged.
    for averages in (1, 64, 1024):
        assert mean_deviation_a(94e-9, 170e-12, averages) == pytest.approx(94e-9 / math.sqrt(12), rel=0.01)


def test_a_converter_without_steps_leaves_the_noise():
    assert mean_deviation_a(0.0, 3e-9, 9) == 1e-9
