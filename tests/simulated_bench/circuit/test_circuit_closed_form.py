"""Circuits small or simple enough to be solved on paper."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.simulated_bench import Ohmic, Sinh, Wires, cell_current, solve_dc

CLOSE = 1e-13  # a handful of roundings


def draw(rows: int, columns: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(16.6e-6, 100e-6, (rows, columns)), rng.uniform(-0.5, 0.5, (3, rows))


def test_one_cell_is_a_chain_of_five_resistances() -> None:
    wires = Wires(row_ohm=2.0, column_ohm=3.0, source_ohm=50.0, sense_ohm=10.0)
    solution = solve_dc(np.array([[1e-3]]), np.array([0.4]), wires=wires, device=Ohmic())
    current_a = 0.4 / (50 + 2 + 1000 + 3 + 10)
    np.testing.assert_allclose(solution.current_a, [current_a], rtol=CLOSE)
    np.testing.assert_allclose(solution.word_v, [[0.4 - 52 * current_a]], rtol=CLOSE)
    np.testing.assert_allclose(solution.bit_v, [[13 * current_a]], rtol=CLOSE)


@pytest.mark.parametrize("volt", [0.45, -0.3, 0.0])
def test_one_sinh_cell_carries_what_its_own_voltage_asks_for(volt: float) -> None:
    """The cell's current and the current of the four resistances in series with it agree."""
    device, series_ohm = Sinh(), 2000.0 + 3000.0 + 500.0 + 100.0
    wires = Wires(row_ohm=2000.0, column_ohm=3000.0, source_ohm=500.0, sense_ohm=100.0)
    solution = solve_dc(np.array([[1e-4]]), np.array([volt]), wires=wires, device=device)
    np.testing.assert_allclose(solution.current_a, (volt - solution.cell_v[0]) / series_ohm, rtol=1e-12)
    np.testing.assert_allclose(solution.current_a, cell_current(device, 1e-4, solution.cell_v[0]), rtol=1e-12)


def test_without_any_resistance_the_array_multiplies_exactly() -> None:
    conductance_s, voltage_v = draw(7, 4, seed=1)
    solution = solve_dc(conductance_s, voltage_v, wires=Wires(), device=Ohmic())
    np.testing.assert_allclose(solution.current_a, voltage_v @ conductance_s, rtol=CLOSE, atol=1e-19)
    assert np.array_equal(solution.word_v, np.repeat(voltage_v[:, :, None], 4, axis=2))
    assert not solution.bit_v.any()


def test_without_any_resistance_each_sinh_cell_sees_its_drive() -> None:
    conductance_s, voltage_v = draw(4, 7, seed=2)
    device = Sinh()
    expected_a = cell_current(device, conductance_s, voltage_v[:, :, None]).sum(axis=1)
    solution = solve_dc(conductance_s, voltage_v, wires=Wires(), device=device)
    np.testing.assert_allclose(solution.current_a, expected_a, rtol=CLOSE, atol=1e-19)


def test_drivers_alone_load_each_row_by_the_sum_of_its_cells() -> None:
    conductance_s, voltage_v = draw(5, 8, seed=3)
    source_ohm = np.array([0.0, 50.0, 100.0, 1000.0, 1e6])
    solution = solve_dc(conductance_s, voltage_v, wires=Wires(source_ohm=source_ohm), device=Ohmic())
    word_v = voltage_v / (1 + source_ohm * conductance_s.sum(axis=1))
    np.testing.assert_allclose(solution.current_a, word_v @ conductance_s, rtol=CLOSE, atol=1e-18)


def test_amplifiers_alone_lift_each_column_by_the_sum_of_its_cells() -> None:
    conductance_s, voltage_v = draw(8, 5, seed=4)
    sense_ohm = np.array([0.0, 10.0, 100.0, 1000.0, 1e6])
    solution = solve_dc(conductance_s, voltage_v, wires=Wires(sense_ohm=sense_ohm), device=Ohmic())
    expected_a = (voltage_v @ conductance_s) / (1 + sense_ohm * conductance_s.sum(axis=0))
    np.testing.assert_allclose(solution.current_a, expected_a, rtol=1e-12, atol=1e-18)


def test_two_cells_of_one_row_share_its_first_segment() -> None:
    """Solved by hand: a ladder of two rungs."""
    g, r = 1e-4, 100.0
    solution = solve_dc(np.array([[g, g]]), np.array([1.0]), wires=Wires(row_ohm=r), device=Ohmic())
    second = g / (1 + r * g)  # admittance of the second segment with its cell
    first_v = 1 / (1 + r * (g + second))
    np.testing.assert_allclose(solution.word_v, [[first_v, first_v / (1 + r * g)]], rtol=CLOSE)
    np.testing.assert_allclose(solution.current_a, [g * first_v, g * first_v / (1 + r * g)], rtol=CLOSE)


def test_the_full_segment_lies_before_the_first_cell_and_after_the_last() -> None:
    """Cell (0, 0) has one row segment and all column segments; cell (N-1, M-1) all row segments and one."""
    rows, columns = 3, 5
    wires = Wires(row_ohm=100.0, column_ohm=7.0)
    for i, j, row_segments, column_segments in ((0, 0, 1, rows), (rows - 1, columns - 1, columns, 1)):
        conductance_s = np.zeros((rows, columns))
        conductance_s[i, j] = 1e-3
        solution = solve_dc(conductance_s, np.full(rows, 0.5), wires=wires, device=Ohmic())
        expected_a = 0.5 / (1000 + 100 * row_segments + 7 * column_segments)
        np.testing.assert_allclose(solution.current_a[j], expected_a, rtol=CLOSE)


def test_an_array_of_open_cells_carries_nothing() -> None:
    wires = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
    solution = solve_dc(np.zeros((3, 4)), np.full((2, 3), 0.5), wires=wires, device=Sinh())
    assert not solution.current_a.any()
    assert (solution.word_v == 0.5).all()


def test_an_undriven_array_is_at_rest() -> None:
    conductance_s, _ = draw(3, 4, seed=5)
    wires = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
    solution = solve_dc(conductance_s, np.zeros(3), wires=wires, device=Sinh())
    assert not solution.current_a.any()
    assert not solution.cell_v.any()
