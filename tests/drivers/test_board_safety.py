"""Whatever happens, nothing stays driven, nothing stays locked, and the next call works."""

from __future__ import annotations

import gc
import logging

import numpy as np
import pytest
from engine_link import EngineLink, board_on_paper
from paper_board import PaperBoard

from crosscal.core.errors import BoardConnectionError, BoardError, BoardTimeoutError, ReadingError
from crosscal.drivers import Board
from crosscal.drivers.board_info import read_board_info
from crosscal.drivers.scpi.session import Session
from crosscal.drivers.scpi.timed_link import TimedLink
from crosscal.firmware_models import Instrument

MATRIX = np.array([[1e-4, 2e-4], [3e-4, 4e-4], [5e-4, 6e-4]])
VECTOR = np.array([0.1, -0.2, 0.3])


def output_is_on(link: EngineLink) -> bool:
    return link.instrument.settings.output_on


def test_measuring_drives_and_leaving_does_not() -> None:
    with board_on_paper() as (board, link, _):
        board.measure(VECTOR)
        assert output_is_on(link)
        assert board.output_on
    assert not output_is_on(link)
    with pytest.raises(BoardConnectionError, match="was closed"):
        board.measure(VECTOR)
    board.close()


def test_a_board_that_was_closed_does_not_complain_of_outputs_that_are_at_0_v(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with board_on_paper() as (board, link, _):
        board.measure(VECTOR)
    for call in (lambda: board.measure(VECTOR), lambda: board.program(MATRIX), board.read_conductance):
        with pytest.raises(BoardConnectionError, match="was closed"):
            call()
    assert not output_is_on(link)
    assert not caplog.records


def test_an_error_in_the_callers_code_leaves_nothing_driven() -> None:
    def script() -> None:
        with board:
            board.measure(VECTOR)
            assert output_is_on(link)
            raise ZeroDivisionError

    with board_on_paper() as (board, link, _), pytest.raises(ZeroDivisionError):
        script()
    assert not output_is_on(link)


def test_a_board_that_nobody_holds_any_more_is_switched_off() -> None:
    link = EngineLink(Instrument(PaperBoard()))
    session = Session(TimedLink(link, timeout_s=1.0))
    board = Board(session, read_board_info(session))
    board.averages = 3
    board.measure(VECTOR)
    assert output_is_on(link)
    del board, session
    gc.collect()
    assert not output_is_on(link)


@pytest.mark.parametrize("when", [b":SOUR:SEQ:DATA", b":INIT", b"STAT:OPER:COND?;:TRAC:POIN", b":TRAC:DATA?"])
def test_an_interrupt_while_measuring_stops_the_board(when: bytes) -> None:
    with board_on_paper() as (board, link, _):
        board.program(MATRIX)

        def press(message: bytes) -> None:
            if when in message:
                raise KeyboardInterrupt

        link.on_send = press
        with pytest.raises(KeyboardInterrupt):
            board.measure(np.zeros((10, 3)))
        link.on_send = lambda _: None
        assert not output_is_on(link)
        assert not link.instrument.operations.measuring
        assert np.allclose(board.measure(VECTOR), VECTOR @ MATRIX, rtol=1e-9)


def test_an_interrupt_while_programming_stops_the_board() -> None:
    paper = PaperBoard()
    paper.iterations_needed = 50
    with board_on_paper(paper) as (board, link, _):

        def press(message: bytes) -> None:
            if message.count(b":STAT:OPER:COND?") and b":ARR:PROG" not in message:
                raise KeyboardInterrupt

        link.on_send = press
        with pytest.raises(KeyboardInterrupt):
            board.program(MATRIX)
        link.on_send = lambda _: None
        assert not link.instrument.operations.programming
        assert not output_is_on(link)
        assert board.program(MATRIX).cells_failed == 0


def test_a_dropped_link_is_opened_anew_under_a_query() -> None:
    with board_on_paper() as (board, link, _):
        board.program(MATRIX)
        board.simulation.fault_link("DROP")
        assert np.array_equal(board.target_s, MATRIX)
        assert link.reopened == 1


@pytest.mark.parametrize("when", [b":SOUR:SEQ:DATA", b":INIT"])
def test_a_link_lost_while_a_measurement_begins_is_reported_and_the_next_one_works(when: bytes) -> None:
    with board_on_paper() as (board, link, _):
        board.program(MATRIX)

        def break_wire(message: bytes) -> None:
            if when in message:
                raise ConnectionResetError("wire cut")

        link.on_send = break_wire
        with pytest.raises(BoardConnectionError, match="wire cut"):
            board.measure(VECTOR)
        link.on_send = lambda _: None
        assert not output_is_on(link)
        assert np.allclose(board.measure(VECTOR), VECTOR @ MATRIX, rtol=1e-9)


@pytest.mark.parametrize("when", [b":SOUR:VOLT:PROT?", b";:STAT:OPER:COND?", b":TRAC:DATA?"])
def test_a_link_lost_while_a_measurement_only_asks_is_opened_anew_and_the_measurement_goes_on(
    when: bytes,
) -> None:
    with board_on_paper() as (board, link, _):
        board.program(MATRIX)
        cuts = [ConnectionResetError("wire cut")]

        def break_wire(message: bytes) -> None:
            if when in message and b":INIT" not in message and cuts:
                raise cuts.pop()

        link.on_send = break_wire
        vectors = np.random.default_rng(3).uniform(-0.5, 0.5, (10, 3))
        assert np.allclose(board.measure(vectors), vectors @ MATRIX, rtol=1e-9)
        assert link.reopened == 1


def test_a_link_dropped_under_a_setting_is_reported_and_not_repeated() -> None:
    with board_on_paper() as (board, link, _):
        assert board.averages == 1
        assert board._settings.limits("SENS:AVER:COUN") == (1, 1000)
        board.simulation.fault_link("DROP")
        with pytest.raises(BoardConnectionError):
            board.averages = 5
        assert sum(b":SENS:AVER:COUN 5" in message for message in link.sent) == 1
        assert board.averages in (1, 5)


def test_a_garbled_answer_is_an_error_and_the_next_one_is_right() -> None:
    with board_on_paper() as (board, _, _):
        board.program(MATRIX)
        board.simulation.fault_link("GARBLE")
        with pytest.raises(BoardError, match="garbled"):
            board.measure(VECTOR)
        assert np.allclose(board.measure(VECTOR), VECTOR @ MATRIX, rtol=1e-9)


def test_a_stalled_answer_times_out_and_the_next_one_is_right() -> None:
    with board_on_paper() as (board, _, _):
        board.program(MATRIX)
        board.simulation.fault_link("STALL")
        with pytest.raises(BoardTimeoutError):
            _ = board.target_s
        assert np.array_equal(board.target_s, MATRIX)


def test_settings_made_through_the_board_survive_a_restart(caplog: pytest.LogCaptureFixture) -> None:
    with board_on_paper() as (board, link, _):
        board.range_a = 1e-3
        board.range_auto = True
        board.range_a = 1e-5
        board.averages = 7
        board.output_on = True
        assert output_is_on(link)
        link.say("*RST")
        link.instrument.poll()
        with caplog.at_level(logging.WARNING):
            board.reconnect()
        assert (board.range_a, board.range_auto, board.averages) == (1e-5, False, 7)
        assert "SENS:AVER:COUN was 1" in caplog.text
        # What was driven is not driven again by itself.
        assert not output_is_on(link)


def test_settings_that_the_board_still_has_are_not_sent_again() -> None:
    with board_on_paper() as (board, link, _):
        board.averages = 7
        board.aperture_s = 2e-3
        link.sent.clear()
        board.reconnect()
        assert not any(b":SENS:AVER:COUN 7" in message or b"APER 0.002" in message for message in link.sent)


def test_a_range_is_not_kept_once_the_board_chooses_it_again() -> None:
    with board_on_paper() as (board, link, _):
        board.range_a = 1e-2
        board.range_auto = True
        board.measure(VECTOR * 1e-3)
        assert board.range_a < 1e-2
        link.sent.clear()
        board.reconnect()
        assert not any(b":SENS:CURR:RANG " in message for message in link.sent)
        assert board.range_auto


def test_an_interrupt_while_leaving_still_gives_the_link_back() -> None:
    with board_on_paper() as (board, link, _):

        def press(_: bytes) -> None:
            raise KeyboardInterrupt

        link.on_send = press
        with pytest.raises(KeyboardInterrupt):
            board.close()
        with pytest.raises(BoardConnectionError, match="was closed"):
            board.reconnect()


def test_a_reset_forgets_what_was_set() -> None:
    with board_on_paper() as (board, _, _):
        board.averages = 7
        board.reset()
        board.reconnect()
        assert board.averages == 1


def test_outputs_that_cannot_be_switched_off_are_logged_and_the_first_error_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with board_on_paper() as (board, link, _):
        board.measure(VECTOR)

        def break_wire(_: bytes) -> None:
            raise ConnectionResetError("wire cut")

        link.on_send = break_wire
        with caplog.at_level(logging.ERROR), pytest.raises(BoardConnectionError, match="wire cut"):
            board.measure(VECTOR)
        assert "could not be set to 0 V" in caplog.text
    assert output_is_on(link)


def test_a_reading_that_must_not_pass_switches_the_outputs_off() -> None:
    with board_on_paper() as (board, link, _):
        board.program(np.full((3, 2), 1e-3))
        board.range_a = 1e-5
        assert board.read(VECTOR).status.any()
        assert output_is_on(link)
        with pytest.raises(ReadingError):
            board.measure(VECTOR)
        assert not output_is_on(link)


def test_a_link_that_breaks_whenever_it_is_open_is_not_opened_for_ever() -> None:
    with board_on_paper() as (board, link, _):
        board.averages = 7

        def break_wire(message: bytes) -> None:
            if b"*IDN?" not in message:
                raise ConnectionResetError("wire cut")

        link.on_send = break_wire
        for attempt in (1, 2):
            with pytest.raises(BoardConnectionError, match="wire cut"):
                _ = board.temperature_c
            assert link.reopened == attempt
        link.on_send = lambda _: None
        assert board.averages == 7
