"""A board that ages, through a real session: the driver, VISA, the firmware, the bench."""

from __future__ import annotations

import math

import numpy as np
import pytest

import crosscal

PCM, RRAM = "pcm-24x32", "rram-32x24"
RESOURCE = "TCPIP0::localhost::inst0::INSTR"
DAY_S = 86_400.0
RANGE_A = 12.337e-3


def matrix(board, seed=0):
    low_s, high_s = board.conductance_limits_s
    return np.random.default_rng(seed).uniform(low_s, high_s, board.shape)


def vectors(board, count=40):
    return np.random.default_rng(1).uniform(0.1, 0.5, (count, board.shape[0]))


@pytest.mark.crosscal_bench(PCM, flicker={"scale": 0.0})
def test_a_day_takes_from_phase_change_cells_what_the_law_says(crosscal_bench):
    with crosscal_bench.open_board() as board:
        board.program(matrix(board))
        voltage_v = vectors(board)
        fresh_s, fresh_a = board.simulation.true_conductance_s(), board.measure(voltage_v)
        board.simulation.advance_time(DAY_S)
        aged_s, aged_a = board.simulation.true_conductance_s(), board.measure(voltage_v)
        read_s = board.read_conductance()
    # Cells from 20 % of full scale on drift by a mean exponent of 0.049.
    dense = fresh_s > 0.25 * 25e-6
    exponent = -np.log(aged_s[dense] / fresh_s[dense]) / math.log(DAY_S / 20)
    assert exponent.mean() == pytest.approx(0.049, abs=4.5 * exponent.std() / math.sqrt(dense.sum()))
    # Currents are sums over cells; both ways of looking show the same loss.
    assert aged_a.mean() / fresh_a.mean() == pytest.approx(aged_s.mean() / fresh_s.mean(), rel=0.01)
    assert aged_a.mean() / fresh_a.mean() < 0.75
    assert read_s.mean() / aged_s.mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("profile", [PCM, RRAM, "cmo-hfox-32x24"])
def test_steps_of_time_and_pieces_of_reads_make_no_difference(profile, tmp_path):
    results = []
    for steps, pieces in ((1, 1), (24, 7)):
        bench = tmp_path / f"{steps}.toml"
        bench.write_text(f'profile = "{profile}"\n')
        with crosscal.open_board(RESOURCE, backend=f"{bench}@crosscal") as board:
            board.range_a = RANGE_A
            board.program(matrix(board))
            for _ in range(steps):
                board.simulation.advance_time(DAY_S / steps)
            parts_v = np.array_split(vectors(board), pieces)
            current_a = np.concatenate([board.measure(part_v) for part_v in parts_v])
            results.append((board.simulation.true_conductance_s(), current_a))
    assert (results[0][0] == results[1][0]).all()
    assert (results[0][1] == results[1][1]).all()


@pytest.mark.crosscal_bench(RRAM)
def test_a_session_is_repeated_by_its_seed(crosscal_bench):
    with crosscal_bench.open_board() as board:
        board.range_a = RANGE_A
        target_s, voltage_v, runs = matrix(board), vectors(board), []
        for seed in (7, 7, 2**53 - 1):
            board.program(target_s)
            board.simulation.advance_time(3600.0)
            board.simulation.reseed(seed)
            board.program(target_s)
            board.simulation.advance_time(DAY_S)
            runs.append((board.simulation.true_conductance_s(), board.measure(voltage_v)))
    # Where a run begins differs by how the last one left the cells, which verifying evens out within 1 %.
    same = np.abs(runs[0][0] - runs[1][0]).mean()
    other = np.abs(runs[0][0] - runs[2][0]).mean()
    assert same < 0.5 * other


@pytest.mark.crosscal_bench(
    PCM, device={"temperature_coefficient_per_c": 2e-3}, drift={"law": "none"}, flicker={"law": "none"}
)
def test_warmth_moves_currents_and_goes_again(crosscal_bench):
    with crosscal_bench.open_board() as board:
        board.program(matrix(board))
        voltage_v = vectors(board)
        board.averages = 16
        cold_a = board.measure(voltage_v)
        board.simulation.set_temperature(45.0)
        warm_a = board.measure(voltage_v)
        assert board.temperature_c == pytest.approx(45.0)
        board.simulation.set_temperature(25.0)
        again_a = board.measure(voltage_v)
    assert (warm_a / cold_a).mean() == pytest.approx(1.04, abs=0.003)
    assert (again_a / cold_a).mean() == pytest.approx(1.0, abs=0.003)


@pytest.mark.crosscal_bench(RRAM, faults={"open_per_hour": 0.01, "amplifier_per_hour": 0.02})
def test_faults_that_strike_show_in_the_readings(crosscal_bench):
    with crosscal_bench.open_board() as board:
        board.program(matrix(board))
        board.simulation.advance_time(20 * 3600.0)
        lost = board.simulation.true_conductance_s() == 0.0
        assert lost.mean() == pytest.approx(1 - math.exp(-0.2), abs=4.5 * math.sqrt(0.15 / lost.size))
        readout = board.read(vectors(board, 2))
        missing = np.isnan(readout.current_a).all(axis=0)
        assert 0 < missing.sum() < missing.size
        board.simulation.clear_faults()
        assert not np.isnan(board.read(vectors(board, 2)).current_a).any()


@pytest.mark.crosscal_bench(PCM, flicker={"law": "none"}, noise={"cell_relative": 0.01})
def test_the_linear_gaussian_reference_of_an_aged_board_is_what_the_best_linear_estimate_reaches(
    crosscal_bench,
):
    with crosscal_bench.open_board() as board:
        board.range_a = RANGE_A
        board.program(matrix(board))
        board.simulation.advance_time(DAY_S)
        target_s, true_s = board.target_s, board.simulation.true_conductance_s()
        drive_v = np.random.default_rng(3).normal(0.3, 0.4 / math.sqrt(12), (3000, board.shape[0]))
        drive_v = np.clip(drive_v, -0.59, 0.59)
        current_a = board.measure(drive_v)
    ideal_a = drive_v @ target_s
    design = np.column_stack([current_a / current_a.std(), np.ones(len(current_a))])
    taught, tested = slice(0, 2000), slice(2000, None)
    weights = np.linalg.lstsq(design[taught], ideal_a[taught], rcond=None)[0]
    error_a2 = ((design[tested] @ weights - ideal_a[tested]) ** 2).mean()
    nmse = error_a2 / (target_s**2).sum(axis=0).mean() / (0.4**2 / 12)
    reference = crosscal_bench.bench.linear_gaussian_reference(target_s, true_s, drive_v[:100], RANGE_A)
    quiet = crosscal_bench.bench.linear_gaussian_reference(
        target_s, true_s, drive_v[:100], RANGE_A, averages=10_000
    )
    # Fitted on 2000 vectors, 33 weights cost 2 %, and ignoring that noise grows with the drive some more.
    assert reference * 0.97 < nmse < reference * 1.15
    # What stays of 10,000 readings is the converter's steps, which nothing dithers, not noise.
    assert quiet < reference / 20
