"""Faults of the link that a test of a client asks for: one shot, at the next reply on any link."""

from __future__ import annotations

import pytest
from engine_rig import EngineLink, EngineRig

IDENTITY = b"crosscal,REFERENCE,REF32,1.0\n"
KINDS = ("DROP", "STALl", "GARBle")


@pytest.fixture
def rig() -> EngineRig:
    return EngineRig()


@pytest.fixture
def link(rig: EngineRig) -> EngineLink:
    return rig.open_link()


@pytest.mark.parametrize("kind", KINDS)
def test_the_reply_to_the_message_itself_is_spared(link: EngineLink, kind: str) -> None:
    assert link.ask(f"*OPC?;:SIM:FAUL:LINK {kind};*OPC?") == "1;1"


@pytest.mark.parametrize("kind", KINDS)
def test_messages_without_a_reply_do_not_use_the_fault_up(link: EngineLink, kind: str) -> None:
    link.tell(f"SIM:FAUL:LINK {kind}")
    link.tell("SENS:AVER:COUN 5")
    link.tell("FOO")
    link.tell("*IDN?")
    assert link.session.transmit() != IDENTITY


@pytest.mark.parametrize("kind", KINDS)
def test_it_strikes_once_on_any_link(rig: EngineRig, link: EngineLink, kind: str) -> None:
    other = rig.open_link()
    link.tell(f"SIM:FAUL:LINK {kind}")
    other.tell("*IDN?")
    assert other.session.transmit() != IDENTITY
    link.tell("*IDN?")
    assert link.session.transmit() == IDENTITY
    assert not link.session.link_dropped


@pytest.mark.parametrize("kind", KINDS)
def test_clear_takes_back_a_fault_that_has_not_struck(link: EngineLink, kind: str) -> None:
    link.tell(f"SIM:FAUL:LINK {kind};CLE")
    assert not link.session.link_dropped
    link.tell("SIM:FAUL:CLE")
    link.tell("*IDN?")
    assert link.session.transmit() == IDENTITY


@pytest.mark.parametrize("kind", ["drop", "DROP", "stal", "STALL", "garb", "Garble"])
def test_kinds_are_taken_in_short_and_long_form(link: EngineLink, kind: str) -> None:
    link.tell(f"SIM:FAUL:LINK {kind}")
    link.tell("*IDN?")
    assert link.session.transmit() != IDENTITY


@pytest.mark.parametrize(
    ("parameters", "code"), [("", -109), ("CUT", -224), ("STALLED", -224), ("DROP,1", -108), ('"DROP"', -104)]
)
def test_kinds_that_are_none_break_nothing(link: EngineLink, parameters: str, code: int) -> None:
    link.tell(f"SIM:FAUL:LINK {parameters}".rstrip())
    assert link.errors() == [code]
    assert link.ask("*IDN?").encode() + b"\n" == IDENTITY


def test_drop_loses_the_reply_and_asks_for_the_link_to_be_closed(rig: EngineRig, link: EngineLink) -> None:
    link.tell("SIM:FAUL:LINK DROP")
    assert not link.session.link_dropped
    link.tell("*IDN?")
    rig.run()
    assert link.session.link_dropped
    assert link.session.pending == 0
    link.session.close()
    # The board goes on, and a link that is opened again is whole.
    again = rig.open_link()
    assert not again.session.link_dropped
    assert again.ask("*IDN?").encode() + b"\n" == IDENTITY


def test_on_a_line_that_stays_open_only_the_reply_is_lost(link: EngineLink) -> None:
    link.tell("SIM:FAUL:LINK DROP")
    link.tell("*IDN?")
    link.session.acknowledge_drop()
    assert not link.session.link_dropped
    assert link.session.pending == 0
    assert link.ask("ARR:SIZE?") == "3,2"


def test_stall_withholds_half_for_five_seconds(rig: EngineRig, link: EngineLink) -> None:
    link.tell("SIM:FAUL:LINK STAL")
    link.tell("*IDN?")
    first = link.session.transmit()
    assert IDENTITY.startswith(first)
    assert abs(len(first) - len(IDENTITY) / 2) <= 1
    rig.clock.advance(4.9)
    rig.instrument.poll()
    assert link.session.transmit() == b""
    rig.clock.advance(0.2)
    rig.instrument.poll()
    assert first + link.session.transmit() == IDENTITY


def test_stall_is_ended_by_clear_from_another_link(rig: EngineRig, link: EngineLink) -> None:
    link.tell("SIM:FAUL:LINK STAL")
    link.tell("*IDN?")
    first = link.session.transmit()
    other = rig.open_link()
    other.tell("SIM:FAUL:CLE")
    assert first + link.session.transmit() == IDENTITY


def test_replies_behind_a_stalled_one_keep_their_order(rig: EngineRig, link: EngineLink) -> None:
    link.tell("SIM:FAUL:LINK STAL")
    link.tell("*IDN?")
    link.tell("ARR:SIZE?")
    first = link.session.transmit()
    assert IDENTITY.startswith(first)
    rig.clock.advance(5.1)
    rig.instrument.poll()
    assert first + link.session.transmit() == IDENTITY + b"3,2\n"


def test_stall_in_the_middle_of_a_block(rig: EngineRig, link: EngineLink) -> None:
    link.tell("FORM REAL,64;:SIM:FAUL:LINK STAL")
    link.tell("SIM:TRUT:COND?")
    first = link.session.transmit()
    assert first.startswith(b"#248")
    assert len(first) < 4 + 48
    rig.clock.advance(5.1)
    rig.instrument.poll()
    whole = first + link.session.transmit()
    assert len(whole) == 4 + 48 + 1
    assert whole.endswith(b"\n")


def test_new_message_interrupts_a_stalled_reply_where_messages_have_boundaries(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.tell("SIM:FAUL:LINK STAL")
    link.tell("*IDN?")
    link.session.transmit()
    assert link.ask("ARR:SIZE?") == "3,2"
    rig.clock.advance(5.1)
    rig.instrument.poll()
    assert link.session.transmit() == b""
    assert link.errors() == [-410]


def test_reading_on_while_a_reply_is_stalled_is_no_query_error(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.tell("SIM:FAUL:LINK STAL")
    link.tell("*IDN?")
    first = link.session.transmit()
    link.session.query_unterminated()
    rig.clock.advance(5.1)
    rig.instrument.poll()
    assert first + link.session.transmit() == IDENTITY
    assert link.errors() == []


def test_device_clear_drops_a_stalled_reply(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.tell("SIM:FAUL:LINK STAL")
    link.tell("*IDN?")
    link.session.device_clear()
    rig.clock.advance(5.1)
    rig.instrument.poll()
    assert link.session.pending == 0


@pytest.mark.parametrize("query", ["*IDN?", "*OPC?", "FORM REAL,64;:SIM:TRUT:COND?"])
def test_garble_alters_bytes_and_keeps_the_length(link: EngineLink, query: str) -> None:
    link.tell(query)
    whole = link.session.transmit()
    link.tell("SIM:FAUL:LINK GARB")
    link.tell(query)
    garbled = link.session.transmit()
    assert garbled != whole
    assert len(garbled) == len(whole)
    link.tell(query)
    assert link.session.transmit() == whole
    assert link.errors() == []
