"""Rows at 0 V, in hardware and at once: decision 21."""

from __future__ import annotations

import pytest
from engine_rig import EngineLink, EngineRig
from reference_board import ReferenceBoard


@pytest.fixture
def board() -> ReferenceBoard:
    return ReferenceBoard()


@pytest.fixture
def rig(board: ReferenceBoard) -> EngineRig:
    return EngineRig(hardware=board)


@pytest.fixture
def link(rig: EngineRig) -> EngineLink:
    link = rig.open_link()
    link.tell("*CLS;:OUTP ON;:SOUR:VOLT:LIST 0.5,0.5,0.5")
    return link


@pytest.mark.parametrize("message", ["OUTP OFF", "OUTPut:STATe 0", "*RST"])
def test_switching_off_reaches_the_hardware_at_once(
    board: ReferenceBoard, link: EngineLink, message: str
) -> None:
    assert board.rests == 0
    link.tell(message)
    assert board.rests == 1
    assert link.ask("OUTP?") == "0"


def test_switching_on_drives_nothing_yet(board: ReferenceBoard, link: EngineLink) -> None:
    link.tell("OUTP ON")
    assert (board.rests, board.driven_v) == (0, [])


def test_the_end_of_the_board_stops_everything_and_rests(
    board: ReferenceBoard, rig: EngineRig, link: EngineLink
) -> None:
    link.tell("ARR:PROG;:STAT:OPER:COND?")
    assert link.receive() == b"256\n"
    rig.instrument.switch_off()
    assert board.rests == 1
    assert link.ask("STAT:OPER:COND?;:OUTP?") == "0;0"


def test_an_acquisition_that_drives_ends_when_the_output_is_switched_off(
    board: ReferenceBoard, rig: EngineRig, link: EngineLink
) -> None:
    vectors = ",".join(["0.5"] * 3 * 500)
    link.tell(f"SOUR:SEQ:DATA {vectors};:INIT")
    rig.instrument.poll()
    link.tell("OUTP OFF")
    driven = len(board.driven_v)
    assert 0 < driven < 500
    rig.run()
    assert len(board.driven_v) == driven
    # Vectors already read stay in the trace, as after ABORt.
    assert link.ask("TRAC:POIN:ACT?;:STAT:OPER:COND?") == f"{driven};0"


def test_an_acquisition_armed_for_a_trigger_does_not_drive_after_the_output_is_off(
    board: ReferenceBoard, link: EngineLink
) -> None:
    link.tell("TRIG:SOUR BUS;:INIT;:OUTP OFF;*TRG")
    assert link.errors() == [-211]
    assert board.driven_v == []


def test_switching_off_frees_a_stream_that_waits_for_its_trigger(link: EngineLink) -> None:
    link.tell("TRIG:SOUR BUS;:INIT;*OPC?")
    link.tell("OUTP OFF")
    assert link.receive() == b"1\n"
    assert link.ask("OUTP?") == "0"


def test_a_failure_of_the_hardware_leaves_the_rows_at_rest(board: ReferenceBoard, link: EngineLink) -> None:
    board.failures = {"measure": RuntimeError("relay")}
    link.tell("READ?")
    assert board.rests == 1
    assert link.errors() == [-240, -230]


def test_rows_that_cannot_be_taken_to_rest_are_a_hardware_error(
    board: ReferenceBoard, link: EngineLink
) -> None:
    board.failures = {"rest": OSError("no answer")}
    link.tell("OUTP OFF")
    assert link.ask("SYST:ERR?") == '-240,"Hardware error;OSError: no answer"'
    assert link.ask("OUTP?") == "0"
