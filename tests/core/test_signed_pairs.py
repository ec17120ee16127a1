"""Signed matrices on pairs of cells: a perfect board gives the signed product, with its error bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import crosscal
from crosscal.core.errors import InputError, RangeError, ShapeError

LIMITS_S = (2e-6, 100e-6)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a pause of a busy machine is no fault of the inputs
@given(
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    seed=st.integers(0, 99),
    axis=st.sampled_from(["columns", "rows"]),
    low_s=st.sampled_from([0.0, 2e-6]),
)
def test_a_perfect_board_gives_the_signed_product(
    rows: int, columns: int, seed: int, axis: str, low_s: float
):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-3, 3)
    voltage_v = rng.uniform(-0.3, 0.3, (7, rows))
    pairs = crosscal.signed_pairs(weights, (low_s, 100e-6), axis=axis)
    assert pairs.conductance_s.min() >= low_s
    assert pairs.conductance_s.max() <= 100e-6
    # The largest weight uses the whole range.
    assert pairs.conductance_s.max() == pytest.approx(100e-6, rel=1e-12)
    current_a = pairs.drive(voltage_v) @ pairs.conductance_s
    np.testing.assert_allclose(
        pairs.combine(current_a), voltage_v @ weights, atol=1e-9 * np.abs(weights).max()
    )
    np.testing.assert_array_equal(pairs.combine(current_a), current_a @ pairs.matrix)


def test_the_lines_of_a_pair_stand_side_by_side_and_the_idle_cell_rests_at_the_lower_limit():
    pairs = crosscal.signed_pairs([[2.0, -1.0], [0.0, 0.5]], (10e-6, 30e-6))
    assert pairs.scale == pytest.approx(10e-6)
    np.testing.assert_allclose(
        pairs.conductance_s, [[30e-6, 10e-6, 10e-6, 20e-6], [10e-6, 10e-6, 15e-6, 10e-6]]
    )
    assert pairs.matrix.shape == (4, 2)
    rows = crosscal.signed_pairs([[2.0, -1.0]], (10e-6, 30e-6), axis="rows")
    np.testing.assert_allclose(rows.conductance_s, [[30e-6, 10e-6], [10e-6, 20e-6]])
    assert rows.drive([0.1]).tolist() == [0.1, -0.1]


def test_error_bars_follow_from_covariance_and_from_variances_alike():
    rng = np.random.default_rng(8)
    pairs = crosscal.signed_pairs(rng.normal(size=(4, 3)), LIMITS_S)
    spread = rng.normal(size=(6, 6))
    covariance = 1e-12 * spread @ spread.T
    draws_a = rng.multivariate_normal(np.full(6, 1e-4), covariance, size=200_000, method="cholesky")
    mean, found = pairs.combine(np.full(6, 1e-4), covariance)
    assert found.shape == (3, 3)
    seen = np.cov(pairs.combine(draws_a), rowvar=False)
    # 200,000 draws tell a variance to 0.3 %; five times that for the worst of nine.
    np.testing.assert_allclose(found, seen, atol=0.016 * np.diag(seen).max())
    np.testing.assert_allclose(mean, pairs.combine(draws_a).mean(axis=0), atol=0.02)
    variances = np.diag(covariance)
    batch, independent = pairs.combine(np.full((5, 6), 1e-4), np.broadcast_to(variances, (5, 6)))
    assert batch.shape == (5, 3)
    np.testing.assert_allclose(independent[2], pairs.matrix.T @ np.diag(variances) @ pairs.matrix)


@pytest.mark.parametrize(
    ("weights", "limits_s", "axis", "error"),
    [
        ([1.0, 2.0], LIMITS_S, "columns", ShapeError),
        ([[np.nan]], LIMITS_S, "columns", RangeError),
        ([[True]], LIMITS_S, "columns", InputError),
        ([[1.0]], (1e-4, 1e-6), "columns", RangeError),
        ([[1.0]], (-1e-6, 1e-6), "columns", RangeError),
    ],
)
def test_what_cannot_be_mapped_is_refused(weights: list, limits_s: tuple, axis: str, error: type[Exception]):
    with pytest.raises(error, match="allowed:"):
        crosscal.signed_pairs(weights, limits_s, axis=axis)


def test_currents_of_another_board_are_refused():
    pairs = crosscal.signed_pairs(np.eye(3), LIMITS_S)
    with pytest.raises(ShapeError, match="currents of shape"):
        pairs.combine(np.zeros(3))
    with pytest.raises(ShapeError, match="covariances of shape"):
        pairs.combine(np.zeros((2, 6)), np.zeros((6, 6)))


def test_no_weight_at_all_leaves_every_cell_at_the_lower_limit():
    pairs = crosscal.signed_pairs(np.zeros((2, 2)), LIMITS_S)
    assert (pairs.conductance_s == LIMITS_S[0]).all()
    assert np.isfinite(pairs.matrix).all()
