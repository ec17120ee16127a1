"""Vectors for recalibration: inside the range, balanced against each other, any number for any array."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import InputError, RangeError
from crosscal.runtime.recalibration.vectors import informative_vectors, ordinary_vectors


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (1, 64), (3, 2), (8, 64), (40, 24), (130, 40), (500, 6)])
def test_any_number_for_any_array_stays_inside_the_range(count, rows):
    voltage_v = informative_vectors(count, rows, low_v=0.1, high_v=0.5, rng=np.random.default_rng(1))
    assert voltage_v.shape == (count, rows)
    assert voltage_v.min() >= 0.1
    assert voltage_v.max() <= 0.5


def test_readings_say_far_more_of_each_cell_than_one_row_at_a_time():
    rows = 32
    voltage_v = informative_vectors(rows + 8, rows, low_v=-0.2, high_v=0.2, rng=np.random.default_rng(2))
    variance = np.trace(np.linalg.inv(voltage_v.T @ voltage_v)) / rows
    one_hot = 1 / 0.2**2
    assert variance < one_hot / 4


def test_inputs_are_balanced_against_each_other():
    voltage_v = informative_vectors(63, 40, low_v=-1.0, high_v=1.0, rng=np.random.default_rng(3))[:-1]
    signs = np.sign(voltage_v)
    correlation = signs.T @ signs / len(signs) - np.eye(40)
    assert np.abs(correlation).max() < 0.1


def test_last_vector_repeats_the_first_so_that_noise_shows():
    voltage_v = informative_vectors(8, 20, low_v=0.1, high_v=0.5, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(voltage_v[0], voltage_v[-1])
    assert len(np.unique(voltage_v, axis=0)) == 7


@pytest.mark.parametrize(("count", "rows"), [(0, 5), (5, 0)])
def test_no_vectors_or_no_rows_are_refused(count, rows):
    with pytest.raises(InputError, match="1 or more"):
        informative_vectors(count, rows, low_v=0.1, high_v=0.5, rng=np.random.default_rng(5))


@pytest.mark.parametrize("limits", [(0.5, 0.1), (0.1, np.nan), (0.1, np.inf)])
def test_impossible_ranges_are_refused(limits):
    with pytest.raises(RangeError, match="lower first"):
        informative_vectors(5, 5, low_v=limits[0], high_v=limits[1], rng=np.random.default_rng(6))


@pytest.mark.parametrize("levels_v", [(0.0, 0.2), (-0.3, 0.0, 0.3)])
def test_inputs_of_a_few_levels_stay_on_them(levels_v):
    for draw in (informative_vectors, ordinary_vectors):
        rng = np.random.default_rng(6)
        limits = {"low_v": levels_v[0], "high_v": levels_v[-1]}
        voltage_v = draw(60, 20, **limits, levels_v=levels_v, rng=rng)
        assert set(np.unique(voltage_v)) == set(levels_v)
        # As many of them say of every input as vectors can: no input goes with another.
        assert np.linalg.matrix_rank(voltage_v - voltage_v.mean(axis=0)) == 20
