"""Memristors on a board: programmed by voltage pulses until the readings arrive."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from crosscal.core.errors import SettingsError
from crosscal.simulated_bench import Bench, Memristor, load_settings

ROWS, COLUMNS = 16, 12
ARRAY = {"conductance_min_s": 16.6e-6, "conductance_max_s": 36e-6}
MEMRISTOR = {"law": "memristor"}
QUIET = {"noise": {"read_relative": 0.0}, "programming": {"write_noise": 0.0, "residual_error": 0.0}}


def board(**keys) -> Bench:
    programming = QUIET["programming"] | keys.pop("programming", {})
    keys = {"device": MEMRISTOR, "array": ARRAY, **QUIET, **keys, "programming": programming}
    return Bench.from_profile("lab-16x12", **keys)


def random_target(low_s=17e-6, high_s=36e-6, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low_s, high_s, (ROWS, COLUMNS))


def truth(bench: Bench) -> np.ndarray:
    return np.array(bench.true_conductance()).reshape(ROWS, COLUMNS)


def run(bench: Bench, target_s: np.ndarray, *, tolerance=0.01, iterations=50):
    bench.begin_programming(array("d", target_s.ravel()), tolerance)
    step, used = bench.programming_iteration(), 1
    while not step.finished and used < iterations:
        step, used = bench.programming_iteration(), used + 1
    return step, used


def test_a_new_board_stands_where_its_memristors_do() -> None:
    assert (truth(board()) == 1 / 40e3).all()
    other = board(device={"law": "memristor", "initial_ohm": 30e3})
    assert (truth(other) == 1 / 30e3).all()


def test_pulses_bring_every_cell_of_both_directions_to_its_target() -> None:
    bench, target_s = board(), random_target()
    step, used = run(bench, target_s)
    assert (step.finished, step.cells_failed, step.cell_stuck) == (True, 0, False)
    assert 1 < used <= 5, "trains of ten pulses"
    assert step.rms_relative_error <= 0.01
    # within the tolerance of the reading, whose channel is wrong by 0.5 % and 0.1 % rms of its own
    assert np.abs(truth(bench) / target_s - 1).max() < 0.01 + 0.005 + 0.005
    back_s = random_target(seed=1)
    assert run(bench, back_s)[0].cells_failed == 0
    assert np.abs(truth(bench) / back_s - 1).max() < 0.02


def test_a_pulse_does_to_a_cell_what_the_law_says() -> None:
    """One pulse of a train of one: +0.6 V cannot reset 40 kΩ, −0.6 V sets it a little."""
    pulses = {"train": 1, "width_s": [1e-3]}
    up, down = (board(programming={"pulses": pulses}) for _ in range(2))
    run(up, np.full((ROWS, COLUMNS), 36e-6), iterations=1)
    expected_s = 1 / Memristor().step(40e3, -0.6, 1e-3)
    np.testing.assert_allclose(truth(up), expected_s, rtol=1e-14)
    assert expected_s > 1 / 40e3
    run(down, np.full((ROWS, COLUMNS), 17e-6), iterations=1)
    assert (truth(down) == 1 / 40e3).all()


def test_pulses_are_finite_and_a_cut_off_run_leaves_cells_failed() -> None:
    bench = board()
    step, _ = run(bench, random_target(), iterations=1)
    assert not step.finished
    assert 0 < step.cells_failed <= ROWS * COLUMNS
    few = board(programming={"pulses": {"most": 7}})
    step, used = run(few, random_target())
    assert (step.finished, used, step.cell_stuck) == (True, 1, False)
    assert step.cells_failed > ROWS * COLUMNS // 4


def test_what_the_amplitudes_do_not_reach_fails_and_the_rest_arrives() -> None:
    """A set at −2.5 V ends at 21.9 kΩ: 60 µS is out of reach."""
    wide = {"conductance_min_s": 16.6e-6, "conductance_max_s": 100e-6}
    bench, target_s = board(array=wide), random_target()
    target_s[3, 5] = target_s[12, 0] = 60e-6
    step, _ = run(bench, target_s)
    assert (step.finished, step.cells_failed, step.cell_stuck) == (True, 2, False)
    reached_s = truth(bench)[[3, 12], [5, 0]]
    law = Memristor()
    assert (reached_s < 1 / (law.set_bound_ohm - 2.5 * law.set_bound_ohm_per_v)).all()
    assert (reached_s > 40e-6).all()
    others = np.ones((ROWS, COLUMNS), dtype=bool)
    others[[3, 12], [5, 0]] = False
    assert np.abs(truth(bench) / target_s - 1)[others].max() < 0.02


def test_broken_cells_and_columns_do_not_hold_up_a_run() -> None:
    bench = board(faults={"cells": [{"row": 2, "column": 3, "kind": "STUCK"}], "amplifiers": [7]})
    bench.fault_cell(5, 5, "SHORT")
    target_s = random_target()
    step, used = run(bench, target_s)
    assert (step.finished, step.cells_failed, step.cell_stuck) == (True, 2 + ROWS, True)
    assert used <= 8
    assert truth(bench)[1, 2] == 1 / 40e3
    assert (truth(bench)[:, 6] == 1 / 40e3).all(), "without a reading there is no pulse"


def test_scatter_takes_more_pulses_and_no_cell_ceases_to_conduct() -> None:
    noisy = board(programming={"write_noise": 0.02, "residual_error": 0.0})
    step, used = run(noisy, random_target())
    assert step.cells_failed == 0
    assert used > run(board(), random_target())[1]
    wild = board(programming={"write_noise": 1.0})
    run(wild, random_target(), iterations=3)
    assert (truth(wild) > 0).all()


def test_the_same_seed_programs_the_same_states() -> None:
    results = []
    for seed in (5, 5, 6):
        bench = board(seed=seed, programming={"write_noise": 0.01})
        run(bench, random_target())
        results.append(truth(bench))
    assert (results[0] == results[1]).all()
    assert (results[0] != results[2]).any()


def test_memristors_behind_transistors_are_programmed_and_read() -> None:
    bench = board(device={**MEMRISTOR, "access": {"gate_v": 2.5}})
    bare = board()
    target_s = random_target()
    assert run(bench, target_s)[0].cells_failed == 0
    run(bare, target_s)
    assert (truth(bench) == truth(bare)).all()
    volts_v = np.full((1, ROWS), 0.4)
    behind_a, open_a = (one.true_current(volts_v, range_index=2) for one in (bench, bare))
    assert (behind_a < 0.99 * open_a).all()


@pytest.mark.parametrize(
    ("pulses", "words"),
    [
        ({"width_s": [1e-5, 1e-4]}, "falling"),
        ({"width_s": []}, "width_s"),
        ({"set_max_v": 0.5}, "set_max_v: got 0.5 V; allowed: at least first_v"),
        ({"train": 0}, "train"),
    ],
)
def test_pulses_that_make_no_ladder_are_refused(pulses, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings("lab-16x12", programming={"pulses": pulses})
