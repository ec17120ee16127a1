"""Fit of read-backs to their targets, from cells whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.training import Measurements
from crosscal.training.calibrators.read_back_law import blank_law, fit_read_backs

MATRICES = 40


def run_of(read_back_s: np.ndarray, target_s: np.ndarray) -> Measurements:
    matrices, rows, columns = target_s.shape
    return Measurements(
        conductance_s=target_s,
        voltage_v=np.full((matrices, 1, rows), 0.2),
        current_a=np.zeros((matrices, 1, columns)),
        usable=np.ones((matrices, 1), dtype=bool),
        read_back_s=read_back_s,
    )


def targets_s(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(10e-6, 100e-6, (MATRICES, rows, columns))


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (3, 7), (1, 5), (12, 2)])
def test_cells_read_back_exactly_as_written_have_no_error(rows: int, columns: int):
    target_s = targets_s(rows, columns)
    found = fit_read_backs([run_of(target_s.copy(), target_s)], blank_law(target_s))
    assert found is not None
    law, deviation = found
    for part in (law.curve, law.row, law.column):
        np.testing.assert_allclose(part, 0.0, atol=1e-9)
    np.testing.assert_allclose(deviation, 0.0, atol=1e-8)


def test_what_rows_and_columns_add_and_how_much_cells_scatter_is_found():
    rows, columns = 5, 8
    rng = np.random.default_rng(2)
    target_s = targets_s(rows, columns)
    of_row, of_column = rng.normal(0.0, 0.01, (rows, 1)), rng.normal(0.0, 0.01, columns)
    scatter = 0.004 * rng.standard_normal(target_s.shape)
    read_back_s = target_s * (1.0 + of_row + of_column + scatter)
    found = fit_read_backs([run_of(read_back_s, target_s)], blank_law(target_s))
    assert found is not None
    law, deviation = found
    expected = law.curve.mean() + law.row[:, None] + law.column
    np.testing.assert_allclose(expected, of_row + of_column, atol=1.5e-3)
    np.testing.assert_allclose(deviation, 0.004, rtol=0.1)


def test_one_broken_cell_does_not_widen_the_others():
    target_s = targets_s(4, 6)
    read_back_s = target_s * (1.0 + 0.003 * np.random.default_rng(3).standard_normal(target_s.shape))
    read_back_s[5, 1, 2] = 0.0
    found = fit_read_backs([run_of(read_back_s, target_s)], blank_law(target_s))
    assert found is not None
    np.testing.assert_allclose(found[1], 0.003, rtol=0.15)
