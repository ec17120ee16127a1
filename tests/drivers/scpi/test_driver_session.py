"""Conversations: errors told apart, lost links opened anew, cut conversations brought into step again."""

from __future__ import annotations

import logging
import threading

import pytest
from scripted_wire import Wire

from crosscal.core.errors import (
    BoardConnectionError,
    BoardError,
    BoardTimeoutError,
    IncompatibleBoardError,
    ScpiError,
)
from crosscal.drivers.scpi.session import Session, State
from crosscal.drivers.scpi.timed_link import TimedLink

HELLO = b"1999.0;1999.0;maker,model,1,2\n"
QUIET = b'0,"No error"'
LOST = ConnectionResetError("reset by peer")


def session_on(wire: Wire) -> Session:
    """A session that has completed its handshake already."""
    wire.arriving.appendleft(HELLO)
    session = Session(TimedLink(wire, timeout_s=2.0, clock=wire.clock))
    assert session.identity == "maker,model,1,2"
    wire.log.clear()
    return session


def reply(*answers: bytes, before: bytes = QUIET, after: bytes = QUIET) -> bytes:
    return b";".join((before, *answers, after)) + b"\n"


# Handshake


def test_whoever_answers_like_an_instrument_is_identified() -> None:
    wire = Wire(HELLO)
    assert Session(TimedLink(wire, timeout_s=1.0)).identity == "maker,model,1,2"
    # *IDN? comes last: IEEE 488.2 allows no query behind it.
    assert wire.sent == [b":SYST:VERS?;:SYST:VERS?;*IDN?\n"]


def test_what_an_earlier_program_left_on_a_serial_line_is_skipped() -> None:
    wire = Wire(b'7,8,9\n0,"No err', b"or\n#18\n\n\n", HELLO[:9], HELLO[9:], continuous=True)
    assert Session(TimedLink(wire, timeout_s=1.0, clock=wire.clock)).identity == "maker,model,1,2"
    # The line is ended first, should the board have received half of one.
    assert wire.log[0] == "reset"


def test_a_silent_address_says_so_in_one_error() -> None:
    wire = Wire(None)
    with pytest.raises(BoardTimeoutError, match=r"WIRE: nothing answers within 3 s; check .* timeout_s"):
        Session(TimedLink(wire, timeout_s=3.0, clock=wire.clock))


@pytest.mark.parametrize(
    "said",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\n", b"\xff\xfb\x01\n", b"maker,model\n"],
)
def test_who_answers_otherwise_is_no_board_and_is_quoted(said: bytes) -> None:
    wire = Wire(said)
    with pytest.raises(IncompatibleBoardError, match="is no crossbar test board"):
        Session(TimedLink(wire, timeout_s=1.0, clock=wire.clock))


def test_a_serial_board_that_waits_for_a_block_of_an_earlier_program_is_asked_twice() -> None:
    wire = Wire(None, None, HELLO, continuous=True)
    began_s = wire.clock.now_s
    assert Session(TimedLink(wire, timeout_s=1.0, clock=wire.clock)).identity == "maker,model,1,2"
    assert wire.clock.now_s - began_s == pytest.approx(5.25)
    silent = Wire(None, None, None, continuous=True)
    with pytest.raises(BoardTimeoutError, match="nothing answers"):
        Session(TimedLink(silent, timeout_s=1.0, clock=silent.clock))


def test_noise_on_a_serial_line_is_no_board() -> None:
    wire = Wire(b"\x00\xff" * 50, None, continuous=True)
    with pytest.raises(IncompatibleBoardError):
        Session(TimedLink(wire, timeout_s=1.0, clock=wire.clock))


# Errors


def test_every_message_asks_for_errors_before_and_after() -> None:
    wire = Wire(reply(b"1.5"))
    session = session_on(wire)
    assert session.exchange(b":A 1", b":B?").elements == (b"1.5",)
    assert wire.sent == [b":SYST:ERR:ALL?;:A 1;:B?;:SYST:ERR:ALL?\n"]


def test_a_refused_command_raises_code_text_and_command() -> None:
    session = session_on(Wire(reply(after=b'-222,"Data out of range;A"')))
    with pytest.raises(ScpiError) as raised:
        session.exchange(b":A 1")
    assert (raised.value.code, raised.value.text, raised.value.command) == (
        -222,
        "Data out of range;A",
        ":A 1",
    )
    assert session.state is State.READY


def test_further_errors_of_a_message_are_noted() -> None:
    session = session_on(Wire(reply(after=b'-222,"a",-350,"Queue overflow"')))
    with pytest.raises(ScpiError) as raised:
        session.exchange(b":A 1", b":B 2")
    assert raised.value.__notes__ == ["then -350 'Queue overflow'"]


def test_a_query_that_is_refused_has_no_answer_and_costs_no_timeout() -> None:
    wire = Wire(reply(b"7", after=b'-230,"Data stale"'))
    session = session_on(wire)
    with pytest.raises(ScpiError, match="-230"):
        session.exchange(b":A?", b":B?")
    assert None not in wire.arriving
    assert session.state is State.READY


