"""Hardware that fails or reports trouble: the errors that no message can ask for."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from typing import Any

import pytest
from engine_rig import EngineLink, EngineRig
from reference_board import ReferenceBoard

from crosscal.core.errors import SolverError
from crosscal.firmware_models import Reading


class Panic(BaseException):
    """Such as a library in another language raises: no `Exception`."""


FAILURES = [
    LookupError("no such pin"),
    SystemExit("driver gave up"),
    Panic("index out of bounds"),
    RuntimeError("relay"),
    OSError("bus"),
    ValueError("code"),
    ZeroDivisionError("gain"),
    SolverError("no"),
]


@pytest.fixture
def board() -> ReferenceBoard:
    return ReferenceBoard()


@pytest.fixture
def link(board: ReferenceBoard) -> EngineLink:
    link = EngineRig(hardware=board).open_link()
    link.tell("*CLS")
    return link


def fail(board: ReferenceBoard, name: str, failure: BaseException) -> None:
    board.failures = {name: failure}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("INIT", "measure"),
        ("ARR:PROG", "programming_iteration"),
    ],
)
def test_failure_in_a_run_is_a_hardware_error_and_ends_the_run(
    board: ReferenceBoard, link: EngineLink, message: str, name: str, failure: BaseException
) -> None:
    fail(board, name, failure)
    link.tell(f"{message};*WAI;:STAT:OPER:COND?;*ESR?")
    assert link.receive() == b"0;16\n"
    assert link.errors() == [-240]
    board.failures.clear()
    link.tell(f"{message};*OPC?")
    assert link.receive() == b"1\n"
    assert link.errors() == []


def test_reading_that_fails_answers_nothing(board: ReferenceBoard, link: EngineLink) -> None:
    assert link.ask("READ?").count(",") == 1
    fail(board, "measure", RuntimeError("amplifier"))
    link.tell("READ?")
    assert link.session.pending == 0
    assert link.errors() == [-240, -230]
    board.failures.clear()
    assert link.ask("READ?").count(",") == 1


@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: type(f).__name__)
@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("ARR:COND?", "read_conductance"),
        ("ARR:PROG", "begin_programming"),
        ("SENS:TEMP?", "temperature_c"),
        ("SIM:TRUT:COND?", "true_conductance"),
    ],
)
def test_failure_outside_of_a_run_is_a_hardware_error_too(
    board: ReferenceBoard, link: EngineLink, message: str, name: str, failure: BaseException
) -> None:
    fail(board, name, failure)
    # It skips its unit alone, as every error but -1xx does.
    assert link.ask(f"*OPC?;:{message};*OPC?;*ESR?;:STAT:OPER:COND?") == "1;1;16;0"
    assert link.errors() == [-240]
    board.failures.clear()
    assert link.ask(f"{message};*OPC?").endswith("1")
    assert link.errors() == []


class ReportingBoard(ReferenceBoard):
    """A reference board whose readings carry more trouble than its own."""

    trouble: dict[str, bool]

    def measure(self, voltage_v: array[float], **settings: Any) -> Reading:
        return replace(super().measure(voltage_v, **settings), **self.trouble)


@pytest.mark.parametrize(
    ("trouble", "code", "event", "questionable"),
    [
        ("compliance", 101, 8, 0),
        ("over_temperature", 103, 8, 16),
        ("hardware_error", -240, 16, 0),
    ],
)
def test_trouble_in_a_reading_is_reported_once_at_the_end(
    trouble: str, code: int, event: int, questionable: int
) -> None:
    board = ReportingBoard()
    board.trouble = {trouble: True}
    rig = EngineRig(hardware=board)
    link = rig.open_link()
    vectors = ",".join(["0"] * 3 * 500)
    link.tell(f"*CLS;:SOUR:SEQ:DATA {vectors};:INIT")
    rig.instrument.poll()
    assert link.errors() == []
    assert link.ask("FETC?").count(",") == 1
    assert link.errors() == [code]
    assert link.ask("*ESR?;:STAT:QUES?") == f"{event};{questionable}"
    board.trouble = {}
    assert link.ask("READ?").count(",") == 1
    assert link.errors() == []


def test_programming_that_saw_no_reading_answers_not_a_number() -> None:
    link = EngineRig().open_link()
    link.tell("*CLS;SIM:FAUL:AMPL 1;AMPL 2;:ARR:PROG")
    failed, error, iterations = link.ask("ARR:PROG:RES?").split(",")
    assert failed == "6"
    assert float(error) == 9.91e37
    assert int(iterations) >= 1


class UnsureBoard(ReferenceBoard):
    """A reference board without some readings."""

    def read_conductance(self) -> array[float]:
        return array("d", [math.nan if cell % 2 else g for cell, g in enumerate(super().read_conductance())])


@pytest.mark.parametrize("form", ["ASC", "REAL,32", "REAL,64"])
def test_no_reply_carries_a_nan(form: str) -> None:
    link = EngineRig(hardware=UnsureBoard()).open_link()
    link.tell(f"FORM {form};:ARR:COND?")
    reply = link.receive()
    assert b"NAN" not in reply.upper()
    if form != "ASC":
        values = array("f" if form == "REAL,32" else "d", reply[4:-1])
        values.byteswap()
        assert values[1] == pytest.approx(9.91e37)
        assert not any(math.isnan(value) for value in values)
