"""Slow noise of cells as it is measured: traps over a reading's window, 1/f noise of drifted cells."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from varied_board import board, program, truth

from crosscal.simulated_bench.randomness import RandomStreams
from crosscal.simulated_bench.variability.fluctuation import CellState, Fluctuation, ReadTiming
from crosscal.simulated_bench.variability.programming_error import Falcone2025
from crosscal.simulated_bench.variability.renewal_kernels import averaged_variance, time_charged

TRAPS = 3000


def windows(window_s: float, *, interval_s: float, share: float = 0.5, count: int = 4) -> np.ndarray:
    """Parts of windows for which many traps are charged, (count, traps), far from each other in time."""
    interval = np.full(TRAPS, interval_s)
    until_s, value = np.full(TRAPS, -np.inf), np.ones(TRAPS)
    parts = []
    for k in range(1, count + 1):
        out = np.zeros(TRAPS)
        end_s = 100.0 * k * max(interval_s, window_s)
        time_charged(np.uint64(9), end_s - window_s, end_s, interval, share, until_s, value, out)
        parts.append(out)
    return np.array(parts)


@pytest.mark.parametrize("events", [0.01, 0.3, 1.0, 10.0, 29.0, 31.0, 1000.0])
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_a_trap_averages_over_a_window_as_a_telegraph_signal_does(events, share):
    parts = windows(events * 0.01, interval_s=0.01, share=share)
    assert parts.min() >= 0
    assert parts.max() <= 1
    x = events
    expected = share * (1 - share) * 2 * (x - 1 + math.exp(-x)) / x**2
    assert parts.mean() == pytest.approx(share, abs=5 * math.sqrt(expected / parts.size))
    assert parts.var() == pytest.approx(expected, rel=0.06)
    assert averaged_variance(np.array([x]))[0] * share * (1 - share) == pytest.approx(expected, rel=1e-6)


def test_a_window_that_no_event_cuts_has_one_value():
    parts = windows(1e-9, interval_s=1.0)
    assert set(np.unique(parts)) == {0.0, 1.0}


def test_two_halves_of_a_window_make_the_whole():
    interval, share = np.full(TRAPS, 0.01), 0.4
    results = []
    for cuts in ([0.0, 0.05], [0.0, 0.02, 0.05]):
        until_s, value, total = np.full(TRAPS, -np.inf), np.ones(TRAPS), np.zeros(TRAPS)
        for start_s, end_s in itertools.pairwise(cuts):
            out = np.zeros(TRAPS)
            time_charged(np.uint64(4), start_s, end_s, interval, share, until_s, value, out)
            total += out * (end_s - start_s)
        results.append(total)
    np.testing.assert_allclose(results[1], results[0], rtol=0, atol=1e-14)


def test_longer_readings_see_less_of_fast_traps():
    telegraph = {"law": "filamentary", "fastest_s": 0.00999, "slowest_s": 0.01001}
    bench = board(telegraph=telegraph, array={"rows": 40, "columns": 50})
    program(bench)
    spread = []
    for duration_s in (1e-4, 1.0):
        fluctuation = Fluctuation(bench.settings, RandomStreams.from_seed(1), traps=np.random.default_rng(3))
        cells = CellState(
            conductance_s=truth(bench), written_s=truth(bench), age_s=np.zeros((40, 50)), time_s=0.0
        )
        timing = ReadTiming(duration_s=duration_s, spacing_s=10.0)
        factors = fluctuation.factors(cells, timing, 20)
        spread.append(np.sqrt(factors.var(axis=0).mean()))
        stated = np.sqrt(fluctuation.relative_variance(cells, duration_s=duration_s).mean())
        assert stated == pytest.approx(spread[-1], rel=0.05)
    # τ = 10 ms and a reading of a second: √(2·0.01·0.99) of what one instant shows.
    assert spread[1] / spread[0] == pytest.approx(math.sqrt(2 * 0.01 * 0.99), rel=0.06)


def test_pcm_noise_follows_what_was_written_and_not_what_drift_left():
    settings = {"flicker": {"law": "pcm"}, "array": {"conductance_max_s": 25e-6}}
    drifting = board(drift={"law": "pcm"}, **settings)
    steady = board(**settings)
    variance = []
    for bench in (drifting, steady):
        program(bench)
        bench.advance_time(86_400.0)
        fluctuation = Fluctuation(bench.settings, RandomStreams.from_seed(1), traps=np.random.default_rng(3))
        array = bench._array  # the state that readings see
        variance.append(fluctuation.relative_variance(array.cell_state(), duration_s=1e-3))
    assert (truth(drifting) < 0.9 * truth(steady)).any()
    np.testing.assert_allclose(variance[0], variance[1], rtol=1e-12)


def test_cells_that_were_accepted_within_a_window_lie_within_it():
    target_s = np.full(20_000, 60e-6)
    law = Falcone2025()
    error_s = law.error_s(target_s, np.random.default_rng(1))
    assert np.abs(error_s).max() <= math.sqrt(3) * law.deviation_s(target_s[:1])[0]
    assert error_s.std() == pytest.approx(law.deviation_s(target_s[:1])[0], rel=0.02)
    assert np.abs(error_s / target_s).max() < 0.0201
