"""Whole numbers that hold the linear part of a prediction: exact to their unit, never beyond 64 bits."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import RangeError
from crosscal.firmware_models.c_calibrator.exact_sums import ExactSums

ROWS, COLUMNS = 64, 7


def sums(scale: float = 1.0, limit_a: float = 1e-2, most: float = 2.9, first: float = 0.05) -> ExactSums:
    rng = np.random.default_rng(3)
    return ExactSums.of(
        (first * rng.standard_normal((ROWS, COLUMNS))).tolist(),
        bounds=(-1.8, most),
        constant=(1.4 * rng.uniform(0.5, 1.0, COLUMNS)).tolist(),
        scale=(scale * rng.uniform(1e3, 3e3, COLUMNS)).tolist(),
        shifts_a=([1e-6] * COLUMNS, [0.0] * COLUMNS),
        limit_a=limit_a,
    )


def test_sums_are_as_exact_as_their_unit_and_finer_than_single_precision() -> None:
    rng, exact = np.random.default_rng(3), sums()
    first = 0.05 * rng.standard_normal((ROWS, COLUMNS))
    z = rng.uniform(-1.8, 2.9, ROWS)
    whole = np.trunc(np.ldexp(z, exact.input_places)).astype(object)
    found = np.array(
        [sum(whole * np.array(column, dtype=object)) for column in zip(*exact.weights, strict=True)]
    )
    difference = np.abs(np.ldexp(found.astype(float), -exact.places) - z @ first)
    # Each input is cut by one unit at most, each coefficient rounded by half of one.
    units = np.ldexp(np.abs(first).sum(axis=0), -exact.input_places)
    units += np.ldexp(0.5 * np.abs(z).sum(), -exact.weight_places)
    assert (difference <= units).all()
    assert difference.max() <= np.spacing(np.float32(1.4)) / 4


@pytest.mark.parametrize("limit_a", [1e-6, 1e-2, 1e6])
@pytest.mark.parametrize("most", [0.4, 2.9, 4.0, 7.99])
@pytest.mark.parametrize("first", [1e-6, 0.05, 3.0])
def test_nothing_outgrows_its_type_whatever_is_read(limit_a: float, most: float, first: float) -> None:
    exact = sums(limit_a=limit_a, most=most, first=first)
    inputs = 2.0**exact.input_places
    # A move from one bound to the other and beyond stays in 32 bits.
    assert (max(1.8, most) + (most + 1.8)) * inputs < 2**31
    assert max(abs(value) for row in exact.weights for value in row) < 2**31
    columns = range(COLUMNS)
    largest = [
        exact.reach_a * abs(exact.per_ampere[m])
        + max(abs(origin[m]) for origin in exact.origins)
        + max(1.8, most) * inputs * sum(abs(row[m]) for row in exact.weights)
        for m in columns
    ]
    assert max(largest) < 2**63


def test_a_limit_that_no_board_reaches_costs_no_places() -> None:
    assert sums(limit_a=1e6).places >= sums(limit_a=1e-2).places - 4


@pytest.mark.parametrize("first", [float("nan"), float("inf"), 1e39])
def test_constants_that_are_no_single_numbers_are_refused(first: float) -> None:
    with pytest.raises(RangeError, match="among the constants"):
        sums(first=first)
