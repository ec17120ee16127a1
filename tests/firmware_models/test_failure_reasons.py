"""Reasons of failures, told to clients without a traceback, and not lost in the errors that follow."""

from __future__ import annotations

import pytest
from engine_rig import EngineLink, EngineRig
from reference_board import ReferenceBoard
from test_hardware_failures import FAILURES, fail


@pytest.fixture
def board() -> ReferenceBoard:
    return ReferenceBoard()


@pytest.fixture
def link(board: ReferenceBoard) -> EngineLink:
    link = EngineRig(hardware=board).open_link()
    link.tell("*CLS")
    return link


@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: type(f).__name__)
def test_a_failure_is_told_by_its_class_and_text_without_a_traceback(
    board: ReferenceBoard, link: EngineLink, failure: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    fail(board, "read_conductance", failure)
    link.tell("ARR:COND?")
    told = f"{type(failure).__name__}: {failure}"
    assert link.ask("SYST:ERR?") == f'-240,"Hardware error;{told}"'
    assert told in caplog.text
    assert "Traceback" not in caplog.text


def test_an_interrupt_of_the_user_passes_and_leaves_the_rows_at_rest(
    board: ReferenceBoard, link: EngineLink
) -> None:
    fail(board, "read_conductance", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        link.tell("ARR:COND?")
    assert board.rests == 1


def test_queries_after_a_failure_give_its_reason_and_not_an_older_result(
    board: ReferenceBoard, link: EngineLink
) -> None:
    assert link.ask("OUTP ON;:READ?;:ARR:PROG;:ARR:PROG:RES?").count(";") == 1
    fail(board, "measure", RuntimeError("relay 3"))
    link.tell("INIT;*WAI")
    assert link.ask("SYST:ERR?") == '-240,"Hardware error;RuntimeError: relay 3"'
    link.tell("FETC?")
    assert link.ask("SYST:ERR?") == (
        '-230,"Data corrupt or stale;the acquisition failed: RuntimeError: relay 3"'
    )
    fail(board, "programming_iteration", OSError("pulse"))
    link.tell("ARR:PROG;*WAI;:ARR:PROG:RES?")
    assert link.ask("SYST:ERR?") == '-240,"Hardware error;OSError: pulse"'
    assert link.ask("SYST:ERR?") == '-230,"Data corrupt or stale;programming failed: OSError: pulse"'
    fail(board, "begin_programming", OSError("supply"))
    link.tell("ARR:PROG;:ARR:PROG:RES?")
    assert link.ask("SYST:ERR?") == '-240,"Hardware error;OSError: supply"'
    assert link.ask("SYST:ERR?") == '-230,"Data corrupt or stale;programming failed: OSError: supply"'
    board.failures.clear()
    assert link.ask("READ?").count(",") == 1
