"""Reply lines: taken apart the same however they arrive, and refused where they are none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosscal.core.errors import BoardError, BoardTimeoutError
from crosscal.drivers.scpi.reply import Block, Element, ReplyReader, text_of


def read(data: bytes, cuts: list[int] | None = None, most_bytes: int = 0) -> list[Element]:
    """Read one line that arrives in pieces cut at `cuts`."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts or [])})
    pieces = iter([data[a:b] for a, b in pairwise(places)])
    return ReplyReader(lambda _: next_or_timeout(pieces), most_bytes=most_bytes).read()


def next_or_timeout(pieces: Iterator[bytes]) -> bytes:
    for piece in pieces:
        return piece
    raise BoardTimeoutError("nothing more")


BINARY = bytes(range(256)) + b'\n;"#11\n'
LINE = b'0,"No error; or ""so""";1.5 ;#3264' + BINARY + b"0;;a\r\n"


@settings(deadline=None)
@given(st.lists(st.integers(0, 1 << 16), max_size=40))
def test_a_line_with_any_byte_in_its_block_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    payload = BINARY + b"0"
    assert len(payload) == 264
    assert read(LINE, cuts) == [b'0,"No error; or ""so"""', b"1.5", Block(payload), b"", b"a"]


@settings(deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 1 << 16), max_size=9))
def test_any_bytes_come_out_of_a_block_as_they_went_in(payload: bytes, cuts: list[int]) -> None:
    length = str(len(payload)).encode()
    data = b"#%d%s" % (len(length), length) + payload + b";ok\n"
    assert read(data, cuts) == [Block(payload), b"ok"]


def test_a_block_asks_for_exactly_what_is_certain_to_come() -> None:
    asked = []
    pieces = iter([b"#210", b"0123", b"456789\n"])

    def receive(count: int | None) -> bytes:
        asked.append(count)
        return next(pieces)

    assert ReplyReader(receive).read() == [Block(b"0123456789")]
    # Ten bytes and the newline; then the rest of them.
    assert asked == [None, 11, 7]


@pytest.mark.parametrize("header", [b"#0", b"#A", b"#2x9", b"#9999999999", b"#570000"])
def test_an_impossible_block_header_is_noticed_at_once(header: bytes) -> None:
    with pytest.raises(BoardError, match="block header") as raised:
        read(header + bytes(12))
    assert not isinstance(raised.value, BoardTimeoutError)


def test_a_block_may_be_as_long_as_was_asked_for() -> None:
    data = b"#570000" + bytes(70000) + b"\n"
    assert read(data, most_bytes=70000) == [Block(bytes(70000))]


def test_a_block_longer_than_its_header_says_is_noticed() -> None:
    with pytest.raises(BoardError, match="longer than the 4 bytes"):
        read(b"#14abcdef\n")


def test_a_block_shorter_than_its_header_says_times_out() -> None:
    with pytest.raises(BoardTimeoutError):
        read(b"#18abcdef\n")


def test_bytes_after_the_end_of_a_line_are_noticed() -> None:
    with pytest.raises(BoardError, match="after the end of a reply"):
        read(b"1\n2\n")


def test_an_endless_line_is_given_up() -> None:
    with pytest.raises(BoardError, match="endless line"):
        ReplyReader(lambda _: b"A" * 4096).read()


def test_an_unfinished_quotation_is_given_up_too() -> None:
    with pytest.raises(BoardError, match="endless line"):
        ReplyReader(lambda _: b'"' + b";" * 4096 + b'"').read()


def test_a_block_is_no_text() -> None:
    assert text_of(b"x") == b"x"
    with pytest.raises(BoardError, match="block of 3 bytes"):
        text_of(Block(b"abc"))


PIECES = (
    b'0,"No error"',
    b'-222,"a;b"',
    b";",
    b"\n",
    b"#13a;\n",
    b"#15a\nb;c",
    b"#216",
    b"#0",
    b'"',
    b"1,2",
    b"#",
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8))
def test_bytes_that_come_whole_are_read_and_refused_as_in_two_pieces(pieces: list[bytes]) -> None:
    # After a newline alone the reply is over, and the rest not there yet.
    data = b";" + b"".join(pieces)
    assert outcome(data, []) == outcome(data, [1])


def outcome(data: bytes, cuts: list[int]) -> object:
    try:
        return read(data, cuts)
    except BoardError as error:
        return type(error)
