"""The path of a drifting cell between two ages: a random walk in ln t, or a straight line."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crosscal.simulated_bench.variability.drift import CmoHfoxDrift, FilamentDrift
from crosscal.simulated_bench.variability.random_walk import LEVELS, walking_quantile

CELLS = 4000
HOUR_S, DAY_S = 3600.0, 86_400.0
LAWS = {"filamentary": FilamentDrift, "cmo-hfox": CmoHfoxDrift}


def changes_s(law, quantile: np.ndarray, *ages_s: float) -> np.ndarray:
    """Changes of many cells of 20 µS between ages [S], (ages − 1, cells)."""
    written_s = np.full(len(quantile), 20e-6)
    aged_s = [law.aged_s(written_s, np.full(len(quantile), age_s), quantile) for age_s in ages_s]
    return np.diff(aged_s, axis=0)


def at_age_s(law, quantile: np.ndarray, age_s: float) -> np.ndarray:
    """Conductances of many cells of 20 µS at an age [S], (cells,)."""
    return law.aged_s(np.full(len(quantile), 20e-6), np.full(len(quantile), age_s), quantile)


def quantiles(cells: int = CELLS) -> np.ndarray:
    return np.random.default_rng(5).standard_normal(cells)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_walks_later_changes_know_nothing_of_the_earlier_ones(law):
    first, second = changes_s(law(), quantiles(), 1.0, HOUR_S, DAY_S)
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / math.sqrt(CELLS)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_lines_later_changes_follow_from_the_earlier_ones(law):
    first, second = changes_s(law(path="line"), quantiles(), 1.0, HOUR_S, DAY_S)
    assert np.corrcoef(first, second)[0, 1] > 0.999


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("age_s", [60.0, HOUR_S, 30 * DAY_S])
def test_walk_and_line_spread_alike_at_every_age(law, age_s):
    walk, line = (at_age_s(law(path=path), quantiles(), age_s) for path in ("walk", "line"))
    assert walk.mean() == pytest.approx(line.mean(), abs=5 * line.std() / math.sqrt(CELLS))
    assert walk.std() == pytest.approx(line.std(), rel=5 / math.sqrt(2 * CELLS))


def test_the_change_within_a_day_is_as_large_as_the_published_variance_grows():
    # Wan et al. at 10 µS: 1.56 µS from an hour to a day for a walk, 0.44 µS for a line.
    written_s, quantile = np.full(CELLS, 10e-6), quantiles()
    for path, expected_us in (("walk", 1.56), ("line", 0.44)):
        hour_s, day_s = (
            FilamentDrift(path=path).aged_s(written_s, np.full(CELLS, age_s), quantile)
            for age_s in (HOUR_S, DAY_S)
        )
        assert (day_s - hour_s).std() * 1e6 == pytest.approx(expected_us, rel=0.03)


@pytest.mark.kernel
def test_a_walk_is_the_same_asked_in_any_order_and_goes_on_between_its_midpoints():
    cells = 50
    ends = quantiles(cells)
    parts = np.linspace(0.0, 1.0, 7)
    step = 2.0 ** -(LEVELS + 2)
    # Uncompiled, numpy warns of the overflow that hashing lives by.
    with np.errstate(over="ignore"):
        forth = [walking_quantile(ends, np.full(cells, part)) for part in parts]
        back = [walking_quantile(ends, np.full(cells, part)) for part in parts[::-1]][::-1]
        near = [walking_quantile(ends, np.full(cells, part)) for part in (0.3, 0.3 + step)]
    assert np.array_equal(forth, back)
    assert (forth[0] == 0.0).all()
    np.testing.assert_allclose(forth[-1], ends, rtol=1e-12)
    assert 0.0 < np.abs(near[1] - near[0]).max() < 8 * math.sqrt(2 * step / 0.3)


def test_cells_that_draw_other_numbers_walk_another_way():
    ends = np.array([0.5, np.nextafter(0.5, 1.0)])
    one, other = walking_quantile(ends, np.full(2, 0.4))
    assert one != other
