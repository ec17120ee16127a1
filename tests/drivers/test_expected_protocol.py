"""Scripts tested without hardware: a board is played, and whoever leaves its script fails."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.core.errors import BoardConnectionError, BoardTimeoutError, ScpiError
from crosscal.drivers import Board, Refusal, expected_protocol, scpi_block


def warm_up(board: Board) -> float:
    """Stands for a script under test."""
    board.averages = 16
    temperature_c = board.temperature_c
    assert temperature_c is not None
    return temperature_c


LIMITS = (":SENS:AVER:COUN? MIN;:SENS:AVER:COUN? MAX", "1;100")
SET = (":SENS:AVER:COUN 16;:SENS:AVER:COUN?", "16")
TEMPERATURE = (":SENS:TEMP?", "31.5")


def test_a_script_that_keeps_to_the_conversation_passes() -> None:
    with expected_protocol([LIMITS, SET, TEMPERATURE]) as board:
        assert warm_up(board) == 31.5


def test_another_message_fails_and_both_are_shown() -> None:
    with (
        pytest.raises(
            AssertionError, match=r"sent b':SENS:AVER:COUN 16.* where the script has b':SENS:AVER:COUN 8"
        ),
        expected_protocol([LIMITS, (":SENS:AVER:COUN 8;:SENS:AVER:COUN?", "8")]) as board,
    ):
        warm_up(board)


def test_a_message_too_many_fails() -> None:
    with (
        pytest.raises(AssertionError, match=r"sent b':SENS:TEMP\?' after the end of the script"),
        expected_protocol([LIMITS, SET]) as board,
    ):
        warm_up(board)


def test_a_message_too_few_fails() -> None:
    with pytest.raises(AssertionError, match="never sent: b':SENS:TEMP"), expected_protocol([TEMPERATURE]):
        pass


def test_an_error_in_the_script_under_test_is_not_hidden_by_what_it_then_did_not_send() -> None:
    with pytest.raises(ZeroDivisionError), expected_protocol([TEMPERATURE]):
        raise ZeroDivisionError


def test_a_refusal_is_raised_as_the_board_would() -> None:
    with (
        expected_protocol([LIMITS, (SET[0], Refusal(-222, "Data out of range"))]) as board,
        pytest.raises(ScpiError) as raised,
    ):
        warm_up(board)
    assert (raised.value.code, raised.value.text) == (-222, "Data out of range")


def test_a_board_that_does_not_tell_its_limits_is_left_to_keep_them() -> None:
    untold = (LIMITS[0], Refusal(-108, "Parameter not allowed"))
    with expected_protocol([untold, SET, TEMPERATURE]) as board:
        assert warm_up(board) == 31.5


def test_a_board_that_falls_silent_can_be_played() -> None:
    again = (":SYST:VERS?;*IDN?", "1999.0;crosscal,scripted board,0,1.0")
    with expected_protocol([(":SENS:TEMP?", BoardTimeoutError("silence")), again, TEMPERATURE]) as board:
        with pytest.raises(BoardTimeoutError):
            _ = board.temperature_c
        assert board.temperature_c == 31.5


def test_a_script_may_end_with_a_silent_board() -> None:
    with (
        expected_protocol([(":SENS:TEMP?", BoardTimeoutError("silence"))]) as board,
        pytest.raises(BoardTimeoutError),
    ):
        _ = board.temperature_c


def test_what_the_driver_does_to_leave_the_board_in_order_need_not_be_written_down() -> None:
    asked = ":SOUR:VOLT:PROT?;:SENS:CURR:APER?;:SENS:AVER:COUN?;:SENS:CURR:RANG:AUTO?;:SOUR:SEQ:DWEL?"
    refused = (asked, Refusal(-310, "System error"))
    with expected_protocol([refused]) as board, pytest.raises(ScpiError, match="-310"):
        board.measure([0.1, 0.1, 0.1])


def test_a_link_that_is_cut_can_be_played() -> None:
    hello = (":SYST:VERS?;:SYST:VERS?;*IDN?", "1999.0;1999.0;crosscal,scripted board,0,1.0")
    cut = ConnectionResetError("cut")
    with expected_protocol([(":SENS:TEMP?", cut), hello, TEMPERATURE]) as board:
        assert board.temperature_c == 31.5
    with (
        expected_protocol([LIMITS, (SET[0], cut)]) as board,
        pytest.raises(BoardConnectionError, match="cut"),
    ):
        warm_up(board)


def test_a_whole_measurement_can_be_written_down() -> None:
    vectors, currents = np.array([[0.1, 0.2, 0.3]]), np.array([[1e-3, 9.91e37]])
    binary = b":FORM REAL,64;:FORM:BORD SWAP;"
    conversation = [
        (
            ":SOUR:VOLT:PROT?;:SENS:CURR:APER?;:SENS:AVER:COUN?;:SENS:CURR:RANG:AUTO?;:SOUR:SEQ:DWEL?",
            "0.6;0.001;1;0;0.001",
        ),
        (
            binary + b":SOUR:SEQ:DATA " + scpi_block(vectors) + b";:SOUR:SEQ:POIN?",
            "1",
        ),
        (":TRIG:SOUR IMM;:OUTP ON;:INIT;:STAT:OPER:COND?;:TRAC:POIN:ACT?", "16;0"),
        (":STAT:OPER:COND?;:TRAC:POIN:ACT?", "0;1"),
        (
            b":TRAC:POIN:ACT?;:SENS:CURR:RANG?;:FORM ASC;:TRAC:STAT? 1,1;"
            + binary
            + b":TRAC:DATA? 1,1;:FORM?;:FORM:BORD?;:SOUR:SEQ:CLE",
            b"1;0.01;0,4;" + scpi_block(currents) + b";REAL,64;SWAP",
        ),
    ]
    with expected_protocol(conversation) as board:
        readout = board.read(vectors)
    assert readout.current_a[0, 0] == 1e-3
    assert np.isnan(readout.current_a[0, 1])
    assert readout.status.tolist() == [[0, 4]]


def test_the_board_can_be_given_any_facts() -> None:
    with expected_protocol(
        [],
        shape=(5, 4),
        capabilities=["TEMP"],
        identity="a,b,c,d",
        conductance_limits_s=(1e-5, 2e-5),
        ranges_a=[1.0],
    ) as board:
        assert (board.shape, board.identity, board.capabilities) == ((5, 4), "a,b,c,d", {"TEMP"})
        assert (board.conductance_limits_s, board.ranges_a) == ((1e-5, 2e-5), (1.0,))
