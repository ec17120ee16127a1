"""A block that stops arriving is given up after 5 s of silence (decision 16)."""

from __future__ import annotations

import pytest
from engine_rig import EngineLink, EngineRig

INCOMPLETE = [
    b"SOUR:VOLT:LIST #",
    b"SOUR:VOLT:LIST #2",
    b"SOUR:VOLT:LIST #22",
    b"SOUR:VOLT:LIST #224",
    b"SOUR:VOLT:LIST #224half a block",
    b"SOUR:VOLT:LIST #224with a newline\n",
    b"SENS:AVER:COUN 5;:SOUR:VOLT:LIST #9999999999x",
]


@pytest.fixture
def rig() -> EngineRig:
    return EngineRig()


@pytest.fixture
def link(rig: EngineRig) -> EngineLink:
    link = rig.open_link()
    link.tell("*CLS;FORM REAL,64")
    return link


@pytest.mark.parametrize("message_based", [False, True])
@pytest.mark.parametrize("part", INCOMPLETE)
def test_incomplete_block_is_given_up_after_five_seconds(
    rig: EngineRig, part: bytes, message_based: bool
) -> None:
    link = rig.open_link(message_based=message_based)
    link.tell("*CLS;FORM REAL,64")
    link.session.receive(part)
    rig.clock.advance(5.01)
    rig.instrument.poll()
    assert link.errors() == [-161]
    # The whole message is gone, what came before the block with it.
    assert link.ask("SENS:AVER:COUN?") == "1"


def test_it_waits_that_long(rig: EngineRig, link: EngineLink) -> None:
    link.session.receive(b"SOUR:VOLT:LIST #224" + bytes(8))
    rig.clock.advance(4.9)
    rig.instrument.poll()
    link.session.receive(bytes(8))
    rig.clock.advance(4.9)
    rig.instrument.poll()
    link.session.receive(bytes(8) + b"\n")
    assert link.errors() == []


def test_silence_is_noticed_by_the_next_bytes_too(rig: EngineRig, link: EngineLink) -> None:
    # Nobody polled meanwhile: the bytes that come now are a new message.
    link.session.receive(b"SOUR:VOLT:LIST #224half")
    rig.clock.advance(60.0)
    assert link.ask("*OPC?") == "1"
    assert link.errors() == [-161]


def test_it_is_given_up_once(rig: EngineRig, link: EngineLink) -> None:
    link.session.receive(b"SOUR:VOLT:LIST #224half")
    for _ in range(4):
        rig.clock.advance(6.0)
        rig.instrument.poll()
    assert link.errors() == [-161]


def test_silence_elsewhere_is_no_error(rig: EngineRig, link: EngineLink) -> None:
    link.session.receive(b"SENS:AVER:")
    rig.clock.advance(60.0)
    rig.instrument.poll()
    link.session.receive(b"COUN 5\n")
    assert link.ask("SENS:AVER:COUN?") == "5"
    assert link.errors() == []


def test_silence_on_one_link_does_not_disturb_another(rig: EngineRig, link: EngineLink) -> None:
    other = rig.open_link()
    link.session.receive(b"SOUR:VOLT:LIST #224")
    other.session.receive(b"SOUR:VOLT:LIST #224")
    rig.clock.advance(4.0)
    other.session.receive(bytes(23))
    rig.clock.advance(2.0)
    rig.instrument.poll()
    other.session.receive(bytes(1) + b"\n")
    assert other.errors() == []
    assert link.errors() == [-161]
    other.tell("FORM ASC")
    assert other.ask("SOUR:VOLT:LIST?").count(",") == 2


def test_device_clear_throws_an_incomplete_block_away(rig: EngineRig, link: EngineLink) -> None:
    link.session.receive(b"SOUR:VOLT:LIST #224half")
    link.session.device_clear()
    rig.clock.advance(10.0)
    rig.instrument.poll()
    assert link.errors() == []


def test_end_in_the_middle_of_a_block_is_an_invalid_block(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.tell("*CLS;FORM REAL,64")
    link.session.receive(b"SOUR:VOLT:LIST #224half")
    link.session.end_message()
    assert link.errors() == [-161]
    assert link.ask("*OPC?") == "1"
