"""Each kernel against a plain NumPy twin that uses matrices where the kernel uses ladders.

Sizes are small, so that these run with `NUMBA_DISABLE_JIT=1` too.
"""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.simulated_bench.circuit.kernels.chord_kernels import chords, spread
from crosscal.simulated_bench.circuit.kernels.line_by_line_kernels import row_contributions, unit_currents
from crosscal.simulated_bench.circuit.kernels.line_kernels import drop, factor, from_rows, respond, to_rows
from crosscal.simulated_bench.circuit.kernels.linear_kernels import prepare, solve, work_arrays_for
from crosscal.simulated_bench.circuit.kernels.newton_kernels import (
    column_currents,
    move_along,
    newton_steps,
    node_voltages,
    residual,
    voltages_across,
)
from crosscal.simulated_bench.devices.law_kernels import ohmic

SIZES = [(1, 1), (1, 5), (5, 1), (4, 7), (9, 8), (8, 16), (17, 6)]
DOUBLE, SINGLE = np.float64, np.float32
CLOSE = {DOUBLE: 1e-12, SINGLE: 1e-4}
# row segment, column segment; every kernel must take zeros
OHMS = [(2.0, 5.0), (0.0, 3.0), (3.0, 0.0), (0.0, 0.0), (100.0, 100.0)]


def way_ohm(count: int, segment_ohm: float, end_ohm: float) -> np.ndarray:
    """Resistance that two nodes' ways to the held end share; node 0 lies at the open end."""
    to_end = segment_ohm * (count - np.arange(count)) + end_ohm
    return np.minimum(to_end[:, None], to_end[None, :])


