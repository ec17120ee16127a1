"""Programming by write-verify, and reading cells back."""

from array import array

import numpy as np
import pytest

from crosscal.simulated_bench import Bench

ROWS, COLUMNS = 16, 12
EXACT = {"pulse_gain": 1.0, "write_noise": 0.0, "residual_error": 0.0}


def bench(profile="lab-16x12", **keys):
    return Bench.from_profile(profile, **keys)


def random_target(board, seed=0):
    cells = board.settings.array
    low, high = cells.conductance_min_s, cells.conductance_max_s
    return np.random.default_rng(seed).uniform(low, high, (cells.rows, cells.columns))


def program(board, target_s, *, tolerance=0.01, iterations=50):
    board.begin_programming(array("d", target_s.ravel()), tolerance)
    step, used = board.programming_iteration(), 1
    while not step.finished and used < iterations:
        step, used = board.programming_iteration(), used + 1
    return step, used


def truth(board):
    return np.array(board.true_conductance()).reshape(board.facts.rows, board.facts.columns)


def readback(board):
    return np.array(board.read_conductance()).reshape(board.facts.rows, board.facts.columns)


def test_the_reference_board_programs_exactly_in_one_iteration():
    board = bench("memsys2025")
    target_s = random_target(board)
    step, used = program(board, target_s)
    assert (step.finished, step.cells_failed, used) == (True, 0, 1)
    np.testing.assert_allclose(truth(board), target_s, rtol=1e-12)


def test_a_cell_that_already_reads_within_tolerance_is_still_written():
    board = bench("memsys2025")
    target_s = random_target(board)
    program(board, target_s)
    program(board, target_s * 1.004)
    np.testing.assert_allclose(truth(board), target_s * 1.004, rtol=1e-12)


def test_scattering_pulses_reach_the_tolerance_in_some_iterations():
    board = bench()
    target_s = random_target(board)
    step, used = program(board, target_s)
    assert step.finished
    assert step.cells_failed == 0
    assert 2 <= used <= 20
    assert 0.001 < step.rms_relative_error <= 0.01


def test_a_tighter_tolerance_takes_more_iterations():
    loose, tight = bench(), bench()
    target_s = random_target(loose)
    _, few = program(loose, target_s, tolerance=0.02)
    _, many = program(tight, target_s, tolerance=0.003)
    assert few < many


def test_capped_iterations_leave_cells_failed():
    board = bench(programming={"write_noise": 0.05})
    step, _ = program(board, random_target(board), tolerance=0.005, iterations=2)
    assert not step.finished
    assert 0 < step.cells_failed < ROWS * COLUMNS
    assert step.rms_relative_error > 0.005
    assert not step.cell_stuck


def test_relaxation_gives_the_true_error_that_no_verify_shows():
    board = bench("memsys2025", programming={"residual_error": 0.01})
    target_s = random_target(board)
    step, _ = program(board, target_s)
    error = truth(board) / target_s - 1
    assert step.rms_relative_error < 1e-9
    # 4096 cells: the standard deviation is uncertain by 1.1 %; four of those.
    assert error.std() == pytest.approx(0.01, rel=0.045)
    assert abs(error.mean()) < 4 * 0.01 / np.sqrt(error.size)


def test_relaxation_strikes_a_cell_once_however_many_iterations_the_others_take():
    board = bench("memsys2025", programming={"residual_error": 0.01, "write_noise": 0.01})
    target_s = random_target(board)
    _, used = program(board, target_s, tolerance=0.005)
    error = truth(board) / target_s - 1
    assert used > 5
    # What verified lies uniformly enough within ±0.5 %, rms at most that; relaxation adds 1 %, once.
    assert 0.01 < error.std() < np.hypot(0.01, 0.005) * 1.05


def test_read_back_is_as_good_as_stated():
    board = bench("memsys2025", front_end={"readback_error": 0.02})
    program(board, random_target(board), tolerance=0.2)
    error = readback(board) / truth(board) - 1
    assert error.std() == pytest.approx(0.02, rel=0.045)
    assert (readback(board) != readback(board)).any()


def test_read_back_sees_each_cell_where_it_is():
    board = bench()
    target_s = random_target(board)
    program(board, target_s)
    np.testing.assert_allclose(readback(board), truth(board), rtol=0.01)
    assert np.argmax(readback(board)) == np.argmax(truth(board))


def test_gain_errors_of_a_column_end_up_in_what_is_programmed():
    exact = {"noise": {"read_relative": 0.0}, "programming": EXACT}
    board = bench(front_end={"gain_error": 0.05, "readback_error": 0.0, "noise_a": 0.0}, **exact)
    target_s = random_target(board)
    program(board, target_s, tolerance=1e-3)
    by_column = truth(board) / target_s - 1
    assert (by_column.std(axis=0) < 2e-3).all()
    assert by_column.mean(axis=0).std() > 0.01


