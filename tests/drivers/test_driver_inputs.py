"""What a caller hands in is refused with one clear error before anything is sent."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import InputError, RangeError, ShapeError
from crosscal.drivers.inputs import (
    checked_command,
    checked_matrix,
    checked_number,
    checked_range,
    checked_vectors,
    require_protected,
)

LIMITS = (1e-6, 1e-3)


def test_a_matrix_that_fits_comes_back_as_contiguous_doubles() -> None:
    given = np.asfortranarray(np.full((3, 2), 1e-4, np.float32))
    matrix = checked_matrix(given, (3, 2), LIMITS)
    assert matrix.dtype == np.float64
    assert matrix.flags.c_contiguous
    assert np.array_equal(matrix, given)
    assert checked_matrix([[1e-6, 1e-3]] * 3, (3, 2), LIMITS).shape == (3, 2)


@pytest.mark.parametrize("shape", [(2, 3), (3,), (6,), (3, 3), (1, 3, 2), ()])
def test_a_matrix_of_another_shape_is_refused_with_both_shapes_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as raised:
        checked_matrix(np.full(shape, 1e-4), (3, 2), LIMITS)
    assert str(shape) in str(raised.value)
    assert "(3, 2)" in str(raised.value)
    assert ("transpose" in str(raised.value)) == (shape == (2, 3))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_conductance_that_is_not_finite_is_refused_with_its_place(bad: float) -> None:
    matrix = np.full((3, 2), 1e-4)
    matrix[2, 1] = bad
    with pytest.raises(
        RangeError, match=r"1 conductances that are NaN or infinite, the first at \[3, 2\] \(counted from 1\)"
    ):
        checked_matrix(matrix, (3, 2), LIMITS)


@pytest.mark.parametrize("bad", [0.999e-6, 1.001e-3, 0.0, -1e-4])
def test_a_conductance_outside_the_limits_is_refused_with_the_limits(bad: float) -> None:
    matrix = np.full((3, 2), 1e-4)
    matrix[0, 1] = bad
    with pytest.raises(RangeError, match=r"got 1 of 6 cells .* allowed: 1e-06 to 0.001 S"):
        checked_matrix(matrix, (3, 2), LIMITS)


def test_conductances_outside_the_limits_are_counted_and_the_first_is_named() -> None:
    matrix = np.full((3, 2), 1e-4)
    matrix[1, 1], matrix[2, 0] = 2e-3, 1e-9
    with pytest.raises(RangeError, match=r"2 of 6 cells .* row 2, column 2 \(counted from 1\) with 0\.002 S"):
        checked_matrix(matrix, (3, 2), LIMITS)


def test_masked_elements_are_refused_and_a_mask_that_hides_nothing_is_not() -> None:
    matrix = np.ma.masked_array(np.full((3, 2), 1e-4), mask=[[0, 0], [0, 1], [0, 0]])
    with pytest.raises(InputError, match=r"got 1 masked conductances; .*filled"):
        checked_matrix(matrix, (3, 2), LIMITS)
    with pytest.raises(InputError, match=r"got 1 masked voltages"):
        checked_vectors(np.ma.masked_array([0.1, 0.2, 0.3], mask=[1, 0, 0]), 3)
    assert checked_vectors(np.ma.masked_array([0.1, 0.2, 0.3], mask=False), 3).tolist() == [[0.1, 0.2, 0.3]]


def test_one_vector_becomes_a_batch_of_one() -> None:
    assert checked_vectors([0.1, 0.2, 0.3], 3).tolist() == [[0.1, 0.2, 0.3]]
    assert checked_vectors(np.zeros((5, 3)), 3).shape == (5, 3)
    assert checked_vectors([0, 1, 0], 3).dtype == np.float64


@pytest.mark.parametrize("shape", [(2,), (4,), (5, 2), (0, 3), (0,), (), (1, 1, 3), (3, 5)])
def test_vectors_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"allowed: \(3,\) for one vector or \(B, 3\)"):
        checked_vectors(np.zeros(shape), 3)


def test_a_voltage_that_is_not_finite_is_refused() -> None:
    with pytest.raises(RangeError, match=r"voltages that are NaN or infinite, the first at \[2, 1\]"):
        checked_vectors([[0.1, 0.1], [np.nan, 0.1]], 2)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    "bad", ["abc", None, [[1], [1, 2]], [1j, 0, 0], [True, False, True], ["1", "2", "3"], {}]
)
def test_what_is_no_array_of_real_numbers_is_refused(bad: object) -> None:
    with pytest.raises(InputError):
        checked_vectors(bad, 3)  # pyright: ignore[reportArgumentType]  (that is the test)


def test_the_protection_voltage_counts_in_magnitude_and_may_be_met_exactly() -> None:
    require_protected(np.array([[0.5, -0.6]]), 0.6)
    with pytest.raises(RangeError, match=r"up to 0.601 V in magnitude; allowed: 0.6 V"):
        require_protected(np.array([[0.5, -0.601]]), 0.6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 2.0])
def test_a_setting_outside_its_limits_is_refused_by_name(bad: float) -> None:
    with pytest.raises(RangeError, match=r"aperture_s = .*allowed: 0.001 to 1 s"):
        checked_number(bad, "aperture_s", (1e-3, 1.0), "s", whole=False)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("bad", ["1", None, True, [1.0], 1j])
def test_a_setting_that_is_no_number_is_refused(bad: object) -> None:
    with pytest.raises(InputError, match="allowed: a number"):
        checked_number(bad, "aperture_s", (0.0, 1.0), "s", whole=False)


def test_a_count_must_be_whole() -> None:
    assert checked_number(3.0, "averages", (1, 10), "", whole=True) == 3
    with pytest.raises(RangeError, match="whole numbers from 1 to 10"):
        checked_number(2.5, "averages", (1, 10), "", whole=True)


@pytest.mark.parametrize("bad", [0.0, -1e-3, 0.011, np.nan, np.inf])
def test_a_range_the_board_has_none_for_is_refused_with_those_it_has(bad: float) -> None:
    with pytest.raises(RangeError):
        checked_range(bad, (1e-3, 1e-2))
    with pytest.raises(RangeError, match=r"0.001, 0.01 A"):
        checked_range(0.5, (1e-3, 1e-2))


def test_commands_are_rooted_and_keep_what_they_say() -> None:
    assert checked_command(" sens:curr:aper 1ms\n", query=False) == b":sens:curr:aper 1ms"
    assert checked_command("*IDN?", query=True) == b"*IDN?"
    assert checked_command(":OUTP?", query=True) == b":OUTP?"
    assert checked_command("OUTP:LAB 'why?'", query=False) == b":OUTP:LAB 'why?'"


@pytest.mark.parametrize("bad", ["", "  ", "OUTP ON;:INIT", "OUTP\nON", "OUTP\rON", "SOUR:VOLT 1µV"])
def test_what_is_no_single_command_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match="one command in one line of ASCII"):
        checked_command(bad, query=False)


def test_queries_and_commands_are_not_mixed_up() -> None:
    with pytest.raises(InputError, match=r"use query\(\)"):
        checked_command("OUTP?", query=False)
    with pytest.raises(InputError, match=r"use send\(\)"):
        checked_command("OUTP ON", query=True)
