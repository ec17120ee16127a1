"""Numbers and blocks: every number comes back as it was; what is no number is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosscal.core.errors import BoardError
from crosscal.drivers.scpi.format import (
    block,
    excerpt,
    number,
    read_block,
    read_integer,
    read_list,
    read_number,
    read_status,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x != 9.91e37)


@settings(deadline=None)
@given(FINITE)
def test_a_number_written_and_read_is_the_very_same(value: float) -> None:
    assert read_number(number(value)) == value


def test_numpy_numbers_are_written_like_any_others() -> None:
    assert number(np.float64(1e-5)) == b"1e-05"
    assert number(np.int64(7)) == b"7"
    assert number(np.float32(0.5)) == b"0.5"


@settings(deadline=None)
@given(st.lists(FINITE, min_size=1, max_size=300))
def test_a_block_says_its_length_and_holds_little_endian_doubles(values: list[float]) -> None:
    data = block(np.array(values))
    digits = int(data[1:2])
    assert int(data[2 : 2 + digits]) == len(data) - 2 - digits == 8 * len(values)
    payload = data[2 + digits :]
    assert np.array_equal(np.frombuffer(payload, "<f8"), values)
    assert np.array_equal(read_block(payload, len(values)), values)


def test_a_matrix_travels_row_by_row_even_if_memory_is_column_by_column() -> None:
    matrix = np.asfortranarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert read_block(block(matrix)[4:], 6).tolist() == [1, 2, 3, 4, 5, 6]


def test_not_a_number_becomes_nan_in_blocks_and_lists() -> None:
    assert np.isnan(read_block(np.array([9.91e37]).tobytes(), 1)).all()
    assert np.isnan(read_list(b"1,9.91E37,9.91E+37", 3)).tolist() == [False, True, True]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_ieee_nan_or_infinity_in_a_block_is_garbled(bad: float) -> None:
    with pytest.raises(BoardError, match="IEEE NaN or infinity"):
        read_block(np.array([1.0, bad]).tobytes(), 2)


@pytest.mark.parametrize("payload", [b"", b"12345678", bytes(17), bytes(24)])
def test_a_block_of_another_length_than_asked_for_is_refused(payload: bytes) -> None:
    with pytest.raises(BoardError, match=f"{len(payload)} bytes for 2 numbers"):
        read_block(payload, 2)


@pytest.mark.parametrize("text", [b"", b"1", b"1,2,3", b"1,x", b"1,,2"])
def test_a_list_of_another_length_or_of_no_numbers_is_refused(text: bytes) -> None:
    with pytest.raises(BoardError, match="garbled"):
        read_list(text, 2)


def test_status_bits_are_read_from_single_digits_and_from_any_other_way_to_write_them() -> None:
    assert read_status(b"0,1,4,7", 4).tolist() == [0, 1, 4, 7]
    assert read_status(b"0.0,1.0,+4,12", 4).tolist() == [0, 1, 4, 12]
    assert read_status(b"0", 1).dtype == np.uint8


@pytest.mark.parametrize("text", [b"0;1", b"0,-1", b"0,1.5", b"0,300", b"0,x", b"0,1,2", b"a,b"])
def test_what_is_no_status_is_refused(text: bytes) -> None:
    with pytest.raises(BoardError, match="garbled"):
        read_status(text, 2)


def test_integers_may_be_written_as_reals_but_must_be_whole() -> None:
    assert read_integer(b"+16") == 16
    assert read_integer(b"1.6E1") == 16
    for text in (b"1.5", b"9.91E37", b"x"):
        with pytest.raises(BoardError):
            read_integer(text)


def test_an_excerpt_is_short_and_shows_any_byte() -> None:
    assert excerpt(b"\xff\n") == r"'ÿ\n'"
    assert len(excerpt(bytes(1000))) < 300