@pytest.mark.parametrize(("kind", "value_s"), [("OPEN", 0.0), ("SHORT", 10e-3)])
def test_a_broken_cell_is_given_up_on_and_reported_stuck(kind, value_s):
    board = bench()
    board.fault_cell(3, 12, kind)
    target_s = random_target(board)
    step, used = program(board, target_s)
    assert (step.finished, step.cells_failed, step.cell_stuck) == (True, 1, True)
    assert used < 20
    assert truth(board)[2, 11] == value_s
    assert step.rms_relative_error > 0.5 / np.sqrt(target_s.size)


def test_a_stuck_cell_keeps_its_conductance_until_it_is_healed():
    board = bench()
    first_s, second_s = random_target(board, 0), random_target(board, 1)
    program(board, first_s)
    before = truth(board)[15, 0]
    board.fault_cell(16, 1, "STUCK")
    assert program(board, second_s)[0].cells_failed == 1
    assert truth(board)[15, 0] == before
    board.clear_faults()
    assert program(board, second_s)[0].cells_failed == 0
    assert truth(board)[15, 0] == pytest.approx(second_s[15, 0], rel=0.02)


def test_a_healed_cell_stands_where_it_was_last_written():
    board = bench()
    program(board, random_target(board))
    before = truth(board)
    board.fault_cell(1, 2, "OPEN")
    board.fault_cell(2, 1, "SHORT")
    assert (truth(board) != before).sum() == 2
    board.clear_faults()
    assert (truth(board) == before).all()


def test_a_column_without_an_amplifier_fails_and_the_rest_is_programmed():
    board = bench()
    board.fault_amplifier(5)
    target_s = random_target(board)
    step, _ = program(board, target_s)
    others = np.delete(np.arange(COLUMNS), 4)
    assert (step.finished, step.cells_failed) == (True, ROWS)
    assert step.rms_relative_error <= 0.01
    np.testing.assert_allclose(truth(board)[:, others], target_s[:, others], rtol=0.03)
    assert np.isnan(readback(board)[:, 4]).all()
    assert not np.isnan(readback(board)[:, others]).any()


def test_stuck_cells_of_a_new_board_follow_the_stated_fractions_and_its_own_seed():
    faults = {"stuck_low_fraction": 0.0904, "stuck_high_fraction": 0.0175}
    keys = {"faults": faults, "programming": EXACT}
    one, other = (bench("memsys2025", board={"seed": k}, **keys) for k in (1, 2))
    same = bench("memsys2025", board={"seed": 1}, seed=99, **keys)
    cells = 64 * 64
    high = (truth(one) == 100e-6).sum()
    assert high == pytest.approx(0.0175 * cells, abs=4 * np.sqrt(0.0175 * cells))
    step, _ = program(one, np.full((64, 64), 50e-6))
    stuck = 0.1079 * cells
    assert step.cells_failed == pytest.approx(stuck, abs=4 * np.sqrt(stuck))
    assert (truth(same) == 100e-6).sum() == high
    assert ((truth(same) == 100e-6) != (truth(other) == 100e-6)).any()


def test_faults_of_the_settings_are_there_from_the_start():
    cells = [{"row": 2, "column": 12, "kind": "OPEN"}, {"row": 16, "column": 1, "kind": "STUCK"}]
    board = bench(faults={"cells": cells, "amplifiers": [3]})
    assert truth(board)[1, 11] == 0.0
    assert np.isnan(readback(board)[:, 2]).all()
    program(board, np.full((ROWS, COLUMNS), 90e-6))
    assert truth(board)[15, 0] == 16.6e-6


def test_the_same_seed_programs_the_same_conductances():
    results = []
    for seed in (5, 5, 6):
        board = bench(seed=seed)
        program(board, random_target(board))
        results.append(truth(board))
    assert (results[0] == results[1]).all()
    assert (results[0] != results[2]).any()


def test_reading_between_pulses_does_not_shift_the_pulses_scatter():
    results = []
    for reads in (0, 3):
        board = bench()
        board.begin_programming(array("d", random_target(board).ravel()), 0.01)
        for _ in range(3):
            board.programming_iteration()
            for _ in range(reads):
                board.measure(
                    array("d", [0.1] * ROWS), range_index=1, aperture_s=1e-3, averages=1, dwell_s=1e-3
                )
        results.append(truth(board))
    assert (results[0] == results[1]).all()


def test_an_iteration_without_a_run_is_refused():
    with pytest.raises(RuntimeError, match="begin_programming"):
        bench().programming_iteration()
