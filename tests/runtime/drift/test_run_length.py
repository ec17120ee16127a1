"""Run lengths of the charts beside published ones and beside simulation."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import InputError
from crosscal.runtime.drift import Chart, DriftTest, cusum_run_length
from crosscal.runtime.drift import run_length as equations


@pytest.mark.parametrize(
    ("h", "shift", "published"), [(4.0, 0.0, 168.0), (5.0, 0.0, 465.0), (4.0, 1.0, 8.38), (5.0, 1.0, 10.4)]
)
def test_the_plain_cusum_agrees_with_published_run_lengths(h: float, shift: float, published: float) -> None:
    # Montgomery, Introduction to Statistical Quality Control, k = 0.5; printed with three digits.
    assert cusum_run_length(0.5, h, shift=shift) == pytest.approx(published, rel=3e-3)


def test_the_approximation_of_many_dimensions_moves_no_run_length(monkeypatch: pytest.MonkeyPatch) -> None:
    dimensions, k, h = 24, 1.7, 13.0
    monkeypatch.setattr(equations, "_MANY_DIMENSIONS", dimensions + 1)
    exact = equations.vector_run_length(k, h, dimensions)
    monkeypatch.setattr(equations, "_MANY_DIMENSIONS", dimensions)
    assert equations.vector_run_length(k, h, dimensions) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(("vectors", "columns"), [(4, 8), (8, 1)])
def test_false_alarms_come_as_seldom_as_is_stated(vectors: int, columns: int) -> None:
    stated, alarms = 200, 300
    test = DriftTest(vectors, columns, run_length=stated)
    none = np.zeros((vectors, columns))
    runs = test.delays(none, none + 1.0, rng=np.random.default_rng(3), trials=alarms, warm_up=0)
    # Run lengths are nearly exponential: 6 % standard error.
    assert runs.mean() == pytest.approx(stated, rel=0.2)


def test_larger_changes_are_found_sooner() -> None:
    test = DriftTest(4, 8, run_length=5000.0)
    shift = np.ones((4, 8))
    delays = [
        test.delays(size * shift, shift, rng=np.random.default_rng(4), trials=50).mean()
        for size in (0.1, 0.3, 1.0, 5.0)
    ]
    assert delays == sorted(delays, reverse=True)
    assert delays[-1] <= 3.0


def test_charts_that_are_updated_count_as_the_simulated_ones_do() -> None:
    rng, test = np.random.default_rng(7), DriftTest(4, 6, run_length=100.0)
    runs = []
    for _ in range(150):
        test.reset()
        alarm = None
        while alarm is None:
            z = rng.standard_normal((4, 6))
            alarm = test.update(z, float(z.sum() / np.sqrt(24.0)))
        assert test.statistic > 1.0
        runs.append(alarm.readings)
    # 8 % standard error; what all share is read from the same residuals, which makes alarms coincide.
    assert 80.0 < np.mean(runs) < 125.0


def test_the_chart_of_a_column_names_it() -> None:
    test, z, alarm = DriftTest(4, 6, run_length=1e4), np.zeros((4, 6)), None
    z[:, 4] = [2.0, -2.0, 2.0, -2.0]
    while alarm is None:
        alarm = test.update(z, 0.0)
    assert (alarm.chart, alarm.column) == (Chart.COLUMN, 4)


@pytest.mark.parametrize("stated", [1.0, float("nan")])
def test_a_run_length_that_cannot_be_is_refused(stated: float) -> None:
    with pytest.raises(InputError, match="allowed: 2 or more"):
        DriftTest(2, 2, run_length=stated)
