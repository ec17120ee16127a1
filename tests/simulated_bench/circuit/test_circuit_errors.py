"""Bad input to the solvers: one clear error that names what and where."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crosscal.core.errors import InputError, RangeError, ShapeError, SolverError
from crosscal.simulated_bench import (
    Ohmic,
    Sinh,
    SmoothLaw,
    Wires,
    sensitivity,
    solve_currents,
    solve_dc,
    transfer_matrix,
)

CONDUCTANCE_S = np.full((3, 5), 5e-5)
DRIVE_V = np.full(3, 0.3)
WIRES = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)


def with_one(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize("solver", [solve_dc, solve_currents, sensitivity])
@pytest.mark.parametrize(
    ("conductance_s", "voltage_v", "error", "words"),
    [
        (CONDUCTANCE_S[0], DRIVE_V, ShapeError, r"conductance_s of shape \(5,\)"),
        (np.zeros((0, 5)), np.zeros(0), ShapeError, "at least one row"),
        (np.zeros((3, 0)), DRIVE_V, ShapeError, "at least one row"),
        ([["a"] * 5] * 3, DRIVE_V, ShapeError, "conductance_s"),
        (CONDUCTANCE_S * 1j, DRIVE_V, ShapeError, "real numbers"),
        (with_one(CONDUCTANCE_S, (2, 4), math.nan), DRIVE_V, RangeError, r"conductance_s\[2, 4\] = nan"),
        (with_one(CONDUCTANCE_S, (1, 0), math.inf), DRIVE_V, RangeError, r"conductance_s\[1, 0\] = inf"),
        (with_one(CONDUCTANCE_S, (0, 3), -1e-6), DRIVE_V, RangeError, r"conductance_s\[0, 3\] = -1e-06"),
        (CONDUCTANCE_S, np.full(5, 0.3), ShapeError, r"\(5,\) for 3 rows"),
        (CONDUCTANCE_S, np.full((2, 3, 1), 0.3), ShapeError, "voltage_v of shape"),
        (CONDUCTANCE_S, with_one(DRIVE_V, (1,), math.nan), RangeError, r"voltage_v\[1\] = nan"),
        (CONDUCTANCE_S, np.array([[0.1, 0.2, 0.3], [0.1, 0.2, math.inf]]), RangeError, r"voltage_v\[1, 2\]"),
    ],
)
def test_arrays_that_cannot_be_used_are_named(solver, conductance_s, voltage_v, error, words) -> None:
    with pytest.raises(error, match=words):
        solver(conductance_s, voltage_v, wires=WIRES, device=Ohmic())


def test_a_batch_of_no_vectors_gives_no_currents() -> None:
    assert solve_dc(CONDUCTANCE_S, np.empty((0, 3)), wires=WIRES, device=Sinh()).current_a.shape == (0, 5)


@pytest.mark.parametrize("name", ["row_ohm", "column_ohm", "source_ohm", "sense_ohm"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_resistance_that_cannot_be_is_named(name: str, value: float) -> None:
    with pytest.raises(RangeError, match=rf"Wires.{name} = "):
        Wires(**{name: value})


@pytest.mark.parametrize("value", ["much", None, [[1.0]]])
def test_a_resistance_that_is_no_number_is_named(value) -> None:
    with pytest.raises(ShapeError, match=r"Wires\.source_ohm"):
        Wires(source_ohm=value)
    with pytest.raises(ShapeError, match=r"Wires\.row_ohm"):
        Wires(row_ohm=value)


def test_a_bad_resistance_in_a_list_is_named_by_its_place() -> None:
    with pytest.raises(RangeError, match=r"Wires.sense_ohm\[2\] = -5.0"):
        Wires(sense_ohm=[1.0, 2.0, -5.0])


@pytest.mark.parametrize(
    ("wires", "words"),
    [
        (Wires(source_ohm=np.full(5, 50.0)), r"Wires\.source_ohm with 5 values for 3 rows"),
        (Wires(sense_ohm=np.full(3, 10.0)), r"Wires\.sense_ohm with 3 values for 5 columns"),
    ],
)
def test_lists_of_resistances_must_fit_the_array(wires: Wires, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        solve_dc(CONDUCTANCE_S, DRIVE_V, wires=wires, device=Ohmic())
    with pytest.raises(ShapeError, match=words):
        transfer_matrix(CONDUCTANCE_S, wires=wires)


def test_wires_are_values() -> None:
    assert Wires(source_ohm=[1, 2]) == Wires(source_ohm=np.array([1.0, 2.0]))
    assert len({WIRES, Wires(row_ohm=2, column_ohm=2, source_ohm=50, sense_ohm=10)}) == 1


@pytest.mark.parametrize("device", [Sinh, "sinh", None])
def test_what_is_no_device_is_refused(device) -> None:
    with pytest.raises(InputError, match="device = "):
        solve_dc(CONDUCTANCE_S, DRIVE_V, wires=WIRES, device=device)


def test_what_are_no_wires_is_refused() -> None:
    with pytest.raises(InputError, match="wires = "):
        solve_dc(CONDUCTANCE_S, DRIVE_V, wires=2.0, device=Ohmic())


@pytest.mark.parametrize("count", [1, 3])
def test_a_start_of_another_shape_is_refused(count: int) -> None:
    start = solve_dc(CONDUCTANCE_S, np.tile(DRIVE_V, (count, 1)), wires=WIRES, device=Sinh())
    with pytest.raises(ShapeError, match="a start with node voltages"):
        solve_dc(CONDUCTANCE_S, np.tile(DRIVE_V, (2, 1)), wires=WIRES, device=Sinh(), start=start)


def test_a_drive_beyond_what_the_device_can_compute_names_the_cell() -> None:
    with pytest.raises(RangeError, match=r"no finite current or slope from Sinh.*cell \["):
        solve_dc(CONDUCTANCE_S, np.array([0.1, 1e4, 0.1]), wires=Wires(), device=Sinh())


@pytest.mark.parametrize("volt", [1e300, 1e160])
def test_a_drive_whose_currents_cannot_be_squared_names_the_cell(volt: float) -> None:
    drive_v = with_one(DRIVE_V, (1,), volt)
    with pytest.raises(RangeError, match=r"too large to compute with from Ohmic\(\) in cell \[1, 0\]"):
        solve_dc(CONDUCTANCE_S, drive_v, wires=WIRES, device=Ohmic())


def test_a_conductance_that_cannot_be_squared_is_named_by_its_cell() -> None:
    with pytest.raises(RangeError, match=r"too large to compute with.*cell \[2, 3\], G = 1e\+200 S"):
        solve_dc(with_one(CONDUCTANCE_S, (2, 3), 1e200), DRIVE_V, wires=WIRES, device=Ohmic())


TUNNEL = SmoothLaw(
    current=lambda g, v: g * v * (1 - v) * (1 - v), slope=lambda g, v: g * (1 - v) * (1 - 3 * v)
)


def test_a_law_that_falls_steeply_is_refused_and_not_solved_by_chance() -> None:
    """Against 30 kΩ of wires, several currents fit such a cell at some drives."""
    wires = Wires(row_ohm=1e4, source_ohm=2e4)
    with pytest.raises(SolverError, match=r"falls as the voltage rises from SmoothLaw.*cell \["):
        solve_dc(np.array([[3e-4]]), np.array([1.8]), wires=wires, device=TUNNEL)


def test_a_law_that_falls_slowly_has_one_solution_and_is_solved() -> None:
    """Kirchhoff's law at the one cell: what flows through the wires flows through the cell."""
    wires, drive_v, g = Wires(row_ohm=100.0, sense_ohm=50.0), 0.7, 1e-4
    solution = solve_dc(np.array([[g]]), np.array([drive_v]), wires=wires, device=TUNNEL)
    across_v = solution.cell_v[0, 0]
    assert across_v > 1 / 3, "where the law falls"
    assert solution.current_a[0] == pytest.approx((drive_v - across_v) / 150, rel=1e-12)
    assert solution.current_a[0] == pytest.approx(g * across_v * (1 - across_v) ** 2, rel=1e-12)


class Staircase:
    """A law whose current jumps: nothing that Newton's method could settle on."""

    def evaluate(self, conductance_s, voltage_v, current_a, slope_s) -> None:
        current_a[:] = conductance_s * np.where(voltage_v > 0.2, 1.0, 0.0)
        slope_s[:] = conductance_s * 1e-3


def test_what_cannot_be_solved_is_an_error_and_never_an_answer() -> None:
    with pytest.raises(SolverError, match="no solution for vector 0"):
        solve_dc(np.full((2, 3), 1e-3), np.full(2, 0.4), wires=Wires(row_ohm=1e3), device=Staircase())


def test_an_error_in_one_piece_of_a_batch_reaches_the_caller() -> None:
    """And the threads go on working for the next caller."""
    drive_v = np.full((4000, 3), 0.3)
    drive_v[3000] = 1e4
    with pytest.raises(RangeError, match="no finite current"):
        solve_currents(CONDUCTANCE_S, drive_v, wires=Wires(), device=Sinh())
    current_a = solve_currents(CONDUCTANCE_S, drive_v[:3000], wires=Wires(), device=Sinh())
    assert np.ptp(current_a, axis=0).max() == 0
