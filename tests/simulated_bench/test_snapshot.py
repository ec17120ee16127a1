"""A bench with a matrix programmed and vectors applied."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import RangeError, ShapeError
from crosscal.simulated_bench import Bench, program_bench, solve_dc, take_snapshot

ROWS, COLUMNS = 4, 6
SMALL = {"array": {"rows": ROWS, "columns": COLUMNS}}
TARGET_S = np.random.default_rng(2).uniform(20e-6, 95e-6, (ROWS, COLUMNS))
VECTORS_V = np.random.default_rng(3).uniform(-0.4, 0.4, (3, ROWS))
FAULTS = {
    "cells": [
        {"row": 1, "column": 2, "kind": "OPEN"},
        {"row": 4, "column": 6, "kind": "SHORT"},
        {"row": 2, "column": 1, "kind": "STUCK"},
    ],
    "amplifiers": [5],
}


def broken_bench() -> Bench:
    bench = Bench.from_toml("lab-12x16", faults=FAULTS, **SMALL)
    program_bench(bench, TARGET_S)
    return bench


def test_a_snapshot_says_what_is_broken_and_what_flows_where() -> None:
    snapshot = take_snapshot(broken_bench(), TARGET_S, VECTORS_V)
    assert snapshot.cell_faults[0, 1] == "OPEN"
    assert snapshot.cell_faults[3, 5] == "SHORT"
    assert snapshot.cell_faults[1, 0] == "STUCK"
    assert (snapshot.cell_faults == "").sum() == ROWS * COLUMNS - 3
    assert snapshot.amplifier_faults.tolist() == [False] * 4 + [True, False]
    assert np.isnan(snapshot.reading_a[:, 4]).all()
    assert not snapshot.cell_a[:, 0, 1].any()
    # Kirchhoff: what the cells of a column pass is what flows out of it, to rounding.
    np.testing.assert_allclose(snapshot.cell_a.sum(axis=1), snapshot.solution.current_a, rtol=1e-9)


def test_a_snapshot_is_of_the_array_that_is_read() -> None:
    """Drivers round to 0.3 mV, the board reads with 0.5 % of gain error and 1e-3 of a range in the rest."""
    bench = broken_bench()
    snapshot = take_snapshot(bench, TARGET_S, VECTORS_V)
    assert np.abs(snapshot.voltage_v - VECTORS_V).max() <= 10.0 / 2**16
    expected = solve_dc(
        snapshot.conductance_s, snapshot.voltage_v, wires=snapshot.wires, device=snapshot.device
    )
    assert np.array_equal(snapshot.solution.current_a, expected.current_a)
    whole = ~snapshot.amplifier_faults
    off_a = np.abs(snapshot.reading_a - snapshot.solution.current_a)[:, whole]
    assert (off_a <= 5.5e-3 * np.abs(snapshot.solution.current_a[:, whole]) + 1.5e-3 * snapshot.range_a).all()


@pytest.mark.parametrize(("volts", "range_a"), [(0.001, 0.68267e-6), (0.1, 93.091e-6), (0.4, 12.337e-3)])
def test_the_amplifiers_stand_in_the_smallest_range_that_holds_all_currents(
    volts: float, range_a: float
) -> None:
    bench = Bench.from_toml("lab-12x16", **SMALL)
    program_bench(bench, TARGET_S)
    snapshot = take_snapshot(bench, TARGET_S, np.full((1, ROWS), volts))
    assert snapshot.range_a == range_a
    assert np.abs(snapshot.solution.current_a).max() < range_a


@pytest.mark.parametrize(
    ("target_s", "error", "words"),
    [
        (np.full((COLUMNS, ROWS), 5e-5), ShapeError, r"shape \(6, 4\)"),
        (np.full((ROWS, COLUMNS), 5e-3), RangeError, r"target_s\[0, 0\] = 0.005 S"),
        (np.where(np.eye(ROWS, COLUMNS), np.nan, 5e-5), RangeError, r"target_s\[0, 0\] = nan"),
    ],
)
def test_a_matrix_that_the_board_does_not_take_is_named(target_s, error, words) -> None:
    with pytest.raises(error, match=words):
        program_bench(Bench.from_toml("lab-12x16", **SMALL), target_s)


@pytest.mark.parametrize("vectors_v", [np.ones(ROWS), np.ones((2, COLUMNS)), np.ones((0, ROWS))])
def test_vectors_that_do_not_fit_are_refused(vectors_v: np.ndarray) -> None:
    bench = Bench.from_toml("lab-12x16", **SMALL)
    with pytest.raises(ShapeError, match="vectors of shape"):
        take_snapshot(bench, TARGET_S, vectors_v)


def test_a_board_of_tiles_is_solved_tile_by_tile_and_its_columns_are_summed() -> None:
    bench = Bench.from_toml("lab-12x16", tiles={"rows": 2, "columns": 3}, faults=FAULTS, **SMALL)
    program_bench(bench, TARGET_S)
    snapshot = take_snapshot(bench, TARGET_S, VECTORS_V)
    assert snapshot.cell_faults[0, 1] == "OPEN"
    assert snapshot.cell_faults[3, 5] == "SHORT"
    assert snapshot.amplifier_faults.tolist() == [False] * 4 + [True, False]
    flowing_a = np.zeros((3, COLUMNS))
    for rows, columns, tile in bench.arrays():
        part = take_snapshot(tile, TARGET_S[rows, columns], VECTORS_V[:, rows])
        assert np.array_equal(snapshot.conductance_s[rows, columns], part.conductance_s)
        flowing_a[:, columns] += part.solution.current_a
    # Tiles of their own may stand in another range, with another input resistance of some ohms.
    np.testing.assert_allclose(
        snapshot.solution.current_a, flowing_a, rtol=0, atol=5e-3 * abs(flowing_a).max()
    )


@pytest.mark.parametrize("volts", [3.0, -0.61])
def test_a_snapshot_drives_nothing_beyond_the_protection(volts: float) -> None:
    """Nor does it show a voltage that it clipped in silence."""
    vectors_v = VECTORS_V.copy()
    vectors_v[1, 2] = volts
    with pytest.raises(RangeError, match=rf"{volts:g} V on row 3 of vector 2; allowed: ±0\.6 V.*smaller"):
        take_snapshot(broken_bench(), TARGET_S, vectors_v)
