"""Every wait has an end, and it follows from what is on its way."""

from __future__ import annotations

import pytest
from scripted_wire import Wire

from crosscal.core.errors import BoardConnectionError, BoardTimeoutError
from crosscal.drivers.scpi.reply import Block
from crosscal.drivers.scpi.timed_link import TimedLink


def line_of(wire: Wire, timeout_s: float = 2.0) -> TimedLink:
    return TimedLink(wire, timeout_s=timeout_s, clock=wire.clock)


def test_a_short_answer_gets_the_plain_timeout() -> None:
    wire = Wire(b"1\n")
    line_of(wire).read_reply()
    assert wire.timeouts_s == [2.0]


def test_a_long_answer_gets_the_time_its_bytes_need_on_this_link_twice() -> None:
    wire = Wire(b"1\n", bytes_per_s=1000.0)
    line_of(wire).read_reply(numbers=500)
    assert wire.timeouts_s == [2.0 + 2 * 26 * 500 / 1000.0]


def test_a_slower_line_gets_more_time() -> None:
    slow, fast = Wire(b"1\n", bytes_per_s=960.0), Wire(b"1\n", bytes_per_s=11520.0)
    for wire in (slow, fast):
        line_of(wire, timeout_s=1e-9).read_reply(numbers=4096)
    assert slow.timeouts_s[0] == pytest.approx(12 * fast.timeouts_s[0], rel=1e-6)


def test_the_boards_own_time_is_added() -> None:
    wire = Wire(b"1\n")
    line_of(wire).read_reply(allowance_s=30.0)
    assert wire.timeouts_s == [32.0]


def test_a_long_message_gets_the_time_its_bytes_need() -> None:
    wire = Wire(bytes_per_s=1000.0)
    line_of(wire).send(bytes(5000))
    assert wire.send_timeouts_s == [2.0 + 2 * 5.0]


def test_pieces_share_one_timeout() -> None:
    wire = Wire(b"#18abc", b"defgh", b"\n")
    line = line_of(wire)
    receive = wire.receive

    def slowly(count: int | None, timeout_s: float) -> bytes:
        wire.clock.now_s += 0.5
        return receive(count, timeout_s)

    wire.receive = slowly
    assert line.read_reply() == [Block(b"abcdefgh")]
    assert wire.timeouts_s == [2.0, 1.5, 1.0]


def test_a_board_that_drips_is_given_up_when_the_time_is_over() -> None:
    wire = Wire(*[b"x"] * 100)
    receive = wire.receive

    def slowly(count: int | None, timeout_s: float) -> bytes:
        wire.clock.now_s += 0.5
        return receive(count, timeout_s)

    wire.receive = slowly
    with pytest.raises(BoardTimeoutError, match="not complete after 2 s"):
        line_of(wire).read_reply()
    assert len(wire.timeouts_s) == 4


def test_reading_until_something_fits_returns_what_came_even_if_nothing_does() -> None:
    wire = Wire(b"ab", b"cd", None)
    assert line_of(wire).read_until(lambda seen: seen == b"abcd") == b"abcd"
    assert line_of(Wire(b"ab", None)).read_until(lambda _: False) == b"ab"
    assert line_of(Wire(None)).read_until(lambda _: False) == b""


def test_reading_until_something_fits_keeps_no_more_than_a_line() -> None:
    wire = Wire(*[bytes(1 << 15)] * 10, None)
    assert len(line_of(wire).read_until(lambda _: False)) == 1 << 16


def test_listening_drops_what_comes_and_ends() -> None:
    wire = Wire(b"ab", b"cd", None, b"later")
    line_of(wire).listen(5.0)
    assert list(wire.arriving) == [b"later"]
    assert wire.timeouts_s[0] == 5.0


@pytest.mark.parametrize("doing", ["discard_input", "reset", "reopen", "close", "send"])
def test_whatever_fails_on_the_wire_is_crosscals_own_error(doing: str) -> None:
    wire = Wire()
    wire.fails[doing] = OSError("unplugged")
    line = line_of(wire)
    with pytest.raises(BoardConnectionError, match="WIRE: unplugged"):
        line.send(b"x") if doing == "send" else getattr(line, doing)()


def test_a_failure_while_receiving_is_crosscals_own_error() -> None:
    with pytest.raises(BoardConnectionError, match="WIRE: unplugged"):
        line_of(Wire(OSError("unplugged"))).read_reply()


def test_a_stall_in_a_block_tells_how_much_came_and_how_long_was_waited() -> None:
    with pytest.raises(
        BoardTimeoutError, match=r"got 3 of 8 bytes of a block; .*\(waited 2 s for this reply\)"
    ):
        line_of(Wire(b"#18", b"abc", None)).read_reply()
