"""Faults that strike while bench time passes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from varied_board import board, measure, program, truth, vectors

HOUR_S = 3600.0
BIG = {"array": {"rows": 50, "columns": 60, "conductance_max_s": 25e-6}}


def struck(hours, steps=1, **keys):
    bench = board(**(BIG | keys))
    program(bench)
    for _ in range(steps):
        bench.advance_time(hours * HOUR_S / steps)
    return bench


@pytest.mark.parametrize(("kind", "value_s"), [("open", 0.0), ("short", 10e-3)])
def test_cells_break_at_the_stated_rate(kind, value_s):
    for hours in (0.5, 3.0):
        bench = struck(hours, faults={f"{kind}_per_hour": 0.1})
        expected = 1 - math.exp(-0.1 * hours)
        scatter = math.sqrt(expected * (1 - expected) / 3000)
        assert (truth(bench) == value_s).mean() == pytest.approx(expected, abs=4.5 * scatter)


@pytest.mark.parametrize(("factor", "agrees"), [(1.0, True), (0.9, False), (1.1, False)])
def test_a_rate_that_is_a_tenth_off_is_noticed(factor, agrees):
    """12,000 cells, 65 % of them broken, scatter by 0.44 %; a tenth of the rate is 3.5 %."""
    faults = {"open_per_hour": 0.15 * factor}
    broken = np.mean([(truth(struck(7.0, faults=faults, seed=seed)) == 0).mean() for seed in range(4)])
    expected = 1 - math.exp(-0.15 * 7.0)
    distance = abs(broken - expected) / math.sqrt(expected * (1 - expected) / 12_000)
    assert (distance < 4.5) if agrees else (distance > 6)


def test_a_stuck_cell_has_the_conductance_of_the_moment_it_got_stuck():
    keys = {"faults": {"stuck_per_hour": 0.2}, "drift": {"law": "pcm"}}
    bench, free = struck(10.0, **keys), struck(10.0, drift={"law": "pcm"})
    early_s = truth(struck(1e-4, drift={"law": "pcm"}))
    stuck = truth(bench) != truth(free)
    assert stuck.mean() == pytest.approx(1 - math.exp(-2), abs=0.04)
    # Each stopped at a time of its own between the writing and now.
    assert (truth(bench)[stuck] > truth(free)[stuck]).all()
    assert (truth(bench)[stuck] <= early_s[stuck]).all()
    ratio = np.log(truth(bench) / early_s)[stuck] / np.log(truth(free) / early_s)[stuck]
    assert ratio.std() > 0.05
    bench.clear_faults()
    assert (truth(bench) == truth(free)).all()


def test_what_breaks_does_not_depend_on_the_steps_of_time():
    keys = {
        "faults": {
            "open_per_hour": 0.1,
            "short_per_hour": 0.1,
            "stuck_per_hour": 0.1,
            "amplifier_per_hour": 0.1,
        },
        "drift": {"law": "pcm"},
    }
    once, often = struck(4.0, **keys), struck(4.0, steps=16, **keys)
    np.testing.assert_allclose(truth(once), truth(often), rtol=1e-12)
    currents = [measure(bench, vectors(bench, 1)) for bench in (once, often)]
    assert (np.isnan(currents[0]) == np.isnan(currents[1])).all()
    for value_s in (0.0, 10e-3):
        assert 0.05 < (truth(once) == value_s).mean() < 0.5
    # What breaks first is broken for good: kinds come in equal parts.
    assert (truth(once) == 0.0).sum() == pytest.approx((truth(once) == 10e-3).sum(), rel=0.2)


def test_amplifiers_break_at_their_rate_and_say_so():
    bench = struck(2.0, faults={"amplifier_per_hour": 0.3})
    current_a = measure(bench, vectors(bench, 2))
    lost = np.isnan(current_a).all(axis=0)
    expected = 1 - math.exp(-0.6)
    assert lost.mean() == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 60))
    assert not np.isnan(current_a[:, ~lost]).any()


def test_healed_cells_can_be_struck_again():
    bench = struck(5.0, faults={"open_per_hour": 1.0})
    assert (truth(bench) == 0).mean() > 0.98
    bench.clear_faults()
    assert (truth(bench) > 0).all()
    bench.advance_time(5 * HOUR_S)
    assert (truth(bench) == 0).mean() > 0.98


def test_without_rates_nothing_breaks():
    bench = struck(1e6)
    assert (truth(bench) > 0).all()
    assert not np.isnan(measure(bench, vectors(bench, 1))).any()


def test_one_seed_breaks_the_same_cells_and_reseeding_restarts_that():
    faults = {"open_per_hour": 0.2}
    one, same, other = (struck(2.0, faults=faults, seed=seed) for seed in (5, 5, 6))
    assert (truth(one) == truth(same)).all()
    assert ((truth(one) == 0) != (truth(other) == 0)).any()
    other.clear_faults()
    other.advance_time(123.0)
    other.clear_faults()
    other.reseed(5)
    other.advance_time(2 * HOUR_S)
    assert ((truth(one) == 0) == (truth(other) == 0)).all()
