"""Slow noise that the other readings of a run leave unknown, against least squares on real readings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from varied_board import IDEAL_A, board, measure, program, truth

from crosscal.simulated_bench.randomness import RandomStreams
from crosscal.simulated_bench.variability.fluctuation import CellState, Fluctuation, ReadTiming
from crosscal.simulated_bench.variability.remaining_noise import Succession, remaining_share

FLICKER = {"flicker": {"law": "filamentary"}}
TELEGRAPH = {"telegraph": {"law": "filamentary", "fastest_s": 1e-3, "slowest_s": 1.0}}
PACE = ReadTiming(duration_s=1e-3, spacing_s=2e-3)
READINGS = 12


def cells_and_noise(settings, *, rows=30, columns=40):
    """Return a board's cells, an hour old, and their noise."""
    bench = board(array={"rows": rows, "columns": columns, "conductance_max_s": 25e-6}, **settings)
    program(bench)
    age_s = np.full((rows, columns), 3600.0)
    cells = CellState(conductance_s=truth(bench), written_s=truth(bench), age_s=age_s, time_s=0.0)
    return bench, cells


@pytest.mark.parametrize("settings", [FLICKER, TELEGRAPH, FLICKER | TELEGRAPH])
def test_readings_of_a_cell_vary_together_as_stated(settings):
    bench, cells = cells_and_noise(settings)
    drawn = []
    for seed in range(12):
        fluctuation = Fluctuation(
            bench.settings, RandomStreams.from_seed(seed), traps=np.random.default_rng(3)
        )
        drawn.append(fluctuation.factors(cells, PACE, READINGS))
        stated = fluctuation.relative_covariance(cells, PACE, 2e-3 * np.arange(READINGS))
    drawn = np.array(drawn)
    # Each cell about its mean of all time; a trap's is its share of the drop.
    drawn = drawn - _mean_of_all_time(fluctuation, cells)
    for lag in (0, 1, 5, 11):
        together = (drawn[:, : READINGS - lag] * drawn[:, lag:]).mean()
        # 12 draws of 1200 cells, nearly still over the run: √(2/14400) is 1.2 %.
        assert together == pytest.approx(stated[lag].mean(), rel=0.05)


def _mean_of_all_time(fluctuation, cells):
    drop = fluctuation._drop(cells.conductance_s)
    return 1.0 if drop is None else 1.0 - drop * fluctuation._telegraph.charged_share


def test_least_squares_on_all_other_readings_leaves_what_is_stated():
    """The noise of a reading is regressed on that of the others; each column is another draw of one."""
    bench, cells = cells_and_noise(FLICKER, rows=3, columns=4000)
    rng = np.random.default_rng(1)
    change_a = rng.uniform(0.5, 1.5, (READINGS, 3, 1)) * 1e-6
    white_a = 3e-9
    fluctuation = Fluctuation(bench.settings, RandomStreams.from_seed(1), traps=np.random.default_rng(3))
    slow_a = (change_a * (fluctuation.factors(cells, PACE, READINGS) - 1.0)).sum(axis=1).T
    noise_a = slow_a + white_a * rng.standard_normal((4000, READINGS))
    left_a2 = []
    for b in range(READINGS):
        others = np.delete(noise_a, b, axis=1)
        weights = np.linalg.lstsq(others[:2000], noise_a[:2000, b], rcond=None)[0]
        left_a2.append(np.mean((noise_a[2000:, b] - others[2000:] @ weights) ** 2))
    total_a2 = np.mean(np.square(slow_a))
    stated = fluctuation.relative_covariance(cells, PACE, 2e-3 * np.arange(READINGS))[:, :, :1]
    share = remaining_share(change_a, stated, np.zeros((READINGS, 1)), np.array([white_a**2]))
    # 2000 readings tested, twelve times over and together: 2 %; eleven weights learned from 2000: 0.6 %.
    assert share[0] * total_a2 + white_a**2 == pytest.approx(np.mean(left_a2), rel=0.05)
    assert 0.02 < share[0] < 0.5, "some is known from the others, and some is new"


def test_white_noise_remains_whole_and_still_noise_goes_as_more_is_known():
    change_a = np.full((50, 1, 1), 1e-6)
    white = np.zeros((50, 1, 1))
    white[0] = 1e-4
    still = np.full((50, 1, 1), 1e-4)
    none = np.zeros((50, 1))
    assert remaining_share(change_a, white, none, np.array([1e-16]))[0] == pytest.approx(1.0)
    # One number known 49 times to the white noise: its variance is σ²/49, but for the prior.
    left_a2 = 1e-16 * remaining_share(change_a, still, none, np.array([1e-16]))[0]
    assert left_a2 == pytest.approx(1.0 / (1e16 + 49e16), rel=1e-6)


def test_ridge_regression_on_the_same_run_stays_above_the_reference():
    """With the variance of all time, a fit that knows readings of the same minute comes far below."""
    bench = board(
        array={"rows": 6, "columns": 9, "conductance_max_s": 25e-6}, noise={"read_relative": 1e-4}, **FLICKER
    )
    target_s = program(bench, tolerance=0.2)
    bench.advance_time(3600.0)
    rng = np.random.default_rng(3)
    voltage_v = 0.3 + rng.normal(0.0, 0.4 / math.sqrt(12), (400, 6))
    current_a, ideal_a = measure(bench, voltage_v), voltage_v @ target_s
    design = np.column_stack([current_a * 1e6, np.ones(400)])
    weights = np.linalg.lstsq(design[:200], ideal_a[:200], rcond=None)[0]
    error_a = design[200:] @ weights - ideal_a[200:]
    nmse = (error_a**2).mean() / (target_s**2).sum(axis=0).mean() / (0.4**2 / 12)
    alone, among = (
        bench.linear_gaussian_reference(target_s, truth(bench), voltage_v[200:208], IDEAL_A, among=run)
        for run in (None, Succession.of(voltage_v, 2e-3))
    )
    assert nmse < 0.8 * alone
    assert among < 1.1 * nmse
