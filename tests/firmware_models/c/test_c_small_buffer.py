"""Messages many times longer than the input buffer: executed as they arrive, answered as ever."""

from __future__ import annotations

import struct

import c_engine
import engine_rig
import pytest
from engine_rig import EngineRig
from test_chunking import (  # noqa: F401
    test_any_bytes_in_any_cut_of_a_block_arrive,
    test_any_cut_of_a_transcript_is_answered_as_the_whole,
    test_block_of_any_bytes_ends_where_its_header_says,
    test_broken_messages_do_not_depend_on_the_cut_either,
)
from test_transcripts import (  # noqa: F401
    test_transcript_holds_on_a_stream,
    test_transcript_holds_where_messages_have_boundaries,
)

from crosscal.firmware_models.conformance.transcript_bytes import block

BUFFER_BYTES = 24


@pytest.fixture(autouse=True)
def small_buffer(c_engine_in_the_rig: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine's links hardly buffer anything."""
    del c_engine_in_the_rig
    monkeypatch.setattr(c_engine.Instrument, "input_bytes", BUFFER_BYTES)
    monkeypatch.setattr(engine_rig, "Instrument", c_engine.Instrument)


@pytest.mark.parametrize("code", [">d", "<f"])
def test_block_a_thousand_times_longer_than_the_buffer_arrives_whole(code: str) -> None:
    vectors = [round(n / 4096 - 0.5, 6) for n in range(3 * 4096)]
    order, length = ("NORM" if code[0] == ">" else "SWAP"), (32 if code[1] == "f" else 64)
    link = EngineRig().open_link()
    link.tell(f"*CLS;FORM REAL,{length};:FORM:BORD {order};:SOUR:VOLT:PROT 1")
    vectors = [value % 0.5 for value in vectors]
    link.send(
        b"SOUR:SEQ:DATA " + block(struct.pack(f"{code[0]}{len(vectors)}{code[1]}", *vectors)) + b";POIN?\n"
    )
    assert link.receive() == b"4096\n"
    link.tell("FORM ASC;:OUTP ON;:INIT;*WAI")
    assert float(link.ask("TRAC:DATA? 1,1").split(",")[0]) == pytest.approx(sum(vectors[:3]) * 1e-6, abs=1e-9)
    last = link.ask("FETC?").split(",")
    assert float(last[0]) == pytest.approx(sum(vectors[-3:]) * 1e-6, abs=1e-9)
    assert link.errors() == []


def test_clients_take_turns_with_what_only_one_can_fill() -> None:
    rig = EngineRig()
    one, two = rig.open_link(), rig.open_link()
    one.send(b"*CLS;:SOUR:VOLT:LIST 0.125,0.125,0.12")
    two.send(b"SOUR:VOLT:LIST 0.25,0.25,0.25;*OPC?\n")
    assert two.session.transmit() == b""
    one.send(b"5;*OPC?\n")
    assert one.receive() == b"1\n"
    rig.run()
    assert two.receive() == b"1\n"
    assert [float(v) for v in one.ask("SOUR:VOLT:LIST?").split(",")] == [0.25] * 3
    assert one.errors() == []


def test_client_that_falls_silent_in_an_array_does_not_hold_up_another_for_ever() -> None:
    rig = EngineRig()
    one, two = rig.open_link(), rig.open_link()
    one.send(b"*CLS;:SOUR:VOLT:LIST 0.125,0.125,0.12")
    two.send(b"SOUR:VOLT:LIST 0.25,0.25,0.25;*OPC?\n")
    rig.clock.advance(5.1)
    rig.run()
    assert two.receive() == b"1\n"
    one.send(b"5;*OPC?\n")
    assert one.errors() == [-161]
    assert two.errors() == []
    assert [float(v) for v in two.ask("SOUR:VOLT:LIST?").split(",")] == [0.25] * 3


def test_client_that_does_not_read_a_long_reply_loses_it_to_another() -> None:
    rig = EngineRig()
    one, two = rig.open_link(), rig.open_link()
    one.tell(f"*CLS;:OUTP ON;:SOUR:SEQ:DATA {','.join(['0.5,0,0'] * 500)};:INIT;*WAI")
    one.tell("TRAC:DATA? 1,500")
    two.tell("TRAC:DATA? 1,500")
    assert two.session.transmit() == b""
    rig.clock.advance(5.1)
    rig.run()
    assert two.receive().count(b",") == 999
    assert one.session.link_dropped
    assert not two.session.link_dropped
    assert two.errors() == []
