"""Growth of the sentinels' error: it asks for a recalibration once reads notice, and learns patience."""

from __future__ import annotations

import math

import pytest

from crosscal.daemon.upkeep.watch.error_growth import WORSE, ErrorGrowth


def after(errors: list[float], growth: ErrorGrowth) -> float | None:
    """Take readings; the answer to the last of them."""
    answer = None
    for error in errors:
        growth.take(error)
        answer = growth.beyond()
    return answer


def test_an_error_that_has_grown_by_a_third_asks_for_a_recalibration() -> None:
    growth = ErrorGrowth(1e-3)
    assert after([1e-3, 1e-3, 1.2e-3, 1.2e-3, 1.2e-3, 1.2e-3], growth) is None
    factor = after([2e-3] * 3, growth)
    assert factor is not None
    assert factor > WORSE


def test_one_reading_counts_at_once_where_it_is_compared() -> None:
    growth = ErrorGrowth(1e-3)
    assert growth.usual is None
    assert growth.factor(1e-3) == pytest.approx(
        0.5
    )  # sentinels err by up to twice as much as ordinary vectors
    after([1e-3, 1e-3], growth)
    assert growth.factor(1.29e-3) < WORSE < growth.factor(1.31e-3)
    assert not growth.factor(math.nan) <= WORSE


def test_a_change_before_the_first_sentinels_does_not_pass_for_their_usual_error() -> None:
    factor = after([1e-2, 1e-2], ErrorGrowth(1e-3))
    assert factor == pytest.approx(5.0)


def test_recalibrations_that_mend_nothing_come_ever_later() -> None:
    growth, waited, error = ErrorGrowth(math.inf), [], 1e-3
    for _ in range(5):
        after([error, error], growth)
        readings = 0
        while growth.beyond() is None:
            error *= 1.02
            growth.take(error)
            readings += 1
        waited.append(readings)
        # The next begins as far off as this one ended.
        growth = ErrorGrowth(math.inf, growth)
    assert waited == sorted(waited)
    assert waited[-1] > 1.5 * waited[0]
