"""Messages that a stream hears while a query of its own waits for a trigger (decision 22)."""

from __future__ import annotations

import pytest
from engine_rig import EngineLink, EngineRig
from reference_board import ALL_GROUPS


@pytest.fixture
def link() -> EngineLink:
    """A stream whose query waits."""
    link = EngineRig().open_link()
    link.tell("*CLS;:OUTP ON;:SOUR:VOLT:LIST 0.5,0.5,0.5;:TRIG:SOUR BUS;:INIT;*OPC?")
    assert link.receive() == b""
    return link


@pytest.mark.parametrize(
    "message",
    [
        "ABOR",
        ":abort",
        " ABOR ;",
        "OUTP OFF",
        "OUTPut:STATe 0",
        "OUTP #H0",
        "*TRG",
        "OUTP OFF;:ABOR",
        ";;*TRG",
    ],
)
def test_what_ends_the_acquisition_lets_the_query_be_answered(link: EngineLink, message: str) -> None:
    link.tell(message)
    assert link.receive() == b"1\n"
    assert link.errors() == []


@pytest.mark.parametrize("message", ["*RST", "*CLS", "ABOR;*RST", "*cls;:ABOR", "OUTP OFF;*RST"])
def test_what_forgets_completion_leaves_the_query_unanswered(link: EngineLink, message: str) -> None:
    link.tell(message)
    assert link.receive() == b""
    assert link.ask("ARR:SIZE?") == "3,2"
    assert link.errors() == []


@pytest.mark.parametrize(
    "message",
    [
        *("OUTP ON", "OUTP", "OUTP OFF,OFF", "OUTP 'OFF'", "ABOR 1", "ABOR?", "*TRG 1", "FOO"),
        *("ABOR;:SENS:AVER:COUN 4", "SENS:AVER:COUN 4;:ABOR", "", " ", ";", "ABORT" + ";" * 200, "*OPC?"),
    ],
)
def test_any_other_message_waits_its_turn(link: EngineLink, message: str) -> None:
    link.tell(message)
    assert link.receive() == b""
    link.tell("ABOR")
    assert link.receive().startswith(b"1\n")


def test_urgent_message_is_heard_behind_others_that_wait(link: EngineLink) -> None:
    link.tell("SENS:AVER:COUN 3")
    link.tell("SENS:AVER:COUN?")
    link.tell("OUTP OFF")
    assert link.receive() == b"1\n3\n"
    assert link.ask("OUTP?") == "0"
    assert link.errors() == []


def test_trigger_on_another_source_is_ignored_and_the_query_goes_on_waiting() -> None:
    link = EngineRig().open_link()
    link.tell("*CLS;:TRIG:SOUR EXT;:INIT;*OPC?")
    link.tell("*TRG")
    assert link.receive() == b""
    link.tell("ABOR")
    assert link.receive() == b"1\n"
    assert link.errors() == [-211]


def test_lock_of_another_client_is_heard_by_what_is_urgent_but_for_switching_off() -> None:
    rig = EngineRig((*ALL_GROUPS, "LOCK"))
    owner, other = rig.open_link(), rig.open_link()
    owner.tell("*CLS;:OUTP ON;:SOUR:VOLT:LIST 0.5,0.5,0.5;:TRIG:SOUR BUS;:INIT")
    assert owner.ask("SYST:LOCK:REQ?") == "1"
    other.tell("*OPC?")
    other.tell("ABOR")
    assert other.receive() == b""
    other.tell("OUTP OFF")
    assert other.receive() == b"1\n"
    assert other.errors() == [-221]
    assert owner.errors() == []
    assert owner.ask("OUTP?;:SYST:CHAN?") == "0;1"
