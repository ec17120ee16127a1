"""Several programs at one board: they take turns, and what one changed is never recorded by another."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from engine_link import EngineLink, board_on_paper
from paper_board import ALL_GROUPS, PaperBoard

from crosscal.core.errors import BoardConnectionError, BoardError, ScpiError
from crosscal.drivers import Board
from crosscal.firmware_models import Instrument

MATRIX = np.array([[1e-4, 2e-4], [3e-4, 4e-4], [5e-4, 6e-4]])
VECTOR = np.array([0.1, -0.2, 0.3])
LOCKING = (*ALL_GROUPS, "LOCK")


def paper(*, locking: bool = True) -> PaperBoard:
    return PaperBoard(capabilities=LOCKING if locking else ALL_GROUPS)


def say(link: EngineLink, message: str) -> bytes:
    """Another client that says one thing and leaves."""
    session = link.instrument.open_session(message_based=False, address="10.0.0.9:7000")
    session.receive(message.encode() + b"\n")
    answer = session.transmit()
    session.close()
    return answer


class Holder:
    """Another client that holds the lock until it is told."""

    def __init__(self, instrument: Instrument) -> None:
        self._session = instrument.open_session(message_based=False, address="10.0.0.9:7000")
        self._session.receive(b"SYST:LOCK:REQ?;:OUTP ON\n")
        assert self._session.transmit() == b"1\n"

    def end(self) -> None:
        self._session.close()


def test_each_call_takes_its_turn_and_gives_it_back() -> None:
    with board_on_paper(paper()) as (board, link, _):
        board.program(MATRIX)
        assert np.allclose(board.measure(VECTOR), VECTOR @ MATRIX)
        assert say(link, "SYST:LOCK:OWN?") == b"NONE\n"


def test_a_program_waits_for_its_turn() -> None:
    with board_on_paper(paper()) as (board, link, _):
        holder = Holder(link.instrument)
        requests: list[bytes] = []

        def release_after_three(message: bytes) -> None:
            requests.extend([message] if b"LOCK:REQ?" in message else [])
            if len(requests) == 3:
                holder.end()

        link.on_send = release_after_three
        board.program(MATRIX)
        assert len(requests) >= 3
        assert np.array_equal(board.target_s, MATRIX)


def test_a_program_that_waited_in_vain_names_the_owner_and_leaves_its_outputs_alone() -> None:
    with board_on_paper(paper()) as (board, link, driven):
        holder = Holder(link.instrument)
        with (
            pytest.raises(BoardConnectionError, match=r"in use by 10\.0\.0\.9:7000 for 0 s"),
            board.undisturbed(wait_s=0.0),
        ):
            raise AssertionError("the block must not be entered")
        assert say(link, "OUTP?") == b"1\n"
    # Leaving does not switch off what another program drives.
    assert driven.rests == 0
    assert link.instrument.settings.output_on
    holder.end()


def test_leaving_switches_off_as_ever_where_nobody_else_measures() -> None:
    with board_on_paper(paper()) as (board, link, driven):
        board.measure(VECTOR)
    assert driven.rests == 1
    assert not link.instrument.settings.output_on
    assert link.instrument.lock.owner is None


@pytest.mark.parametrize("locking", [True, False], ids=["lock", "no lock"])
def test_a_block_that_nobody_disturbed_passes(locking: bool) -> None:
    with board_on_paper(paper(locking=locking)) as (board, link, _), board.undisturbed():
        board.aperture_s = 2e-3
        board.program(MATRIX)
        assert np.allclose(board.measure([VECTOR] * 3), VECTOR @ MATRIX)
        assert say(link, "SENS:AVER:COUN?;:ARR:SIZE?") == b"1;3,2\n"


@pytest.mark.parametrize(
    "interference",
    [
        "ARR:COND:TARG 1e-5,1e-5,1e-5,1e-5,1e-5,1e-5",
        "SENS:AVER:COUN 7",
        "SENS:CURR:APER 5e-3",
        "ARR:PROG:TOL 0.3",
    ],
)
@pytest.mark.parametrize("locking", [True, False], ids=["lock", "no lock"])
def test_a_change_by_another_program_is_refused_or_noticed(locking: bool, interference: str) -> None:
    def block(board: Board, link: EngineLink) -> None:
        with board.undisturbed():
            board.program(MATRIX)
            say(link, interference)
            board.measure(VECTOR)

    with board_on_paper(paper(locking=locking)) as (board, link, _):
        if not locking:
            with pytest.raises(BoardError, match="changed by another client"):
                block(board, link)
        else:
            block(board, link)
            assert np.array_equal(board.target_s, MATRIX)


def interrupted_by(board: Board, interference: Callable[[], object]) -> None:
    with board.undisturbed():
        board.measure(VECTOR)
        interference()


def test_outputs_that_someone_switches_off_are_noticed_even_under_the_lock() -> None:
    changed = pytest.raises(BoardError, match=r"changed by another client: :SYST:CHAN\?")
    with board_on_paper(paper()) as (board, link, _), changed:
        interrupted_by(board, lambda: say(link, "OUTP OFF"))


def test_a_lock_that_a_lost_link_ended_is_taken_again() -> None:
    with board_on_paper(paper()) as (board, link, _):

        def lose_the_link() -> None:
            board.reconnect()
            assert link.instrument.lock.owner is not None
            assert say(link, "SYST:LOCK:REQ?") == b"0\n"

        # Another could have been there meanwhile: the block may not pass for undisturbed.
        with pytest.raises(BoardError, match="changed by another client"):
            interrupted_by(board, lose_the_link)


def test_a_programs_own_commands_and_reset_are_no_disturbance() -> None:
    for locking in (True, False):
        with board_on_paper(paper(locking=locking)) as (board, _, _), board.undisturbed():
            board.send("SENS:AVER:COUN 4")
            board.tolerance = 0.1
            board.reset()


def test_threads_of_one_program_share_its_turn() -> None:
    with board_on_paper(paper()) as (board, _, _):
        board.program(MATRIX)
        results: list[np.ndarray] = []
        threads = [threading.Thread(target=lambda: results.append(board.measure(VECTOR))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(np.allclose(found, VECTOR @ MATRIX) for found in results)
        assert len(results) == 6


# An acquisition that a client left waiting


@pytest.mark.parametrize("job", ["measure", "program"])
def test_an_acquisition_left_waiting_is_told_with_what_ends_it(job: str) -> None:
    with board_on_paper() as (board, link, _):
        say(link, "TRIG:SOUR BUS;:INIT")
        with pytest.raises(ScpiError) as raised:
            board.measure(VECTOR) if job == "measure" else board.program(MATRIX)
        assert raised.value.code == (-213 if job == "measure" else -200)
        notes = getattr(raised.value, "__notes__", [])
        assert any("waits for its trigger" in note and "board.abort()" in note for note in notes)
        board.abort()
        board.program(MATRIX)
        assert np.allclose(board.measure(VECTOR), VECTOR @ MATRIX)
