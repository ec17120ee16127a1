"""Kernels of a time step against plain matrices; these run with `NUMBA_DISABLE_JIT=1` too."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.simulated_bench.circuit.kernels.line_kernels import factor
from crosscal.simulated_bench.circuit.kernels.transient_kernels import (
    blend,
    cell_voltages,
    line_changes,
    store,
    sum_columns,
)

SIZES = [(1, 1), (1, 4), (4, 1), (5, 3), (9, 8)]
GROUND_S = 3e-3


def chain(count: int, segment_ohm: float, end_ohm: float) -> tuple[np.ndarray, np.ndarray]:
    """Segment currents as differences of node voltages: incidence (K, K) and resistances (K,)."""
    incidence = np.eye(count) - np.eye(count, k=1)
    ohm = np.full(count, segment_ohm)
    ohm[-1] += end_ohm
    return incidence, ohm


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ground_s", [0.0, GROUND_S])
def test_voltages_and_branch_currents_of_lines_are_those_of_their_nodal_matrix(size, ground_s) -> None:
    """KCL at every node, with `i = (v_k - v_next + put) / r` in every segment."""
    rng = np.random.default_rng(1)
    count, lanes = size
    fed_a, put_v, end_ohm = rng.normal(size=size) * 1e-3, rng.normal(size=size), rng.uniform(0, 50, lanes)
    damping, voltage_v, branch_a = np.empty(size), np.empty(size), np.empty(size)
    factor(np.zeros(size), ground_s, 2.0, end_ohm, damping)
    line_changes(fed_a, put_v, ground_s, 2.0, end_ohm, damping, voltage_v, branch_a)
    for m in range(lanes):
        incidence, ohm = chain(count, 2.0, end_ohm[m])
        nodal = incidence.T @ np.diag(1 / ohm) @ incidence + ground_s * np.eye(count)
        expected_v = np.linalg.solve(nodal, fed_a[:, m] - incidence.T @ (put_v[:, m] / ohm))
        np.testing.assert_allclose(voltage_v[:, m], expected_v, rtol=0, atol=1e-11)
        expected_a = (incidence @ expected_v + put_v[:, m]) / ohm
        np.testing.assert_allclose(branch_a[:, m], expected_a, rtol=0, atol=1e-11)


def test_short_steps_do_not_cancel() -> None:
    """Segments of 1e12 Ω and leaks of 1e9 S: each segment carries what is put into it, and nothing else."""
    count, segment_ohm, ground_s = 4, 1e12, 1e9
    put_v, fed_a = np.full((count, 1), 1e-4), np.zeros((count, 1))
    damping, voltage_v, branch_a = np.empty((count, 1)), np.empty((count, 1)), np.empty((count, 1))
    factor(np.zeros((count, 1)), ground_s, segment_ohm, np.zeros(1), damping)
    line_changes(fed_a, put_v, ground_s, segment_ohm, np.zeros(1), damping, voltage_v, branch_a)
    np.testing.assert_allclose(branch_a[:, 0], 1e-4 / segment_ohm, rtol=1e-12)
    np.testing.assert_allclose(voltage_v[0, 0], -1e-4 / segment_ohm / ground_s, rtol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_cells_see_what_their_currents_leave_of_the_open_voltage(size) -> None:
    rng = np.random.default_rng(2)
    rows, columns = size
    open_v, cell_a = rng.normal(size=size), rng.normal(size=size) * 1e-3
    source_ohm, sense_ohm = rng.uniform(0, 50, rows), rng.uniform(0, 10, columns)
    row_damping, column_damping = np.empty((columns, rows)), np.empty(size)
    factor(np.zeros((columns, rows)), GROUND_S, 2.0, source_ohm, row_damping)
    factor(np.zeros(size), GROUND_S, 5.0, sense_ohm, column_damping)
    fall_v, rise_v, across_v = np.empty((columns, rows)), np.empty(size), np.empty(size)
    wires = 2.0, 5.0, source_ohm, sense_ohm
    cell_voltages(open_v, cell_a, *wires, row_damping, column_damping, fall_v, rise_v, across_v)
    expected_v = open_v.copy()
    for i in range(rows):
        incidence, ohm = chain(columns, 2.0, source_ohm[i])
        nodal = incidence.T @ np.diag(1 / ohm) @ incidence + GROUND_S * np.eye(columns)
        expected_v[i] -= np.linalg.solve(nodal, cell_a[i, ::-1])[::-1]
    for j in range(columns):
        incidence, ohm = chain(rows, 5.0, sense_ohm[j])
        nodal = incidence.T @ np.diag(1 / ohm) @ incidence + GROUND_S * np.eye(rows)
        expected_v[:, j] -= np.linalg.solve(nodal, cell_a[:, j])
    np.testing.assert_allclose(across_v, expected_v, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kinds", [2, 4])
def test_what_is_stored_changes_and_its_rate_is_the_change_less_the_history(kinds: int) -> None:
    begin, change, history = np.random.default_rng(3).normal(size=(3, kinds, 15))
    state, rate = np.empty_like(change), np.empty_like(change)
    store(begin, change, history, 2.0, 5.0, state, rate)
    per_change = np.array([2.0, 2.0, 5.0, 5.0])[:kinds, None]
    np.testing.assert_allclose(state, begin + change, rtol=1e-15)
    np.testing.assert_allclose(rate, per_change * change - history, rtol=0, atol=1e-14)


@pytest.mark.parametrize("size", SIZES)
def test_columns_collect_their_cells_less_what_their_capacitors_take(size) -> None:
    cell_a, stored_a = np.random.default_rng(4).normal(size=(2, *size))
    current_a = np.empty(size[1])
    sum_columns(cell_a, stored_a, current_a)
    np.testing.assert_allclose(current_a, (cell_a - stored_a).sum(axis=0), rtol=0, atol=1e-14)


def test_a_blend_is_a_weighted_sum_that_does_not_look_at_what_has_no_weight() -> None:
    arrays = np.random.default_rng(5).normal(size=(4, 3, 5))
    expected = 2.0 * arrays[0] - 0.5 * arrays[3]
    arrays[1] = np.nan
    blended = np.empty((3, 5))
    blend(np.array([2.0, 0.0, 0.0, -0.5]), arrays, blended)
    np.testing.assert_allclose(blended, expected, rtol=0, atol=1e-15)
