"""Cells age since they were written, however the time passes."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from varied_board import board, measure, program, random_target, truth, vectors

from crosscal.simulated_bench import Bench, solve_currents
from crosscal.simulated_bench.devices import Ohmic
from crosscal.simulated_bench.variability.drift import CmoHfoxDrift, FilamentDrift, PcmDrift

DAY_S = 86_400.0
LAWS = {
    "pcm": {"drift": {"law": "pcm"}, "array": {"conductance_max_s": 25e-6}},
    "cmo-hfox": {"drift": {"law": "cmo-hfox"}},
    "filamentary": {"drift": {"law": "filamentary"}},
}


@pytest.mark.parametrize("law", LAWS)
def test_one_long_advance_is_ten_short_ones(law):
    once, often = board(**LAWS[law]), board(**LAWS[law])
    for bench, steps in ((once, 1), (often, 10)):
        program(bench)
        for _ in range(steps):
            bench.advance_time(100.0 / steps)
    assert (truth(once) != program(board(**LAWS[law]))).any()
    assert (truth(often) == truth(once)).all()


@pytest.mark.parametrize("law", LAWS)
def test_uneven_steps_differ_by_rounding_alone(law):
    once, often = board(**LAWS[law]), board(**LAWS[law])
    for bench, steps in ((once, [1234.567]), (often, np.diff(np.linspace(0.0, 1234.567, 38)))):
        program(bench)
        for step_s in steps:
            bench.advance_time(step_s)
    np.testing.assert_allclose(truth(often), truth(once), rtol=1e-12)


@pytest.mark.parametrize("law", LAWS)
def test_reading_on_the_way_changes_nothing(law):
    quiet, read = board(**LAWS[law]), board(**LAWS[law])
    for bench in (quiet, read):
        program(bench)
        for _ in range(3):
            bench.advance_time(50.0)
            if bench is read:
                measure(bench, vectors(bench))
                bench.read_conductance()
    assert (truth(quiet) == truth(read)).all()


@pytest.mark.parametrize("law", LAWS)
def test_a_new_board_does_not_age_before_it_is_written(law):
    bench = board(**LAWS[law])
    bench.advance_time(DAY_S)
    assert (truth(bench) == 1e-6).all()


@pytest.mark.parametrize("law", LAWS)
def test_writing_ends_a_cells_old_age(law):
    bench = board(**LAWS[law])
    target_s = program(bench)
    bench.advance_time(DAY_S)
    old_s = truth(bench)
    assert np.abs(old_s / target_s - 1).max() > 0.01
    program(bench, target_s)
    np.testing.assert_allclose(truth(bench), target_s, rtol=1e-9)
    bench.advance_time(DAY_S)
    # Other quantiles: they age anew, another way; those that have sunk to 0 excepted.
    again_s = truth(bench)
    assert np.abs(again_s / target_s - 1).max() > 0.01
    assert (again_s != old_s)[again_s > 0].all()


def test_pulses_start_from_what_a_cell_has_become():
    bench = board(drift={"law": "pcm"}, array={"conductance_max_s": 25e-6}, programming={"pulse_gain": 0.5})
    target_s = program(bench, tolerance=1e-6)
    bench.advance_time(DAY_S)
    aged_s = truth(bench)
    bench.begin_programming(array("d", target_s.ravel()), 1e-6)
    bench.programming_iteration()
    np.testing.assert_allclose(truth(bench), (aged_s + target_s) / 2, rtol=1e-9)


def test_one_seed_ages_alike_and_another_does_not():
    results = []
    for seed in (3, 3, 4):
        bench = board(drift={"law": "filamentary"}, seed=seed)
        program(bench)
        bench.advance_time(DAY_S)
        results.append(truth(bench))
    assert (results[0] == results[1]).all()
    assert (results[0] != results[2]).all()


def test_ages_before_the_first_published_one_count_as_that_one():
    written_s, quantile = np.linspace(1e-6, 20e-6, 7), np.linspace(-2.0, 2.0, 7)
    for law, start_s in ((PcmDrift(), 20.0), (CmoHfoxDrift(), 1.0), (FilamentDrift(), 1.0)):
        early_s, start = (law.aged_s(written_s, np.full(7, t), quantile) for t in (start_s / 3, start_s))
        later_s = law.aged_s(written_s, np.full(7, 3 * start_s), quantile)
        assert (early_s == start).all()
        assert (later_s != start)[quantile != 0].all()


def test_a_filaments_variance_at_the_end_is_that_of_one_day():
    written_s = np.array([20e-6])
    ends_s = [
        FilamentDrift(end_s=end_s, path="line").aged_s(written_s, np.array([end_s]), np.ones(1))[0]
        for end_s in (1e3, 1e6)
    ]
    assert ends_s[0] == pytest.approx(ends_s[1], rel=1e-12)


def test_a_stuck_cell_stops_ageing_and_goes_on_when_healed():
    bench, free = (board(drift={"law": "pcm"}, array={"conductance_max_s": 25e-6}) for _ in range(2))
    for one in (bench, free):
        program(one)
        one.advance_time(100.0)
    bench.fault_cell(2, 7, "STUCK")
    before_s = truth(bench)[1, 6]
    for one in (bench, free):
        one.advance_time(DAY_S)
    assert truth(bench)[1, 6] == before_s > truth(free)[1, 6]
    bench.clear_faults()
    assert (truth(bench) == truth(free)).all()


def test_currents_and_read_back_follow_the_aged_cells():
    bench = board(drift={"law": "cmo-hfox"})
    target_s = program(bench)
    voltage_v = vectors(bench)
    bench.advance_time(DAY_S)
    expected_a = solve_currents(truth(bench), voltage_v, wires=bench.wires(4), device=Ohmic())
    np.testing.assert_allclose(measure(bench, voltage_v), expected_a, rtol=1e-9)
    np.testing.assert_allclose(np.array(bench.read_conductance()), truth(bench).ravel(), rtol=1e-6)
    # A day of shifts alone: −0.089 ln t µS, up to what 45 cells with σ = 0.89 µS leave uncertain.
    shift_us = (truth(bench) - target_s).mean() * 1e6
    assert shift_us == pytest.approx(-0.089 * np.log(DAY_S), abs=4 * 0.89 / np.sqrt(45))


def test_what_programming_leaves_is_not_seen_by_the_run_that_left_it():
    bench = board(programming_error={"law": "wan-2022-1s"}, array={"rows": 40, "columns": 50})
    target_s = random_target(bench)
    bench.begin_programming(array("d", target_s.ravel()), 0.01)
    step = bench.programming_iteration()
    assert step.finished
    assert step.rms_relative_error < 1e-6
    error_us = (truth(bench) - target_s) * 1e6
    # Deviations of the polynomial lie between 0.35 and 2.1 µS.
    assert 0.8 < error_us.std() < 2.2


@pytest.mark.parametrize("energy_ev", [0.12, -0.02])
def test_conductances_follow_an_activation_energy(energy_ev):
    bench = board(device={"law": "ohmic", "activation_energy_ev": energy_ev})
    target_s = program(bench)
    bench.set_temperature(85.0)
    factor = np.exp(-energy_ev / 8.617333e-5 * (1 / 358.15 - 1 / 298.15))
    np.testing.assert_allclose(truth(bench), target_s * factor, rtol=1e-6)
    bench.set_temperature(25.0)
    np.testing.assert_allclose(truth(bench), target_s, rtol=1e-12)


def test_white_noise_grows_with_the_root_of_the_absolute_temperature():
    bench = Bench.from_profile("lab-16x12")
    cold_a = bench.noise_a(aperture_s=1e-3)
    bench.set_temperature(55.0)
    assert bench.noise_a(aperture_s=1e-3) == pytest.approx(cold_a * np.sqrt(328.15 / 298.15), rel=1e-12)