def wire_drop_v(cell_a: np.ndarray, wires: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Voltage lost along the rows, and voltage of the columns, for cell currents (N, M)."""
    row_ohm, column_ohm, source_ohm, sense_ohm = wires
    rows, columns = cell_a.shape
    lost_v, bit_v = np.empty_like(cell_a), np.empty_like(cell_a)
    for i in range(rows):
        lost_v[i] = (way_ohm(columns, row_ohm, source_ohm[i]) @ cell_a[i, ::-1])[::-1]
    for j in range(columns):
        bit_v[:, j] = way_ohm(rows, column_ohm, sense_ohm[j]) @ cell_a[:, j]
    return lost_v, bit_v


def dense_solution(right_a: np.ndarray, slope_s: np.ndarray, wires: tuple) -> np.ndarray:
    """`q + slope · A(q) = right` with A written out as a matrix."""
    size = right_a.size
    unit = np.eye(size).reshape(size, *right_a.shape)
    resistance = np.array([sum(wire_drop_v(one, wires)).ravel() for one in unit]).T
    matrix = np.eye(size) + slope_s.ravel()[:, None] * resistance
    return np.linalg.solve(matrix, right_a.ravel()).reshape(right_a.shape)


def draw_wires(size: tuple[int, int], ohm: tuple[float, float], rng: np.random.Generator) -> tuple:
    """Resistances with zeros among them, as the kernels take them."""
    return *ohm, rng.choice([0.0, 50.0], size[0]), rng.choice([0.0, 10.0], size[1])


@pytest.mark.parametrize("size", SIZES)
def test_rows_are_laid_out_from_their_open_end_and_back(size: tuple[int, int]) -> None:
    cells = np.random.default_rng(0).normal(size=size)
    lines, again = np.empty(size[::-1]), np.empty(size)
    to_rows(cells, lines)
    assert np.array_equal(lines, cells.T[::-1])
    from_rows(lines, again)
    assert np.array_equal(again, cells)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("segment_ohm", [0.0, 2.0])
@pytest.mark.parametrize("kind", [DOUBLE, SINGLE])
def test_drop_is_the_product_with_the_matrix_of_shared_ways(size, segment_ohm, kind) -> None:
    rng = np.random.default_rng(1)
    current_a, end_ohm = rng.normal(size=size), rng.choice([0.0, 10.0], size[1])
    expected_v = np.stack(
        [way_ohm(size[0], segment_ohm, end) @ one for end, one in zip(end_ohm, current_a.T, strict=True)],
        axis=1,
    )
    voltage_v = np.empty(size, dtype=kind)
    drop(current_a.astype(kind), kind(segment_ohm), end_ohm.astype(kind), voltage_v)
    scale_v = np.abs(expected_v).max() + 1
    np.testing.assert_allclose(voltage_v, expected_v, rtol=0, atol=CLOSE[kind] * scale_v)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("segment_ohm", [0.0, 2.0, 1e4])
@pytest.mark.parametrize("ground_s", [0.0, 3e-3])
@pytest.mark.parametrize("kind", [DOUBLE, SINGLE])
def test_a_leaking_line_responds_as_its_matrix_says(size, segment_ohm, ground_s, kind) -> None:
    """`v = K (i - g v)`, K the matrix of shared ways."""
    rng = np.random.default_rng(2)
    current_a, end_ohm = rng.normal(size=size), rng.choice([0.0, 10.0], size[1])
    shunt_s = rng.uniform(0, 1e-2, size) * (rng.random(size) > 0.2)
    expected_v = np.empty(size)
    for m in range(size[1]):
        shared = way_ohm(size[0], segment_ohm, end_ohm[m])
        expected_v[:, m] = np.linalg.solve(
            np.eye(size[0]) + shared * (shunt_s[:, m] + ground_s), shared @ current_a[:, m]
        )
    damping, voltage_v = np.empty(size, dtype=kind), np.empty(size, dtype=kind)
    typed = kind(segment_ohm), end_ohm.astype(kind)
    factor(shunt_s.astype(kind), kind(ground_s), *typed, damping)
    respond(current_a.astype(kind), *typed, damping, voltage_v)
    scale_v = np.abs(expected_v).max() + 1
    np.testing.assert_allclose(voltage_v, expected_v, rtol=0, atol=CLOSE[kind] * scale_v)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ohm", OHMS)
@pytest.mark.parametrize("kind", [DOUBLE, SINGLE])
def test_the_linear_solve_is_that_of_the_dense_matrix(size, ohm, kind) -> None:
    rng = np.random.default_rng(3)
    wires = draw_wires(size, ohm, rng)
    slope_s, right_a = rng.uniform(0, 1e-3, size) * (rng.random(size) > 0.2), rng.normal(size=size)
    expected_a = dense_solution(right_a, slope_s, wires)
    typed = [np.asarray(part).astype(kind)[()] for part in (slope_s, *wires)]
    columns, rows = np.empty(size, dtype=kind), np.empty(size[::-1], dtype=kind)
    cell_a, rounding = np.empty(size, dtype=kind), kind(4 * np.finfo(kind).eps)
    prepare(*typed, kind(0), columns, rows)
    limits = kind(1e-14), rounding, 200
    used = solve(right_a.astype(kind), *typed, columns, rows, *limits, work_arrays_for(cell_a), cell_a)
    assert used < 200
    np.testing.assert_allclose(cell_a, expected_a, rtol=0, atol=CLOSE[kind] * np.abs(right_a).max())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ohm", OHMS)
def test_node_voltages_are_products_with_shared_ways(size, ohm) -> None:
    rng = np.random.default_rng(4)
    wires = draw_wires(size, ohm, rng)
    cell_a, drive_v = rng.normal(size=(3, *size)) * 1e-4, rng.uniform(0.1, 0.5, (3, size[0]))
    word_v, bit_v, across_v = (np.full((3, *size), np.nan) for _ in range(3))
    node_voltages(cell_a, drive_v, *wires, word_v, bit_v)
    voltages_across(np.array([0, 2]), cell_a, drive_v, *wires, across_v)
    for b in range(3):
        lost_v, expected_bit_v = wire_drop_v(cell_a[b], wires)
        np.testing.assert_allclose(word_v[b], drive_v[b][:, None] - lost_v, rtol=0, atol=1e-14)
        np.testing.assert_allclose(bit_v[b], expected_bit_v, rtol=0, atol=1e-14)
    np.testing.assert_allclose(across_v[[0, 2]], (word_v - bit_v)[[0, 2]], rtol=0, atol=1e-14)
    assert np.isnan(across_v[1]).all(), "a vector that is not live is left alone"


def test_column_currents_are_sums_over_rows() -> None:
    cell_a, current_a = np.random.default_rng(5).normal(size=(3, 4, 7)), np.empty((3, 7))
    column_currents(cell_a, current_a)
    np.testing.assert_allclose(current_a, cell_a.sum(axis=1))


@pytest.mark.parametrize("size", SIZES)
def test_the_mismatch_is_measured_vector_by_vector(size) -> None:
    rng = np.random.default_rng(5)
    law_a, slope_s, cell_a = rng.normal(size=(3, 4, *size))
    expected_a, norms = law_a - cell_a, np.zeros((4, 4))
    whole_a = law_a.copy()
    residual(np.array([1, 3]), law_a, slope_s, cell_a, norms)
    for b in (1, 3):
        np.testing.assert_allclose(law_a[b], expected_a[b])
        expected = [np.linalg.norm(x[b]) for x in (expected_a, whole_a, slope_s)]
        np.testing.assert_allclose(norms[:, b], [*expected, slope_s[b].min()])
    assert not norms[:, [0, 2]].any()
    assert np.array_equal(law_a[[0, 2]], whole_a[[0, 2]])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rounding", [DOUBLE(1e-15), SINGLE(3e-7)])
def test_newton_steps_solve_the_linearised_array(size, rounding) -> None:
    rng = np.random.default_rng(6)
    wires = draw_wires(size, (2.0, 5.0), rng)
    slope_s, residual_a = rng.uniform(1e-5, 1e-3, (3, *size)), rng.normal(size=(3, *size)) * 1e-6
    residual_a[1] = 0
    left_a, step_a = np.linalg.norm(residual_a, axis=(1, 2)), np.full((3, *size), np.nan)
    part = np.full(3, float(rounding))
    newton_steps(np.array([0, 1]), residual_a, slope_s, *wires, 0.0, left_a, part, rounding, 200, step_a)
    expected_a = dense_solution(residual_a[0], slope_s[0], wires)
    close = 1e-12 if isinstance(rounding, DOUBLE) else 1e-5
    np.testing.assert_allclose(step_a[0], expected_a, rtol=0, atol=close * np.abs(residual_a[0]).max())
    assert not step_a[1].any()
    assert np.isnan(step_a[2]).all()


def test_walk_moves_live_vectors_by_their_own_lengths() -> None:
    rng = np.random.default_rng(7)
    step_a, cell_a = rng.normal(size=(2, 3, 4, 5))
    length, before_a = np.array([0.5, -1.0, 2.0]), cell_a.copy()
    move_along(np.array([0, 2]), length, step_a, cell_a)
    for b, moved in ((0, 0.5), (1, 0.0), (2, 2.0)):
        np.testing.assert_allclose(cell_a[b], before_a[b] + moved * step_a[b])


def test_chords_of_a_law_pass_its_current_at_the_voltage_asked() -> None:
    rng = np.random.default_rng(8)
    drive_v = rng.uniform(-0.5, 0.5, (2, 4))
    drive_v[0, 1] = 0.0
    across_v = np.empty((2, 4, 3))
    spread(0.5, drive_v, across_v)
    np.testing.assert_allclose(across_v, np.repeat(0.5 * drive_v[:, :, None], 3, axis=2))
    conductance_s = rng.uniform(1e-5, 1e-4, (4, 3))
    law_a, slope_s = conductance_s * across_v * (1 + across_v**2), conductance_s * (1 + 3 * across_v**2)
    expected_s = conductance_s * (1 + across_v**2)
    bends = [np.linalg.norm(e - s) / np.linalg.norm(e) for e, s in zip(expected_s, slope_s, strict=True)]
    norms, bend = np.zeros((4, 2)), np.empty(2)
    chords(0.5, drive_v, law_a, slope_s, norms, bend)
    np.testing.assert_allclose(slope_s, expected_s)
    np.testing.assert_allclose(law_a, expected_s * drive_v[:, :, None])
    np.testing.assert_allclose(bend, bends)
    np.testing.assert_allclose(norms[:2], np.stack([np.linalg.norm(law_a, axis=(1, 2))] * 2))
    np.testing.assert_allclose(norms[2], np.linalg.norm(expected_s, axis=(1, 2)))


def test_chords_are_never_negative() -> None:
    """A law with a current at rest has no chord at small voltages; its slope stands in."""
    law_a, slope_s = np.full((1, 1, 2), -1e-6), np.array([[[2e-5, -1e-5]]])
    chords(1.0, np.array([[0.1]]), law_a, slope_s, np.zeros((4, 1)), np.empty(1))
    np.testing.assert_allclose(slope_s, [[[2e-5, 0.0]]])


@pytest.mark.parametrize("size", SIZES)
def test_lines_driven_one_by_one_answer_as_the_dense_matrix(size) -> None:
    rng = np.random.default_rng(9)
    wires = draw_wires(size, (2.0, 5.0), rng)
    slope_s = rng.uniform(1e-5, 1e-3, size)
    columns, rows = np.empty(size), np.empty(size[::-1])
    prepare(slope_s, *wires, 0.0, columns, rows)
    expected_a = np.empty((size[0], *size))
    for i in range(size[0]):
        right_a = np.zeros(size)
        right_a[i] = slope_s[i]
        expected_a[i] = dense_solution(right_a, slope_s, wires)
    limits = 1e-14, 1e-15, 200
    first = size[0] // 2
    cell_a = np.empty((size[0] - first, *size))
    unit_currents(slope_s, *wires, columns, rows, first, *limits, cell_a)
    np.testing.assert_allclose(cell_a, expected_a[first:], rtol=0, atol=1e-12 * expected_a.max())
    first = size[1] // 2
    transfer_s = np.empty((size[1] - first, size[0]))
    row_contributions(slope_s, *wires, columns, rows, first, *limits, transfer_s)
    np.testing.assert_allclose(transfer_s, expected_a.sum(axis=1).T[first:], rtol=1e-11)


def test_the_ohmic_kernel_multiplies() -> None:
    rng = np.random.default_rng(10)
    conductance_s, voltage_v = rng.uniform(0, 1e-4, (3, 5)), rng.uniform(-1, 1, (2, 3, 5))
    current_a, slope_s = np.empty((2, 2, 3, 5))
    ohmic(conductance_s, voltage_v, current_a, slope_s)
    assert np.array_equal(current_a, conductance_s * voltage_v)
    assert np.array_equal(slope_s, np.broadcast_to(conductance_s, slope_s.shape))
