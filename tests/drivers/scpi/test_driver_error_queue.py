"""The error queue's answers: read whole, told from other answers, and sorted by whose fault they are."""

from __future__ import annotations

import pytest

from crosscal.core.errors import BoardError
from crosscal.drivers.scpi.error_queue import Condition, looks_like_error_queue, read_error_queue
from crosscal.drivers.scpi.reply import Block


@pytest.mark.parametrize("text", [b'0,"No error"', b'+0,"No error"', b' 0 , "No error" '])
def test_an_empty_queue_is_empty(text: bytes) -> None:
    assert read_error_queue(text) == ()


def test_all_entries_come_in_order_with_details_and_quotes() -> None:
    found = read_error_queue(b'-222,"Data out of range;TARGet, 3 ""S""",101,"Compliance",+104,"Cell stuck"')
    assert found == (
        Condition(code=-222, text='Data out of range;TARGet, 3 "S"'),
        Condition(code=101, text="Compliance"),
        Condition(code=104, text="Cell stuck"),
    )


@pytest.mark.parametrize(
    "text", [b"", b"0", b'"No error"', b'0,"No error', b'-1,"a";-2,"b"', b'-1,"a",', b'x,"a"', b"1,2"]
)
def test_what_is_no_answer_of_the_queue_is_refused(text: bytes) -> None:
    with pytest.raises(BoardError, match="from the error queue"):
        read_error_queue(text)


@pytest.mark.parametrize("code", [101, 102, 103, 104, 105, -240])
def test_what_tells_of_a_run_is_asynchronous(code: int) -> None:
    assert Condition(code=code, text="").asynchronous


@pytest.mark.parametrize("code", [-102, -113, -213, -222, -230, -310, -350, -410, 100, 106])
def test_everything_else_is_the_fault_of_a_command(code: int) -> None:
    assert not Condition(code=code, text="").asynchronous


def test_no_other_answer_looks_like_the_error_queue() -> None:
    assert looks_like_error_queue(b'-113,"Undefined header"')
    assert looks_like_error_queue(b'+0,"No error"')
    for other in (
        b"1.5",
        b"-1,2,3",
        b'"a","b"',
        b"PROG,SEQ",
        b"maker,model,1,2",
        b"",
        Block(b'0,"No error"'),
    ):
        assert not looks_like_error_queue(other)
