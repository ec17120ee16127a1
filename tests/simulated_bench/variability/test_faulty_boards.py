"""1T1R, and faults with rates, on a board."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from crosscal.core.errors import SettingsError
from crosscal.simulated_bench import (
    Bench,
    BridgedLines,
    GroundedLine,
    OneTransistor,
    OpenLine,
    Sinh,
    load_settings,
    solve_currents,
)
from crosscal.simulated_bench.tiled_bench import TiledBench

ROWS, COLUMNS = 16, 12


def board(profile="lab-16x12", **keys) -> Bench:
    return Bench.from_profile(profile, **keys)


def truth(bench: Bench) -> np.ndarray:
    cells = bench.settings.array
    return np.array(bench.true_conductance()).reshape(cells.rows, cells.columns)


def program(bench: Bench, target_s: np.ndarray, *, tolerance=0.02):
    bench.begin_programming(array("d", target_s.ravel()), tolerance)
    step = bench.programming_iteration()
    for _ in range(50):
        if step.finished:
            break
        step = bench.programming_iteration()
    return step


def test_access_transistors_of_the_settings_stand_in_the_circuit() -> None:
    gates_v = [2.0 + 0.05 * i for i in range(ROWS)]
    access = {"gate_v": gates_v, "threshold_v": 0.6, "gain_a_per_v2": 4e-4}
    bench = board(device={"law": "sinh", "access": access})
    assert bench.device == OneTransistor(cell=Sinh(), gate_v=gates_v, threshold_v=0.6, gain_a_per_v2=4e-4)
    volts_v = np.random.default_rng(1).uniform(0.1, 0.5, (3, ROWS))
    expected_a = solve_currents(truth(bench), volts_v, wires=bench.wires(1), device=bench.device)
    assert (bench.true_current(volts_v, range_index=1) == expected_a).all()
    assert (expected_a < solve_currents(truth(bench), volts_v, wires=bench.wires(1), device=Sinh())).all()


def test_a_read_beyond_triode_is_an_arithmetic_error_that_names_the_cell() -> None:
    access = {"gate_v": 0.75, "threshold_v": 0.7}
    bench = board(device={"law": "sinh", "access": access})
    volts_v = np.full((1, ROWS), 2.0)
    with pytest.raises(ArithmeticError, match=r"access transistor of row \d+, column \d+"):
        bench.true_current(volts_v, range_index=2)


@pytest.mark.parametrize(
    ("access", "words"),
    [
        ({"gate_v": 0.7}, "gate_v: got 0.7 V; allowed: above threshold_v"),
        ({"gate_v": [3.3, 3.3]}, "device.access.gate_v: got 2 values; allowed: 1, or one per row, 16"),
        ({"gate_v": []}, "no gate voltage"),
        ({"gain_a_per_v2": 0.0}, "gain_a_per_v2"),
    ],
)
def test_access_that_makes_no_transistor_is_refused(access, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings("lab-16x12", device={"law": "sinh", "access": access})


def test_broken_cells_have_the_published_and_stated_rates() -> None:
    rates = {
        "stuck_low_fraction": 0.0904,
        "stuck_high_fraction": 0.0175,
        "open_fraction": 0.03,
        "short_fraction": 0.05,
    }
    bench = board("memsys2025", faults=rates)
    program(bench, np.full((64, 64), 50e-6))
    actual_s, cells = truth(bench), 64 * 64
    counts = {
        "stuck_low_fraction": (actual_s == 16.6e-6).sum(),
        "stuck_high_fraction": (actual_s == 100e-6).sum(),
        "open_fraction": (actual_s == 0).sum(),
        "short_fraction": (actual_s == 10e-3).sum(),
    }
    for name, count in counts.items():
        share = rates[name]
        assert count == pytest.approx(share * cells, abs=4 * np.sqrt(share * (1 - share) * cells)), name
    assert sum(counts.values()) == (~np.isclose(actual_s, 50e-6, rtol=1e-9)).sum()


def test_open_and_short_cells_do_not_move_the_stuck_ones() -> None:
    stuck = {"stuck_low_fraction": 0.1, "stuck_high_fraction": 0.1}
    fewer, more = (board("memsys2025", faults={**stuck, "open_fraction": share}) for share in (0.0, 0.1))
    assert ((truth(fewer) == 100e-6) == (truth(more) == 100e-6)).all()


def test_faulty_lines_are_drawn_at_their_rates_from_the_boards_seed() -> None:
    rates = {"line_open_fraction": 0.2, "line_ground_fraction": 0.1, "line_bridge_fraction": 0.05}
    kinds, places = {OpenLine: 0, GroundedLine: 0, BridgedLines: 0}, set()
    for seed in range(40):
        bench = board(board={"seed": seed}, faults={**rates, "line_short_ohm": 7.0})
        for fault in bench.wires(0).faults:
            kinds[type(fault)] += 1
            places.add((fault.line, fault.number, fault.cell))
            assert isinstance(fault, OpenLine) or fault.ohm == 7.0
        same = board(board={"seed": seed}, seed=99, faults={**rates, "line_short_ohm": 7.0})
        assert same.wires(0).faults == bench.wires(0).faults
    lines = 40 * (ROWS + COLUMNS)
    for share, count in zip(rates.values(), kinds.values(), strict=True):
        assert count == pytest.approx(share * lines, abs=4 * np.sqrt(share * lines))
    assert len(places) > 150
    assert board().wires(0).faults == ()


def test_lines_of_the_settings_are_counted_from_1_and_shape_the_currents() -> None:
    lines = [
        {"line": "ROW", "number": 2, "cell": 12, "kind": "OPEN"},
        {"line": "COLUMN", "number": 12, "cell": 16, "kind": "GROUND"},
        {"line": "ROW", "number": 15, "cell": 1, "kind": "BRIDGE"},
    ]
    bench = board(faults={"lines": lines})
    assert bench.wires(0).faults == (
        OpenLine(line="row", number=1, cell=11),
        GroundedLine(line="column", number=11, cell=15),
        BridgedLines(line="row", number=14, cell=0),
    )
    volts_v = np.random.default_rng(3).uniform(0.1, 0.5, (2, ROWS))
    faulty_a = bench.true_current(volts_v, range_index=1)
    bench.clear_faults()
    sound_a = bench.true_current(volts_v, range_index=1)
    assert (faulty_a[:, 11] < 0.2 * sound_a[:, 11]).all(), "most of it goes to ground"
    assert (faulty_a != sound_a).all()
    assert bench.wires(0).faults == ()


def test_cells_behind_a_break_are_neither_written_nor_read_and_count_as_stuck() -> None:
    bench = board(faults={"lines": [{"line": "ROW", "number": 4, "cell": 10, "kind": "OPEN"}]})
    before_s = truth(bench)
    step = program(bench, np.full((ROWS, COLUMNS), 50e-6))
    assert (step.finished, step.cells_failed, step.cell_stuck) == (True, 3, True)
    assert (truth(bench)[3, 9:] == before_s[3, 9:]).all()
    readings_s = np.array(bench.read_conductance()).reshape(ROWS, COLUMNS)
    assert np.abs(readings_s[3, 9:]).max() < 1e-8
    assert readings_s[3, :9].min() > 40e-6
    bench.clear_faults()
    assert program(bench, np.full((ROWS, COLUMNS), 50e-6)).cells_failed == 0


def test_a_part_of_a_wire_that_hangs_on_nothing_is_an_arithmetic_error_with_its_place() -> None:
    bench = board(faults={"lines": [{"line": "COLUMN", "number": 1, "cell": 2, "kind": "OPEN"}]})
    for row in (1, 2):
        bench.fault_cell(row, 1, "OPEN")
    with pytest.raises(ArithmeticError, match=r"column wire at row 1, column 1"):
        bench.true_current(np.full((1, ROWS), 0.3), range_index=1)


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"lines": [{"line": "ROW", "number": 17, "cell": 1, "kind": "OPEN"}]}, "OPEN of ROW 17 at cell 1"),
        ({"lines": [{"line": "COLUMN", "number": 1, "cell": 17, "kind": "GROUND"}]}, "at cell 17"),
        (
            {"lines": [{"line": "COLUMN", "number": 12, "cell": 1, "kind": "BRIDGE"}]},
            "a line after it",
        ),
        ({"lines": [{"line": "row", "number": 1, "cell": 1, "kind": "OPEN"}]}, "row"),
        ({"lines": [{"line": "ROW", "number": 16, "cell": 1, "kind": "BRIDGE"}]}, "in its tile"),
        ({"open_fraction": 0.6, "short_fraction": 0.6}, "at most 1 together"),
        ({"line_open_fraction": 0.9, "line_ground_fraction": 0.2}, "at most 1 together"),
    ],
)
def test_faults_that_cannot_be_are_refused(faults, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings("lab-16x12", faults=faults)


def test_faulty_wires_with_capacitance_are_refused() -> None:
    lines = [{"line": "ROW", "number": 1, "cell": 1, "kind": "OPEN"}]
    with pytest.raises(SettingsError, match="faulty wires settle at once"):
        load_settings("lab-16x12", faults={"lines": lines}, wires={"capacitance_f": 1e-15})


def test_tiles_have_the_faults_and_gates_that_lie_in_them() -> None:
    lines = [
        {"line": "ROW", "number": 10, "cell": 8, "kind": "OPEN"},
        {"line": "COLUMN", "number": 5, "cell": 3, "kind": "GROUND"},
    ]
    gates_v = [2.0 + 0.05 * i for i in range(ROWS)]
    keys = {
        "tiles": {"rows": 2, "columns": 2},
        "faults": {"lines": lines},
        "device": {"law": "sinh", "access": {"gate_v": gates_v}},
    }
    tiled = TiledBench(load_settings("lab-16x12", **keys))
    tiles = tiled._tiles
    assert tiles[1, 1].wires(0).faults == (OpenLine(line="row", number=1, cell=1),)
    assert tiles[0, 0].wires(0).faults == (GroundedLine(line="column", number=4, cell=2),)
    assert tiles[0, 1].wires(0).faults == tiles[1, 0].wires(0).faults == ()
    assert tiles[1, 0].device.gate_v == tuple(gates_v[8:])
    between = [{"line": "ROW", "number": 8, "cell": 1, "kind": "BRIDGE"}]
    with pytest.raises(SettingsError, match="in its tile"):
        load_settings("lab-16x12", tiles={"rows": 2}, faults={"lines": between})
