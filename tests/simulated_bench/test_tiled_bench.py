"""A board of several tiles: sums of partial currents, one numbering, one seed."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import pytest

import crosscal
from crosscal.core.errors import SettingsError
from crosscal.core.readout import Status
from crosscal.simulated_bench import Bench, Ohmic, linear_gaussian_reference, solve_dc
from crosscal.simulated_bench.tile_layout import tile_seed
from crosscal.simulated_bench.tiled_bench import TiledBench

RANGE_A = 1e-3
RANGE_INDEX = 3  # of the ideal front end
QUIET = {"read_relative": 0.0}


def board(rows: int = 6, columns: int = 10, tiles: tuple[int, int] = (3, 2), **keys: object) -> Bench:
    keys["noise"] = QUIET | keys.get("noise", {})  # pyright: ignore[reportOperatorIssue]  (a table)
    given = {"tiles": {"rows": tiles[0], "columns": tiles[1]}} | keys
    return Bench.from_profile("memsys2025", array={"rows": rows, "columns": columns}, **given)


def written(bench: Bench, seed: int = 0) -> np.ndarray:
    shape = bench.facts.rows, bench.facts.columns
    target_s = np.random.default_rng(seed).uniform(20e-6, 90e-6, shape)
    bench.begin_programming(array("d", target_s.ravel()), 0.01)
    while not bench.programming_iteration().finished:
        pass
    return target_s


def read(bench: Bench, voltage_v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    reading = bench.measure(
        array("d", voltage_v.ravel()), range_index=RANGE_INDEX, aperture_s=1e-3, averages=1, dwell_s=1e-3
    )
    shape = len(voltage_v), bench.facts.columns
    return np.array(reading.current_a).reshape(shape), np.frombuffer(reading.status, np.uint8).reshape(shape)


def vectors(rows: int = 6, count: int = 4) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.1, 0.5, (count, rows))


def test_a_board_without_tiles_is_one_array() -> None:
    assert not isinstance(board(tiles=(1, 1)), TiledBench)
    assert isinstance(board(), TiledBench)
    assert board().tile_shape == (2, 5)  # pyright: ignore[reportAttributeAccessIssue]  (asserted above)


def test_currents_are_the_sums_of_the_tiles_own_circuits() -> None:
    bench = board(device={"law": "ohmic"})
    target_s, voltage_v = written(bench), vectors()
    current_a, _ = read(bench, voltage_v)
    expected_a = np.zeros((4, 10))
    for row in range(0, 6, 2):
        for column in range(0, 10, 5):
            part = solve_dc(
                target_s[row : row + 2, column : column + 5],
                voltage_v[:, row : row + 2],
                wires=bench.wires(RANGE_INDEX),
                device=Ohmic(),
            )
            expected_a[:, column : column + 5] += part.current_a
    np.testing.assert_allclose(current_a, expected_a, rtol=1e-9)  # steps of a 48-bit converter
    whole = board(device={"law": "ohmic"}, tiles=(1, 1))
    written(whole)
    assert np.abs(read(whole, voltage_v)[0] / current_a - 1).max() > 1e-4  # shorter wires lose less


def test_every_tile_has_errors_and_noise_of_its_own() -> None:
    bench = board(
        4, 6, (2, 2), front_end={"profile": "lab"}, noise={"read_a": 1e-9}, programming={"write_noise": 0.01}
    )
    target_s = np.full((4, 6), 50e-6)
    bench.begin_programming(array("d", target_s.ravel()), 0.01)
    bench.programming_iteration()
    wrote_s = np.array(bench.true_conductance()).reshape(2, 2, 2, 3)
    assert len(np.unique(wrote_s)) == 24
    one = np.array([[0.3, 0.3, 0.0, 0.0], [0.0, 0.0, 0.3, 0.3]])
    reading = bench.measure(array("d", one.ravel()), range_index=1, aperture_s=1e-3, averages=1, dwell_s=1e-3)
    current_a = np.array(reading.current_a)
    assert len(np.unique(current_a)) == 12


def test_one_seed_gives_the_same_board_again_and_reseeding_repeats_it() -> None:
    keys = {"noise": {"read_a": 1e-8}, "programming": {"write_noise": 0.02}}
    first, second = board(**keys), board(**keys)
    written(first), written(second)
    assert np.array_equal(first.true_conductance(), second.true_conductance())
    voltage_v = vectors()
    at_once = read(first, voltage_v)[0]
    in_pieces = np.concatenate([read(second, voltage_v[:1])[0], read(second, voltage_v[1:])[0]])
    assert np.array_equal(at_once, in_pieces)
    for bench in (first, second):
        bench.reseed(9)
    assert np.array_equal(read(first, voltage_v)[0], read(second, voltage_v)[0])
    assert len({tile_seed(1, place) for place in np.ndindex(3, 2)}) == 6


def test_noise_of_a_sum_is_that_of_its_parts() -> None:
    bench = board(noise={"read_a": 1e-6})
    written(bench)
    voltage_v = np.repeat(vectors(count=1), 3000, axis=0)
    current_a, _ = read(bench, voltage_v)
    assert bench.noise_a(aperture_s=1e-3) == pytest.approx(1e-6 * np.sqrt(3), rel=1e-12)
    error = current_a - bench.true_current(voltage_v[:1], range_index=RANGE_INDEX)
    # thirty thousand readings: four standard errors
    assert error.std() == pytest.approx(1e-6 * np.sqrt(3), rel=4 / np.sqrt(2 * error.size))


def test_a_saturated_part_saturates_its_sum_and_weak_parts_do_not_weaken_it() -> None:
    bench = board(front_end={"profile": "ideal", "adc_bits": 12, "ranges_a": [20e-6], "input_ohm": [0.0]})
    written(bench)
    voltage_v = np.array([[0.45, 0.45, 0.0, 0.0, 0.0, 0.0], [0.1, 0.1, 0.0, 0.0, 0.0, 0.0], [0.0] * 6])
    reading = bench.measure(
        array("d", voltage_v.ravel()), range_index=0, aperture_s=1e-3, averages=1, dwell_s=1e-3
    )
    status = np.frombuffer(reading.status, np.uint8).reshape(3, 10)
    assert (status[0] == Status.OVER_RANGE).all()
    assert (status[1] == 0).all()  # two of three tiles read nothing; their sum is good
    assert (status[2] == Status.UNDER_RESOLUTION).all()


def test_faults_are_counted_over_the_whole_board() -> None:
    cells = [{"row": 5, "column": 7, "kind": "OPEN"}]
    bench = board(faults={"cells": cells, "amplifiers": [10]})
    written(bench)
    true_s = np.array(bench.true_conductance()).reshape(6, 10)
    assert np.argwhere(true_s == 0).tolist() == [[4, 6]]
    bench.fault_cell(2, 6, "OPEN")
    bench.fault_amplifier(1)
    true_s = np.array(bench.true_conductance()).reshape(6, 10)
    assert np.argwhere(true_s == 0).tolist() == [[1, 5], [4, 6]]
    current_a, status = read(bench, vectors())
    assert np.flatnonzero(np.isnan(current_a).any(axis=0)).tolist() == [0, 9]
    assert (status[:, [0, 9]] & Status.AMPLIFIER_FAULT).all()
    bench.clear_faults()
    assert not np.isnan(read(bench, vectors())[0]).any()


def test_the_linear_gaussian_reference_of_sums_is_that_of_one_array_where_wires_are_none() -> None:
    none = dict.fromkeys(("row_ohm", "column_ohm", "source_ohm", "sense_ohm"), 0.0)
    keys = {"wires": none, "device": {"law": "ohmic"}, "noise": {"read_a": 1e-7}}
    tiled = board(**keys)
    target_s, voltage_v = written(tiled), vectors()
    found = tiled.linear_gaussian_reference(target_s, target_s, voltage_v, RANGE_A)
    single = linear_gaussian_reference(
        target_s, voltage_v, wires=tiled.wires(RANGE_INDEX), device=Ohmic(), noise_a=1e-7 * np.sqrt(3)
    )
    assert found == pytest.approx(single.nmse, rel=1e-6)


def test_heated_tiles_are_linearised_each_with_the_warmth_of_its_own_cells() -> None:
    heating = {"resistance_k_per_w": 1e5, "neighbour_part": 0.2}
    bench = board(device={"activation_energy_ev": 0.05}, heating=heating)
    written(bench)
    voltage_v = vectors(count=2)
    true_s = np.array(bench.true_conductance()).reshape(6, 10)
    found_s = bench.sensed(true_s, voltage_v, RANGE_A).jacobian_s
    moved_a = bench.cell_sensitivities(true_s, voltage_v, RANGE_A).reshape(2, 10, 6, 10)
    for rows, columns, tile in bench.arrays():
        own = true_s[rows, columns].copy(), voltage_v[:, rows], RANGE_A
        np.testing.assert_array_equal(found_s[:, columns, rows], tile.sensed(*own).jacobian_s)
        expected_a = tile.cell_sensitivities(*own).reshape(2, 5, 2, 5)
        np.testing.assert_array_equal(moved_a[:, columns, rows, columns], expected_a)
    cold = board(device={"activation_energy_ev": 0.05})
    assert found_s.sum() > 1.001 * cold.sensed(true_s, voltage_v, RANGE_A).jacobian_s.sum()


def test_time_temperature_and_failed_cells_are_those_of_all_tiles() -> None:
    bench = board(device={"law": "ohmic", "temperature_coefficient_per_c": 0.002})
    target_s = written(bench)
    bench.advance_time(5.0)
    bench.set_temperature(35.0)
    assert (bench.time_s, bench.temperature_c()) == (5.0, 35.0)
    true_s = np.array(bench.true_conductance()).reshape(6, 10)
    np.testing.assert_allclose(true_s, target_s * 1.02, rtol=1e-9)
    for row, column in ((1, 1), (6, 10)):
        bench.fault_cell(row, column, "OPEN")
    bench.set_temperature(25.0)
    bench.begin_programming(array("d", target_s.ravel()), 0.01)
    step = bench.programming_iteration()
    while not step.finished:
        step = bench.programming_iteration()
    assert step.cells_failed == 2
    assert step.cell_stuck


def test_tiles_must_divide_the_array() -> None:
    with pytest.raises(SettingsError, match=r"tiles\.rows: got 4; allowed: a number that divides"):
        board(tiles=(4, 2))


def test_a_driver_sees_a_tiled_board_as_a_board(tmp_path: Path) -> None:
    file = tmp_path / "tiled.toml"
    file.write_text(
        'profile = "memsys2025"\n[array]\nrows = 6\ncolumns = 10\n[tiles]\nrows = 3\ncolumns = 2\n'
    )
    voltage_v = vectors()
    with crosscal.open_board("GPIB0::9::INSTR", backend=f"{file}@crosscal") as driven:
        assert driven.shape == (6, 10)
        assert "TILE" in driven.capabilities
        assert driven.query("ARR:TIL?") == "3,2"
        target_s = np.random.default_rng(3).uniform(20e-6, 90e-6, (6, 10))
        driven.program(target_s)
        current_a = driven.measure(voltage_v)
        driven.simulation.fault_cell(6, 10, "OPEN")
        assert driven.simulation.true_conductance_s()[5, 9] == 0.0
    expected = Bench.from_toml(file)
    expected.begin_programming(array("d", target_s.ravel()), 0.01)
    expected.programming_iteration()
    flowing_a = expected.true_current(voltage_v, range_index=RANGE_INDEX)
    np.testing.assert_allclose(
        current_a, flowing_a, rtol=0.02
    )  # read noise of 1e-4 of full scale, twice at most