def test_a_syntax_error_discards_the_rest_of_the_message_and_the_queue_is_asked_alone() -> None:
    wire = Wire(QUIET + b";7\n", b'-113,"Undefined header"\n')
    session = session_on(wire)
    with pytest.raises(ScpiError) as raised:
        session.exchange(b":A?", b":NOPE?", b":B?")
    assert raised.value.code == -113
    assert wire.sent[1] == b":SYST:ERR:ALL?\n"


def test_what_a_run_has_queued_is_not_the_fault_of_the_command() -> None:
    session = session_on(Wire(reply(b"1", before=b'102,"Sense saturated"', after=b'+103,"Over temperature"')))
    answer = session.exchange(b":A?")
    assert [condition.code for condition in answer.earlier] == [102]
    assert [condition.code for condition in answer.conditions] == [103]


def test_a_refusal_beside_what_a_run_has_queued_is_still_a_refusal() -> None:
    session = session_on(Wire(reply(after=b'101,"Compliance",-213,"Init ignored"')))
    with pytest.raises(ScpiError) as raised:
        session.exchange(b":INIT")
    assert raised.value.code == -213


def test_errors_from_before_the_message_are_not_its_fault_but_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = session_on(Wire(reply(b"1", before=b'-222,"Data out of range"')))
    with caplog.at_level(logging.WARNING):
        assert session.exchange(b":A?").elements == (b"1",)
    assert "-222" in caplog.text


def test_missing_answers_without_an_error_are_garbled_and_not_taken_for_others() -> None:
    session = session_on(Wire(reply(b"1")))
    with pytest.raises(BoardError, match="1 answers to 2 queries") as raised:
        session.exchange(b":A?", b":B?")
    assert not isinstance(raised.value, ScpiError | BoardConnectionError)
    assert session.state is State.OUT_OF_SYNC


def test_binary_data_is_not_shown_in_errors() -> None:
    session = session_on(Wire(reply(after=b'-161,"Invalid block data"')))
    with pytest.raises(ScpiError) as raised:
        session.exchange(
            b":FORM REAL,64", b":A:LIST #18\x00\x01\x02\x03\x04\x05\x06\x07", b":B " + b"9" * 500
        )
    assert raised.value.command is not None
    assert raised.value.command.startswith(":FORM REAL,64;:A:LIST <block>;:B 999")
    assert len(raised.value.command) < 130


def test_nothing_follows_an_identity_query_in_its_message() -> None:
    wire = Wire(QUIET + b";maker,model,1,2\n", QUIET + b"\n")
    session = session_on(wire)
    assert session.exchange(b"*IDN?").elements == (b"maker,model,1,2",)
    assert wire.sent == [b":SYST:ERR:ALL?;*IDN?\n", b":SYST:ERR:ALL?\n"]


# A lost link


def test_queries_cut_by_a_lost_link_are_asked_again() -> None:
    wire = Wire(LOST, HELLO, reply(b"1"))
    session = session_on(wire)
    assert session.exchange(b":A?").elements == (b"1",)
    assert wire.log.count("reopen") == 1
    assert wire.sent.count(b":SYST:ERR:ALL?;:A?;:SYST:ERR:ALL?\n") == 2


def test_a_command_cut_by_a_lost_link_is_not_sent_again() -> None:
    wire = Wire(LOST, HELLO, reply())
    session = session_on(wire)
    with pytest.raises(BoardConnectionError, match="reset by peer"):
        session.exchange(b":A 1")
    assert session.state is State.LOST
    assert len(wire.sent) == 1
    # The next call opens the link anew.
    session.exchange(b":B 2")
    assert session.state is State.READY


def test_a_link_found_closed_before_anything_was_sent_is_opened_anew_for_any_command() -> None:
    wire = Wire(HELLO, reply())
    session = session_on(wire)
    wire.fails["discard_input"] = LOST
    session.exchange(b":A 1")
    assert wire.log[0] == "reopen"


def test_a_link_that_cannot_be_opened_anew_says_so_and_is_tried_again_by_the_next_call() -> None:
    wire = Wire(LOST, HELLO, reply(b"1"))
    session = session_on(wire)
    wire.fails["reopen"] = ConnectionRefusedError(111, "Connection refused")
    with pytest.raises(BoardConnectionError, match="Connection refused"):
        session.exchange(b":A?")
    assert session.state is State.LOST
    assert session.exchange(b":A?").elements == (b"1",)


def test_another_board_at_the_other_end_is_refused() -> None:
    wire = Wire(
        LOST, b"1999.0;1999.0;maker,model,2,2\n", b"1999.0;1999.0;maker,model,2,2\n", HELLO, reply(b"1")
    )
    session = session_on(wire)
    for _ in range(2):
        with pytest.raises(IncompatibleBoardError, match=r"model,2,2.*model,1,2"):
            session.exchange(b":A?")
    assert session.exchange(b":A?").elements == (b"1",)


