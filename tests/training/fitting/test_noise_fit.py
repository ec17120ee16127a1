"""Fit of the noise law: repeats of one vector with noise of known sizes."""

import numpy as np
import pytest

from crosscal.training.fitting.reading_noise import most_probable_noise

READING_S, SPACING_S, REPEATS, COLUMNS = 1e-3, 1.2e-3, 400, 12
SQUARES = np.linspace(0.5, 1.5, COLUMNS) * 1e-2
TIMES = {"reading_s": READING_S, "spacing_s": SPACING_S}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12)


def slow_noise(per_fold: float, rng: np.random.Generator) -> np.ndarray:
    """Gauss-Markov processes, two for each factor e of correlation time from one spacing to 1000 blocks."""
    lags, total = np.arange(REPEATS)[:, None] - np.arange(REPEATS), np.zeros((REPEATS, REPEATS))
    for time in np.exp(np.arange(0.25, np.log(1e3 * REPEATS), 0.5)):
        total += 0.5 * per_fold * np.exp(-np.abs(lags) / time)
    root = np.linalg.cholesky(total + 1e-12 * np.trace(total) * np.eye(REPEATS))
    return (root @ rng.standard_normal((REPEATS, COLUMNS))) * np.sqrt(SQUARES)


def test_repeats_with_white_noise_tell_no_other(rng):
    law = most_probable_noise(1e-3 * rng.standard_normal((REPEATS, COLUMNS)), SQUARES, **TIMES)
    assert law.cell_per_fold == 0.0
    assert law.white == pytest.approx(1e-6, rel=0.1)  # 4,800 readings: to 2 %


def test_repeats_tell_white_noise_from_that_of_cells(rng):
    white = 1e-3 * rng.standard_normal((REPEATS, COLUMNS))
    law = most_probable_noise(3.0 + white + slow_noise(4e-5, rng), SQUARES, **TIMES)
    assert law.white == pytest.approx(1e-6, rel=0.25)
    # The level and the shortest time go together: one step of the times is a factor of four.
    assert law.cell_variance(1.0, 0.1) == pytest.approx(4e-5 * np.log(0.1 / SPACING_S), rel=0.4)


def test_a_few_repeats_with_a_common_shift_are_not_taken_for_slow_noise(rng):
    law = most_probable_noise(1e-3 * rng.standard_normal((20, COLUMNS)) + 5.0, SQUARES, **TIMES)
    assert law.cell_per_fold == 0.0


@pytest.mark.parametrize("ratio", [4.0, 8.0, 30.0])
def test_white_noise_that_differs_from_column_to_column_is_no_slow_noise(ratio, rng):
    size = np.linspace(1.0, ratio, COLUMNS)
    size /= np.sqrt(np.mean(size**2))
    white = 1e-3 * size * rng.standard_normal((REPEATS, COLUMNS))
    law = most_probable_noise(white, 1e-2 * size**2, **TIMES)
    assert law.cell_per_fold == 0.0
    assert law.white == pytest.approx(1e-6, rel=0.15)


def test_where_no_cell_adds_to_a_reading_its_noise_is_white(rng):
    law = most_probable_noise(rng.standard_normal((REPEATS, COLUMNS)), 0.0 * SQUARES, **TIMES)
    assert law.cell_per_fold == 0.0
