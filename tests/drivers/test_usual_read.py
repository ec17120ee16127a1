"""Usual reply to a read: read as any reply is, and no other is taken for it."""

from __future__ import annotations

import numpy as np
import pytest
from engine_link import board_on_paper
from hypothesis import given
from hypothesis import strategies as st
from paper_board import ALL_GROUPS, PaperBoard
from scripted_wire import Wire

from crosscal.core.errors import BoardTimeoutError, ImplausibleCurrentError
from crosscal.drivers.board_info import BoardInfo
from crosscal.drivers.scpi.arrays import read_array, read_status_array
from crosscal.drivers.scpi.format import block
from crosscal.drivers.scpi.message import Message
from crosscal.drivers.scpi.reply import ReplyReader
from crosscal.drivers.scpi.timed_link import TimedLink
from crosscal.drivers.usual_read import UsualRead

BOARD = BoardInfo(
    identity="x",
    rows=3,
    columns=2,
    capabilities=frozenset({"LOCK"}),
    conductance_limits_s=(1e-6, 1e-3),
    ranges_a=(1e-5, 1e-3),
    settling_s=0.0,
    sequence_most=1,
)
HEADER, QUERIES = b":SOUR:VOLT:LIST", (b":READ?", b":FETC:STAT?", b":SYST:CHAN?")
VECTOR = block(np.array([0.1, 0.2, 0.3]))
CHANGES, RANGE_A = 12, 1e-3


def reply(
    current_a: tuple[float, ...] = (1e-4, -2e-4),
    status: tuple[float, ...] = (0.0, 0.0),
    count: bytes = b"12",
    before: bytes = b'0,"No error"',
    after: bytes = b'0,"No error"',
) -> bytes:
    parts = before, block(np.array(current_a)), block(np.array(status)), count, after
    return b";".join(parts) + b"\n"


def nothing_more(count: int | None) -> bytes:
    raise AssertionError(f"{count} more bytes of a whole reply")


@pytest.fixture
def usual() -> UsualRead:
    read = UsualRead(BOARD, HEADER, QUERIES)
    read.encoded(VECTOR, known_changes=CHANGES, range_a=RANGE_A)
    return read


def test_its_message_is_that_of_its_units(usual: UsualRead) -> None:
    encoded = usual.encoded(VECTOR, known_changes=CHANGES, range_a=RANGE_A)
    assert encoded == Message(usual.units(VECTOR)).encode()


@given(current_a=st.tuples(*[st.floats(-1e-3, 1e-3)] * 2))
def test_usual_reply_is_read_as_any_reply_is(current_a: tuple[float, float]) -> None:
    usual = UsualRead(BOARD, HEADER, QUERIES)
    usual.encoded(VECTOR, known_changes=CHANGES, range_a=RANGE_A)
    data = reply(current_a)
    assert usual.fits(data)
    readout = usual.readout(data)
    elements = ReplyReader(nothing_more, begun=data).read()
    assert np.array_equal(readout.current_a[0], read_array(elements[1], 2))
    assert np.array_equal(readout.status[0], read_status_array(elements[2], 2))
    assert readout.range_a == RANGE_A
    assert not readout.conditions


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(reply(status=(0.0, 1.0)), id="status bit"),
        pytest.param(reply(count=b"13"), id="change by another client"),
        pytest.param(reply(count=b"112"), id="many changes"),
        pytest.param(reply(before=b'-240,"Hardware error"'), id="error of before"),
        pytest.param(reply(after=b'101,"Compliance"'), id="error of the message"),
        pytest.param(reply((1e-4, 9.91e37)), id="no reading"),
        pytest.param(reply((1e-4, np.nan)), id="IEEE NaN"),
        pytest.param(reply((1e-4, -1.0)), id="beyond every range"),
        pytest.param(reply((1e-4,)), id="a column less"),
        pytest.param(reply()[:-1], id="cut"),
        pytest.param(reply() + b"\n", id="more than a reply"),
        pytest.param(b"1.0E-4,2.0E-4;0,0;12\n", id="text"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_no_other_reply_is_taken_for_it(usual: UsualRead, other: bytes) -> None:
    assert usual.fits(reply())
    assert not usual.fits(other)


def test_reply_that_comes_in_pieces_is_read_whole() -> None:
    usual = UsualRead(BOARD, HEADER, QUERIES)
    usual.encoded(VECTOR, known_changes=CHANGES, range_a=RANGE_A)
    for cut in range(1, len(reply())):
        wire = Wire(reply()[:cut], reply()[cut:])
        link = TimedLink(wire, timeout_s=1.0, clock=wire.clock)
        elements = link.read_expected(usual.fits, numbers=2)
        assert elements == ReplyReader(nothing_more, begun=reply()).read()
    silent = Wire(reply()[:-1])
    link = TimedLink(silent, timeout_s=1.0, clock=silent.clock)
    with pytest.raises(BoardTimeoutError):
        link.read_expected(usual.fits, numbers=2)


def test_reads_one_after_the_other_are_those_of_the_board_whatever_is_wrong_with_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix = 1.5 * np.array([[1e-4, 2e-4], [3e-4, 4e-4], [5e-4, 6e-4]])
    with board_on_paper(PaperBoard(capabilities=(*ALL_GROUPS, "LOCK"))) as (board, link, _):
        board.program(matrix)
        board.range_a = RANGE_A
        steps = board.stepwise()
        steps.acknowledge()
        for row in range(3):
            vector = 0.1 * np.eye(3)[row]
            assert np.allclose(steps.read(vector, RANGE_A).current_a, [vector @ matrix])
        # 1.08 mA saturates.
        assert steps.read(np.full(3, 0.6), RANGE_A).usable.tolist() == [[True, False]]
        vector = np.array([0.1, 0.2, 0.1])
        received = link.receive
        monkeypatch.setattr(link, "receive", lambda *given: _spoilt(received(*given)))
        with pytest.raises(ImplausibleCurrentError):
            steps.read(vector, RANGE_A)
        monkeypatch.undo()


def _spoilt(reply_read: bytes) -> bytes:
    """Flip the exponent's highest bit of the first current."""
    at = reply_read.index(b"#216") + len(b"#216") + 7
    return reply_read[:at] + bytes([reply_read[at] ^ 0x40]) + reply_read[at + 1 :]
