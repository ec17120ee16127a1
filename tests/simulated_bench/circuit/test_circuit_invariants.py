"""What must hold for every array, whatever its size, wires and cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosscal.simulated_bench import (
    CellLaw,
    Ohmic,
    Sinh,
    SmoothLaw,
    Wires,
    cell_current,
    solve_currents,
    solve_dc,
    transfer_matrix,
)

CUBIC = SmoothLaw(current=lambda g, v: g * v * (1 + v * v), slope=lambda g, v: g * (1 + 3 * v * v))
OHMS = st.sampled_from([0.0, 0.5, 2.0, 100.0])
SIZES = st.integers(1, 20)


@st.composite
def arrays(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Wires]:
    """Conductances (N, M) with some open cells, drives (2, N) of both signs, wires."""
    rows, columns = draw(SIZES), draw(SIZES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    conductance_s = rng.uniform(16.6e-6, 100e-6, (rows, columns)) * (rng.random((rows, columns)) > 0.1)
    wires = Wires(row_ohm=draw(OHMS), column_ohm=draw(OHMS), source_ohm=draw(OHMS), sense_ohm=draw(OHMS))
    return conductance_s, rng.uniform(-0.5, 0.5, (2, rows)), wires


def node_surplus_a(word_v: np.ndarray, bit_v: np.ndarray, drive_v: np.ndarray, wires: Wires) -> tuple:
    """Current that the wires bring to each row node, and that they carry off from each column node."""
    into_rows = np.concatenate([drive_v[:, None], word_v], axis=1)
    row_ohm = np.full(word_v.shape, wires.row_ohm)
    row_ohm[:, 0] += wires.source_ohm
    along_rows_a = -np.diff(into_rows, axis=1) / row_ohm
    down_columns = np.concatenate([bit_v, np.zeros((1, bit_v.shape[1]))])
    column_ohm = np.full(bit_v.shape, wires.column_ohm)
    column_ohm[-1] += wires.sense_ohm
    along_columns_a = -np.diff(down_columns, axis=0) / column_ohm
    row_surplus_a = along_rows_a - np.pad(along_rows_a[:, 1:], ((0, 0), (0, 1)))
    column_surplus_a = along_columns_a - np.pad(along_columns_a[:-1], ((1, 0), (0, 0)))
    return row_surplus_a, column_surplus_a, along_columns_a[-1]


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(SIZES, SIZES),
    ohm=st.tuples(*[st.sampled_from([1.0, 2.0, 100.0])] * 2, OHMS, OHMS),
    seed=st.integers(0, 2**32 - 1),
    device=st.sampled_from([Ohmic(), Sinh(), CUBIC]),
)
def test_kirchhoffs_law_holds_at_every_node(
    size: tuple[int, int], ohm: tuple[float, float, float, float], seed: int, device: CellLaw
) -> None:
    """To 1e-12 of the largest current, or the rounding of a node voltage over one wire segment."""
    rng = np.random.default_rng(seed)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, size), rng.uniform(-0.5, 0.5, size[0])
    wires = Wires(row_ohm=ohm[0], column_ohm=ohm[1], source_ohm=ohm[2], sense_ohm=ohm[3])
    solution = solve_dc(conductance_s, drive_v, wires=wires, device=device)

    cell_a = cell_current(device, conductance_s, solution.cell_v)
    row_a, column_a, out_a = node_surplus_a(solution.word_v, solution.bit_v, drive_v, wires)
    largest_a = np.abs(solution.current_a).max()
    rounding_a = 4 * np.spacing(0.5) / min(ohm[:2])
    assert np.abs(row_a - cell_a).max() <= 1e-12 * largest_a + rounding_a
    assert np.abs(column_a - cell_a).max() <= 1e-12 * largest_a + rounding_a
    np.testing.assert_allclose(solution.current_a, out_a, atol=1e-12 * largest_a + rounding_a, rtol=0)


BENT_LAWS = {
    "diode": SmoothLaw(
        current=lambda g, v: g * 0.026 * (math.exp(v / 0.026) - 1), slope=lambda g, v: g * math.exp(v / 0.026)
    ),
    "saturating": SmoothLaw(
        current=lambda g, v: g * math.tanh(50 * v) / 50, slope=lambda g, v: g / math.cosh(50 * v) ** 2
    ),
    "steep": SmoothLaw(
        current=lambda g, v: g * math.sinh(20 * v) / 20, slope=lambda g, v: g * math.cosh(20 * v)
    ),
    "flat": SmoothLaw(current=lambda g, v: g * v**5, slope=lambda g, v: 5 * g * v**4),
}


@pytest.mark.parametrize("name", BENT_LAWS)
@pytest.mark.parametrize("ohm", [2.0, 100.0, 1000.0])
def test_laws_that_bend_sharply_are_solved_too(name: str, ohm: float) -> None:
    """Where a whole Newton step would leap past the bend, at drives of up to 1 V."""
    device, rng = BENT_LAWS[name], np.random.default_rng(11)
    conductance_s, drives_v = rng.uniform(16.6e-6, 100e-6, (24, 16)), rng.uniform(-1, 1, (5, 24))
    wires = Wires(row_ohm=ohm, column_ohm=ohm, source_ohm=50.0, sense_ohm=10.0)
    solution = solve_dc(conductance_s, drives_v, wires=wires, device=device)
    for b, drive_v in enumerate(drives_v):
        cell_a = cell_current(device, conductance_s, solution.cell_v[b])
        row_a, column_a, _ = node_surplus_a(solution.word_v[b], solution.bit_v[b], drive_v, wires)
        bound_a = 1e-12 * np.abs(cell_a).sum(axis=0).max() + 4 * np.spacing(1.0) / ohm
        assert np.abs(row_a - cell_a).max() <= bound_a
        assert np.abs(column_a - cell_a).max() <= bound_a


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (96, 40), (40, 96)])
@pytest.mark.parametrize("device", [Ohmic(), Sinh()], ids=["ohmic", "sinh"])
def test_kirchhoffs_law_holds_to_1e_12_of_the_largest_current(
    rows: int, columns: int, device: CellLaw
) -> None:
    """At sizes where rounding of the node voltages themselves allows it."""
    rng = np.random.default_rng(rows)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, (rows, columns)), rng.uniform(0.1, 0.5, rows)
    wires = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
    solution = solve_dc(conductance_s, drive_v, wires=wires, device=device)
    cell_a = cell_current(device, conductance_s, solution.cell_v)
    row_a, column_a, _ = node_surplus_a(solution.word_v, solution.bit_v, drive_v, wires)
    bound_a = 1e-12 * np.abs(solution.current_a).max()
    assert np.abs(row_a - cell_a).max() <= bound_a
    assert np.abs(column_a - cell_a).max() <= bound_a


@settings(max_examples=40, deadline=None)
@given(array=arrays(), factor=st.floats(-3, 3))
def test_ohmic_arrays_are_linear(array: tuple[np.ndarray, np.ndarray, Wires], factor: float) -> None:
    conductance_s, (one_v, other_v), wires = array
    one_a, other_a, both_a = (
        solve_currents(conductance_s, drive_v, wires=wires, device=Ohmic())
        for drive_v in (one_v, other_v, one_v + factor * other_v)
    )
    scale_a = np.abs(one_a).max() + np.abs(factor * other_a).max()
    np.testing.assert_allclose(both_a, one_a + factor * other_a, rtol=0, atol=1e-12 * scale_a)


@settings(max_examples=40, deadline=None)
@given(array=arrays())
def test_the_transfer_matrix_superposes_single_inputs(array: tuple[np.ndarray, np.ndarray, Wires]) -> None:
    conductance_s, drive_v, wires = array
    direct_a = solve_currents(conductance_s, drive_v, wires=wires, device=Ohmic())
    product_a = drive_v @ transfer_matrix(conductance_s, wires=wires).T
    np.testing.assert_allclose(product_a, direct_a, rtol=0, atol=1e-12 * np.abs(direct_a).max())


@settings(max_examples=40, deadline=None)
@given(array=arrays())
def test_ohmic_arrays_are_reciprocal(array: tuple[np.ndarray, np.ndarray, Wires]) -> None:
    """Driven at the amplifiers and read at the drivers, an array has the transposed transfer matrix."""
    conductance_s, _, wires = array
    turned = Wires(
        row_ohm=wires.column_ohm,
        column_ohm=wires.row_ohm,
        source_ohm=wires.sense_ohm,
        sense_ohm=wires.source_ohm,
    )
    forward_s = transfer_matrix(conductance_s, wires=wires)
    # seen from the amplifiers, columns are rows that begin at the last cell
    backward_s = transfer_matrix(np.ascontiguousarray(conductance_s.T[::-1, ::-1]), wires=turned)
    scale_s = np.abs(forward_s).max()
    np.testing.assert_allclose(backward_s[::-1, ::-1], forward_s.T, rtol=0, atol=1e-12 * scale_s)


@settings(max_examples=40, deadline=None)
@given(array=arrays(), device=st.sampled_from([Ohmic(), Sinh(), CUBIC]), row=st.integers(0, 19))
def test_a_higher_drive_never_lowers_a_current(
    array: tuple[np.ndarray, np.ndarray, Wires], device: CellLaw, row: int
) -> None:
    conductance_s, (drive_v, _), wires = array
    raised_v = drive_v.copy()
    raised_v[row % len(drive_v)] += 0.05
    lower_a, higher_a = solve_currents(
        conductance_s, np.stack([drive_v, raised_v]), wires=wires, device=device
    )
    # every cell and wire passes more current at a higher voltage: no column can receive less
    assert (higher_a - lower_a >= -1e-12 * np.abs(lower_a).max()).all()


@settings(max_examples=30, deadline=None)
@given(array=arrays())
def test_an_odd_law_gives_opposite_currents_for_opposite_drives(
    array: tuple[np.ndarray, np.ndarray, Wires],
) -> None:
    conductance_s, (drive_v, _), wires = array
    plus_a, minus_a = solve_currents(conductance_s, np.stack([drive_v, -drive_v]), wires=wires, device=CUBIC)
    np.testing.assert_allclose(minus_a, -plus_a, rtol=0, atol=1e-12 * np.abs(plus_a).max())


@pytest.mark.parametrize("device", [Sinh(), CUBIC], ids=["sinh", "cubic"])
def test_a_vector_is_solved_the_same_to_the_bit_in_any_batch(device: CellLaw) -> None:
    rng = np.random.default_rng(7)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, (24, 40)), rng.uniform(-0.5, 0.5, (60, 24))
    wires = Wires(row_ohm=2.0, column_ohm=5.0, source_ohm=50.0, sense_ohm=10.0)
    together = solve_dc(conductance_s, drive_v, wires=wires, device=device)
    for b in (0, 17, 59):
        alone = solve_dc(conductance_s, drive_v[b], wires=wires, device=device)
        assert np.array_equal(alone.current_a, together.current_a[b])
        assert np.array_equal(alone.word_v, together.word_v[b])
        assert np.array_equal(alone.bit_v, together.bit_v[b])


@pytest.mark.parametrize("device", [Ohmic(), Sinh(), CUBIC], ids=["ohmic", "sinh", "cubic"])
def test_currents_do_not_depend_on_how_a_batch_is_cut(device: CellLaw) -> None:
    rng = np.random.default_rng(7)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, (24, 40)), rng.uniform(-0.5, 0.5, (60, 24))
    wires = Wires(row_ohm=2.0, column_ohm=5.0, source_ohm=50.0, sense_ohm=10.0)
    whole_a = solve_currents(conductance_s, drive_v, wires=wires, device=device)
    for size in (1, 7, 33):
        parts = [drive_v[k : k + size] for k in range(0, 60, size)]
        parts_a = [solve_currents(conductance_s, part, wires=wires, device=device) for part in parts]
        assert np.array_equal(np.concatenate(parts_a), whole_a)


@pytest.mark.parametrize("size", [(8, 5), (5, 8)])
def test_superposed_solutions_are_those_solved_one_by_one(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(8)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, size), rng.uniform(-0.5, 0.5, (30, size[0]))
    wires = Wires(row_ohm=2.0, column_ohm=5.0, source_ohm=50.0, sense_ohm=10.0)
    together = solve_dc(conductance_s, drive_v, wires=wires, device=Ohmic())
    for b in range(30):
        alone = solve_dc(conductance_s, drive_v[b], wires=wires, device=Ohmic())
        np.testing.assert_allclose(together.current_a[b], alone.current_a, rtol=0, atol=1e-12 * 1e-4)
        np.testing.assert_allclose(together.word_v[b], alone.word_v, rtol=0, atol=1e-14)
        np.testing.assert_allclose(together.bit_v[b], alone.bit_v, rtol=0, atol=1e-14)


@pytest.mark.parametrize("ohm", [1e-9, 1e-3, 1.0, 100.0, 1e4])
def test_wires_of_any_resistance_are_solved(ohm: float) -> None:
    rng = np.random.default_rng(8)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, (30, 20)), rng.uniform(0.1, 0.5, 30)
    previous_a = solve_currents(conductance_s, drive_v, wires=Wires(), device=Sinh())
    wires = Wires(row_ohm=ohm, column_ohm=ohm)
    current_a = solve_currents(conductance_s, drive_v, wires=wires, device=Sinh())
    assert (current_a <= previous_a * (1 + 1e-12)).all()
    assert (current_a > 0).all()


def test_vanishing_wires_approach_no_wires_in_proportion() -> None:
    rng = np.random.default_rng(9)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, (12, 9)), rng.uniform(0.1, 0.5, 12)
    ideal_a, *lost_a = (
        solve_currents(conductance_s, drive_v, wires=Wires(row_ohm=ohm, column_ohm=ohm), device=Sinh())
        for ohm in (0.0, 1e-3, 1e-6)
    )
    np.testing.assert_allclose((lost_a[0] - ideal_a) / (lost_a[1] - ideal_a), 1000.0, rtol=1e-3)


@pytest.mark.parametrize("device", [Sinh(), CUBIC], ids=["sinh", "cubic"])
def test_a_start_changes_nothing_but_the_time(device: CellLaw) -> None:
    rng = np.random.default_rng(10)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, (20, 30)), rng.uniform(0.1, 0.5, (5, 20))
    wires = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
    before = solve_dc(conductance_s, drive_v, wires=wires, device=device)
    drifted_s = conductance_s * rng.uniform(0.9, 1.0, conductance_s.shape)
    warm = solve_dc(drifted_s, drive_v, wires=wires, device=device, start=before)
    cold = solve_dc(drifted_s, drive_v, wires=wires, device=device)
    np.testing.assert_allclose(warm.current_a, cold.current_a, rtol=1e-12)
    np.testing.assert_allclose(warm.word_v, cold.word_v, rtol=1e-12)
