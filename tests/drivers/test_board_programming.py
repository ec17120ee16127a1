"""A matrix into the array, what the board reports of it, and boards that cannot."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from engine_link import board_on_paper
from paper_board import PaperBoard, groups_without

from crosscal.core.errors import IncompatibleBoardError, RangeError, ScpiError, ShapeError
from crosscal.drivers import ProgramReport

MATRIX = np.array([[1e-4, 2e-4], [3e-4, 4e-4], [5e-4, 6e-4]])


def test_a_run_is_reported() -> None:
    paper = PaperBoard()
    paper.iterations_needed = 7
    with board_on_paper(paper) as (board, _, _):
        report = board.program(MATRIX)
        assert report == ProgramReport(cells_failed=0, rms_relative_error=0.0, iterations=7)
        assert np.array_equal(board.simulation.true_conductance_s(), MATRIX)
        with pytest.raises(FrozenInstanceError):
            report.cells_failed = 1  # pyright: ignore[reportAttributeAccessIssue]  (that is the test)


def test_a_stuck_cell_is_reported_and_no_error_nor_blamed_on_what_follows() -> None:
    paper = PaperBoard()
    paper.stuck = True
    with board_on_paper(paper) as (board, _, _):
        report = board.program(MATRIX)
        assert (report.cells_failed, report.rms_relative_error) == (1, 0.25)
        assert [condition.code for condition in report.conditions] == [104]
        assert board.measure([0.1, 0.1, 0.1]).shape == (2,)


def test_a_run_may_take_longer_than_any_timeout_while_the_board_answers() -> None:
    paper = PaperBoard()
    paper.iterations_needed = 400
    with board_on_paper(paper) as (board, link, _):
        board.max_iterations = 1000
        assert board.program(MATRIX).iterations == 400
        assert sum(b":STAT:OPER:COND?" in message for message in link.sent) > 100


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize("bad", [np.full((2, 3), 1e-4), np.full((3, 2), np.nan), np.full((3, 2), 1.0), "x"])
def test_a_matrix_that_does_not_fit_changes_nothing(bad: object) -> None:
    with board_on_paper() as (board, link, _):
        board.program(MATRIX)
        before = len(link.sent)
        with pytest.raises((ShapeError, RangeError, ValueError)):
            board.program(bad)  # pyright: ignore[reportArgumentType]  (that is the test)
        assert len(link.sent) == before
        assert np.array_equal(board.target_s, MATRIX)


def test_the_limits_themselves_are_allowed() -> None:
    with board_on_paper() as (board, _, _):
        low, high = board.conductance_limits_s
        board.program([[low, high]] * 3)
        assert board.target_s.tolist() == [[low, high]] * 3


def test_a_board_that_is_busy_refuses_and_its_run_is_left_alone() -> None:
    with board_on_paper() as (board, link, _):
        other = link.instrument.open_session(message_based=False)

        def interfere(message: bytes) -> None:
            if b":ARR:PROG;" in message:
                other.receive(b"TRIG:SOUR BUS;:INIT\n")

        link.on_send = interfere
        with pytest.raises(ScpiError) as raised:
            board.program(MATRIX)
        assert raised.value.code == -200
        assert link.instrument.operations.measuring


@pytest.mark.parametrize(
    ("group", "call"),
    [
        ("PROG", lambda board: board.program(MATRIX)),
        ("PROG", lambda board: board.target_s),
        ("PROG", lambda board: board.tolerance),
        ("PROG", lambda board: setattr(board, "max_iterations", 5)),
        ("READBACK", lambda board: board.read_conductance()),
        ("SEQ", lambda board: board.dwell_s),
        ("SEQ", lambda board: setattr(board, "dwell_s", 1e-3)),
        ("SIM", lambda board: board.simulation),
    ],
)
def test_what_a_board_cannot_do_is_said_before_anything_is_sent(group: str, call: object) -> None:
    with board_on_paper(PaperBoard(capabilities=groups_without(group))) as (board, link, _):
        before = len(link.sent)
        with pytest.raises(
            IncompatibleBoardError, match=f"command group {group}; allowed: .*'crosscal,PAPER"
        ):
            call(board)  # pyright: ignore[reportCallIssue]  (a function)
        assert len(link.sent) == before


def test_a_board_without_a_thermometer_has_no_temperature() -> None:
    with board_on_paper(PaperBoard(capabilities=groups_without("TEMP"))) as (board, _, _):
        assert board.temperature_c is None
    with board_on_paper() as (board, _, _):
        assert board.temperature_c == 25.0