def test_whoever_keeps_settings_is_told_when_the_link_is_open_again() -> None:
    wire = Wire(HELLO)
    session = session_on(wire)
    told = []
    session.on_reconnect = lambda: told.append(session.state)
    session.reconnect()
    assert told == [State.READY]


# A cut conversation


def probe_answer(times: int) -> bytes:
    return b"1999.0;" * times + b"maker,model,1,2\n"


def test_after_a_timeout_the_step_is_found_again_behind_whatever_was_late() -> None:
    wire = Wire(b'0,"No error";#2', None, b"10", b'abc\n1,2;0,"No error"\n' + probe_answer(1), reply(b"2"))
    session = session_on(wire)
    with pytest.raises(BoardTimeoutError):
        session.exchange(b":A?")
    assert session.state is State.OUT_OF_SYNC
    assert session.exchange(b":B?").elements == (b"2",)
    assert wire.log[1:3] == ["reset", b":SYST:VERS?;*IDN?\n"]


@pytest.mark.parametrize("calls_before", range(8))
def test_a_late_answer_to_an_earlier_probe_is_not_taken_for_that_of_the_present_one(
    calls_before: int,
) -> None:
    wire = Wire(*[None] * (1 + 3 * calls_before))
    session = session_on(wire)
    for _ in range(calls_before + 1):
        with pytest.raises(BoardTimeoutError):
            session.exchange(b":A?")
    # The first probe of this call is answered late, while the second is waited for.
    first, second = (1 + (2 * calls_before + n) % 7 for n in range(2))
    wire.arriving.extend([None, None, probe_answer(first), probe_answer(second), reply(b"2")])
    assert session.exchange(b":B?").elements == (b"2",)


def test_a_board_that_waits_for_the_rest_of_a_block_is_given_the_silence_it_needs() -> None:
    wire = Wire(None, None, None, probe_answer(2), reply(b"2"))
    session = session_on(wire)
    with pytest.raises(BoardTimeoutError):
        session.exchange(b":A 1")
    began_s = wire.clock.now_s
    assert session.exchange(b":B?").elements == (b"2",)
    # With the 2 s of the first probe this is more than the 5 s after which a board gives up a block.
    assert wire.clock.now_s - began_s == pytest.approx(5.25)


def test_a_board_that_stays_silent_is_reported_and_tried_again_by_the_next_call() -> None:
    wire = Wire(None, None, None, None)
    session = session_on(wire)
    for match in ("silence", "did not come into step"):
        with pytest.raises(BoardTimeoutError, match=match):
            session.exchange(b":A?")
    assert session.state is State.OUT_OF_SYNC
    wire.arriving.extend([probe_answer(3), reply(b"1")])
    assert session.exchange(b":A?").elements == (b"1",)


def test_a_garbled_reply_brings_the_session_into_step_before_the_next_message() -> None:
    wire = Wire(b'X,"No error";1;0,"No error"\n', probe_answer(1), reply(b"1"))
    session = session_on(wire)
    with pytest.raises(BoardError, match="error queue"):
        session.exchange(b":A?")
    assert session.exchange(b":A?").elements == (b"1",)


def test_an_interrupt_in_the_middle_of_a_reply_leaves_nothing_behind() -> None:
    wire = Wire(b'0,"No er', KeyboardInterrupt(), b'ror";1;0,"No error"\n' + probe_answer(1), reply(b"2"))
    session = session_on(wire)
    with pytest.raises(KeyboardInterrupt):
        session.exchange(b":A?")
    assert session.exchange(b":B?").elements == (b"2",)


def test_a_link_that_is_lost_while_coming_into_step_is_opened_anew() -> None:
    wire = Wire(None, LOST, HELLO, reply(b"1"))
    session = session_on(wire)
    with pytest.raises(BoardTimeoutError):
        session.exchange(b":A?")
    assert session.exchange(b":A?").elements == (b"1",)
    assert "reopen" in wire.log


# Closing, threads


def test_a_closed_session_says_so() -> None:
    wire = Wire()
    session = session_on(wire)
    session.close()
    session.close()
    assert wire.log == ["close"]
    for call in (lambda: session.exchange(b":A?"), session.reconnect):
        with pytest.raises(BoardConnectionError, match="was closed"):
            call()


def test_messages_of_two_threads_are_not_mixed() -> None:
    wire = Wire()
    session = session_on(wire)
    overlapping = threading.Semaphore(1)
    receive = wire.receive

    def answer(count: int | None, timeout_s: float) -> bytes:
        wire.arriving.append(reply(wire.sent[-1].split(b";")[1]))
        assert overlapping.acquire(blocking=False)
        try:
            return receive(count, timeout_s)
        finally:
            overlapping.release()

    wire.receive = answer
    wrong = []

    def ask(name: bytes) -> None:
        for _ in range(200):
            if session.exchange(b":%s?" % name).elements != (b":%s?" % name,):
                wrong.append(name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in (b"A", b"B", b"C")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(wire.sent) == 600
