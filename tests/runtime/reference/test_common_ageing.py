"""Ageing that all cells share: found beside the temperature, foretold, and silent where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from crosscal.core.errors import InputError
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, ColumnPosterior
from crosscal.runtime.reference.ageing import Ageing

ROWS, COLUMNS = 8, 12
RATE, PER_C, NOISE = -0.05, 1e-3, 1e-3
OWN = 0.05 * np.random.default_rng(0).standard_normal((COLUMNS, ROWS))


def posterior(common: float, rng: np.random.Generator) -> ColumnPosterior:
    """Cells that share a relative change, shown partly as gains, with errors and slow noise of their own."""
    mean = np.zeros((COLUMNS, ROWS + CELLS))
    mean[:, GAIN] = common / 3.0
    mean[:, CELLS:] = common * 2.0 / 3.0 + OWN + 5e-3 * rng.standard_normal((COLUMNS, ROWS))
    return ColumnPosterior(mean=mean, covariance=np.zeros((COLUMNS, ROWS + CELLS, ROWS + CELLS)), noise=1e-3)


def whole(mean: np.ndarray) -> None:
    """Break nothing."""
    del mean


def learned(
    rate: float,
    *,
    pairs: int = 8,
    warm: bool = True,
    seed: int = 1,
    breaks: Callable[[np.ndarray], None] = whole,
) -> Ageing:
    """Learn from a matrix of which something breaks before the middle one of its recalibrations."""
    rng, ageing = np.random.default_rng(seed), Ageing()
    for at, age_s in enumerate(100.0 * 1.7 ** np.arange(pairs + 1)):
        temperature_c = 25.0 + 10.0 * rng.uniform(-1.0, 1.0) if warm else None
        warmer_c = 0.0 if temperature_c is None else temperature_c - 25.0
        common = (age_s / 20.0) ** rate * (1.0 + PER_C * warmer_c + NOISE * rng.standard_normal()) - 1.0
        found = posterior(common, rng)
        if 2 * at >= pairs:
            breaks(found.mean)
        ageing.take(found, age_s=age_s, temperature_c=temperature_c)
    return ageing


def shorted_cell(mean: np.ndarray) -> None:
    mean[4, CELLS + 3] += 59.0


def open_row(mean: np.ndarray) -> None:
    mean[:, CELLS + 2] = -1.0 - mean[:, GAIN]


def amplifier(mean: np.ndarray) -> None:
    mean[7, GAIN] += 0.3


@pytest.mark.parametrize("warm", [True, False])
def test_rate_is_found_beside_the_temperature_and_foretells(warm: bool) -> None:
    ageing = learned(RATE, warm=warm)
    assert ageing.rate == pytest.approx(RATE, abs=0.004)
    last_s = 100.0 * 1.7**8
    assert ageing.factor(last_s) == 1.0
    assert ageing.factor(3.0 * last_s) == pytest.approx(3.0**RATE, abs=0.005)


def test_a_board_that_does_not_age_is_not_foretold_to() -> None:
    rates = [abs(learned(0.0, seed=seed).rate) for seed in range(20)]
    assert np.median(rates) < 1e-3


@pytest.mark.parametrize("breaks", [shorted_cell, open_row, amplifier])
@pytest.mark.parametrize("rate", [RATE, 0.0])
def test_what_breaks_is_no_ageing(breaks: Callable[[np.ndarray], None], rate: float) -> None:
    assert learned(rate, breaks=breaks).rate == pytest.approx(rate, abs=0.004)


def test_a_rate_of_minutes_does_not_foretell_a_month_and_what_is_beyond_is_stated() -> None:
    rng, ageing = np.random.default_rng(4), Ageing()
    for age_s in (60.0, 90.0, 130.0, 180.0):
        ageing.take(posterior((age_s / 20.0) ** RATE - 1.0, rng), age_s=age_s, temperature_c=None)
    assert ageing.rate == pytest.approx(RATE, abs=0.01)
    hour, month = 3600.0, 30 * 86400.0
    assert ageing.factor(month) == ageing.factor(hour) > 3.0 ** (2.0 * ageing.rate)
    errors = [abs((age_s / 180.0) ** RATE / ageing.factor(age_s) - 1.0) for age_s in (300.0, hour, month)]
    stated = [ageing.deviation(age_s) for age_s in (300.0, hour, month)]
    assert ageing.deviation(180.0) == 0.0
    assert stated == sorted(stated)
    assert all(error < 2.0 * deviation for error, deviation in zip(errors, stated, strict=True))
    assert stated[0] < 0.01


def test_nothing_is_foretold_before_some_pairs_or_of_another_matrix_until_it_is_learned() -> None:
    assert learned(RATE, pairs=2).factor(1e6) == 1.0
    ageing = learned(RATE)
    ageing.forget_matrix()
    assert ageing.factor(1e6) == 1.0
    ageing.take(posterior(0.0, np.random.default_rng(2)), age_s=5.0, temperature_c=None)
    # Younger than a minute cells go by laws of their own.
    assert ageing.factor(60.0) == 1.0
    assert ageing.factor(600.0) == pytest.approx(10.0**ageing.rate)


def test_recalibrations_in_quick_turn_do_not_wear_the_rate_out() -> None:
    ageing, rng = learned(RATE), np.random.default_rng(3)
    before, age_s = ageing.rate, 100.0 * 1.7**8
    for _ in range(30):
        age_s *= 1.0005
        ageing.take(posterior((age_s / 20.0) ** RATE - 1.0, rng), age_s=age_s, temperature_c=25.0)
    assert ageing.rate == before


def test_it_comes_back_from_the_store_and_damage_is_refused() -> None:
    ageing = learned(RATE)
    document = json.loads(json.dumps(ageing.to_json()))
    again = Ageing.from_json(document)
    assert (again.rate, again.rate_deviation) == (ageing.rate, ageing.rate_deviation)
    assert again.factor(1e6) == ageing.factor(1e6)
    assert again.deviation(1e6) == ageing.deviation(1e6)
    for damage in (
        {"weighted": [1.0]},
        {"folds": -1.0},
        {"square": float("nan")},
    ):
        damaged = {**document, **damage}
        with pytest.raises(InputError, match="an ageing that is none"):
            Ageing.from_json(damaged)
