"""Single steps of a board's operations: reads of one message, and no change by others that goes unnoticed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from engine_link import EngineLink, board_on_paper
from paper_board import ALL_GROUPS, PaperBoard

from crosscal.core.errors import BoardConnectionError, BoardError, DisturbedError, ScpiError
from crosscal.drivers.stepwise import StepwiseBoard
from crosscal.firmware_models import Instrument

MATRIX = np.array([[1e-4, 2e-4], [3e-4, 4e-4], [5e-4, 6e-4]])
VECTOR = np.array([0.1, -0.2, 0.3])
RANGE_A = 1e-3


@pytest.fixture(params=[True, False], ids=["LOCK", "no LOCK"])
def paper(request: pytest.FixtureRequest) -> PaperBoard:
    return PaperBoard(capabilities=(*ALL_GROUPS, "LOCK") if request.param else ALL_GROUPS)


def say(link: EngineLink, message: str) -> None:
    """Another client that says one thing and leaves."""
    session = link.instrument.open_session(message_based=False, address="10.0.0.9:7000")
    session.receive(message.encode() + b"\n")
    session.close()


def test_read_is_that_of_the_board(paper: PaperBoard) -> None:
    with board_on_paper(paper) as (board, _, _):
        board.program(MATRIX)
        board.range_a = RANGE_A
        steps = board.stepwise()
        steps.acknowledge()
        assert np.allclose(steps.read(VECTOR, RANGE_A).current_a, [VECTOR @ MATRIX])
        assert steps.applied("SENS:AVER:COUN", 2) == 2
        assert np.allclose(steps.read(-VECTOR, RANGE_A).current_a, [-VECTOR @ MATRIX])


def test_read_of_a_board_with_a_lock_is_one_message_of_its_own(paper: PaperBoard) -> None:
    with board_on_paper(paper) as (board, link, _):
        if "LOCK" not in board.capabilities:
            pytest.skip("without the group LOCK target and settings are compared")
        board.range_a = RANGE_A
        steps = board.stepwise()
        steps.acknowledge()
        steps.read(VECTOR, RANGE_A)
        link.sent.clear()
        steps.read(VECTOR, RANGE_A)
        assert len(link.sent) == 1
        assert b"LIST" not in link.sent[0]


@pytest.mark.parametrize("message", ["SENS:AVER:COUN 7", "ARR:COND:TARG " + ",".join(["2e-6"] * 6)])
def test_change_by_another_client_is_noticed_by_the_next_read(paper: PaperBoard, message: str) -> None:
    with board_on_paper(paper) as (board, link, _):
        board.range_a = RANGE_A
        steps = board.stepwise()
        steps.acknowledge()
        steps.read(VECTOR, RANGE_A)
        say(link, message)
        with pytest.raises(DisturbedError, match="another client"):
            steps.read(VECTOR, RANGE_A)
        steps.acknowledge()
        assert steps.read(VECTOR, RANGE_A).usable.all()


def test_link_that_was_opened_anew_is_noticed_even_if_nothing_else_differs(paper: PaperBoard) -> None:
    with board_on_paper(paper) as (board, _, _):
        board.range_a = RANGE_A
        steps = board.stepwise()
        steps.acknowledge()
        steps.read(VECTOR, RANGE_A)
        board.reconnect()
        for _ in range(2):
            with pytest.raises(BoardConnectionError, match="opened anew"):
                steps.read(VECTOR, RANGE_A)


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("changes", [0, 1])
@pytest.mark.parametrize(
    "look",
    [
        pytest.param(StepwiseBoard.changed, id="changed"),
        pytest.param(StepwiseBoard.acknowledge, id="acknowledge"),
        pytest.param(lambda steps: steps.read(-VECTOR, RANGE_A), id="another vector"),
        pytest.param(lambda steps: steps.read(VECTOR, RANGE_A), id="read"),
    ],
)
def test_board_switched_off_and_on_behind_its_link_is_no_change_by_another_client(
    paper: PaperBoard, look: Callable[[StepwiseBoard], object], changes: int, prepared: bool
) -> None:
    with board_on_paper(paper) as (board, link, _):
        board.range_a = RANGE_A
        steps = board.stepwise()
        for _ in range(changes):
            say(link, "SENS:AVER:COUN 7")
        steps.acknowledge()
        assert not steps.changed()
        steps.read(VECTOR, RANGE_A)
        if not prepared:
            steps.forget_preparations()
        link.power_cycle(Instrument(PaperBoard(capabilities=paper.facts.capabilities)))
        # An answer in another format is garbled, which ends the link as well.
        with pytest.raises(BoardError) as told:
            look(steps)
        assert not isinstance(told.value, DisturbedError | ScpiError)
        for again in (steps.changed, steps.acknowledge):
            with pytest.raises(BoardConnectionError):
                again()


def test_programming_goes_on_between_looks(paper: PaperBoard) -> None:
    paper.iterations_needed = 4
    with board_on_paper(paper) as (board, _, _):
        steps = board.stepwise()
        steps.begin_programming(MATRIX, 0.01, 50)
        looks = 0
        while steps.programming():
            looks += 1
        assert looks > 0
        assert steps.end_programming().iterations == 4
        assert np.array_equal(board.target_s, MATRIX)


def test_programming_can_be_stopped(paper: PaperBoard) -> None:
    paper.iterations_needed = 1000
    with board_on_paper(paper) as (board, _, _):
        steps = board.stepwise()
        steps.begin_programming(MATRIX, 0.01, 2000)
        steps.stop_programming()
        assert not steps.programming()


def test_loaded_vector_is_answered_as_the_board_rounds_it(paper: PaperBoard) -> None:
    with board_on_paper(paper) as (board, _, _):
        assert np.array_equal(board.stepwise().load(VECTOR), VECTOR)
