"""Scale of noise by which innovations, added up, are as large as white ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exact_surrogate import exact_calibrator

from crosscal.runtime.drift.learned_noise import LearnedNoise
from crosscal.runtime.drift.prediction import Prediction
from crosscal.runtime.drift.residual_filter import ResidualFilter
from crosscal.runtime.drift.sentinels import Sentinels
from crosscal.runtime.drift.whiteness import known_excess, scale_of_variance

ROWS, COLUMNS, VECTORS, READINGS, NOISE = 6, 5, 3, 3000, 1e-3


@pytest.mark.parametrize(("correlation", "factor"), [(0.0, 1.0), (0.0, 1.3), (0.2, 1.0)])
def test_sums_of_innovations_have_the_variance_that_their_noise_and_correlation_give(
    correlation: float, factor: float
) -> None:
    rng = np.random.default_rng(4)
    programmed = exact_calibrator(rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS)), NOISE)
    prediction = Prediction.of(programmed, Sentinels.design(programmed, VECTORS, rng=rng).voltage_v)
    known = LearnedNoise.unknown(COLUMNS, 1.0)
    # The constant error that a filter learns at first is next to nothing here.
    filters = ResidualFilter(prediction, replace(known, readings=READINGS))
    noise = rng.standard_normal((READINGS, COLUMNS, VECTORS))
    for reading in range(1, READINGS):
        noise[reading] = correlation * noise[reading - 1] + np.sqrt(1.0 - correlation**2) * noise[reading]
    residuals = np.sqrt(factor * prediction.variance)[:, None] * noise
    found = scale_of_variance([(filters, np.arange(float(READINGS)), residuals)])
    lags = np.arange(1, 8)
    white = factor * (1.0 + 2.0 * ((1.0 - lags / 8.0) * correlation**lags).sum())
    # Sums of eight scatter by √(32/3n), 1.5 % here; a quarter of the excess is taken for chance.
    share = known_excess(white - 1.0, READINGS * COLUMNS * VECTORS) / max(white - 1.0, 1e-9)
    assert found == pytest.approx(1.0 + share * (white - 1.0), abs=0.03)


def test_an_excess_that_chance_explains_is_none() -> None:
    count = 10**9
    chance = np.sqrt(4.0 * 8.0 / 3.0 / count)
    assert known_excess(0.9 * chance, count) == 0.0
    assert known_excess(-0.9 * chance, count) == 0.0
    assert known_excess(2.0 * chance, count) == pytest.approx(1.5 * chance, rel=1e-3)
    assert known_excess(-10.0 * chance, count) == pytest.approx(-9.9 * chance, rel=1e-3)


def test_few_innovations_say_little_of_the_scale() -> None:
    assert known_excess(0.2, 1000) < 0.015
    assert known_excess(0.2, 10**6) > 0.19
