"""Nothing that comes over a link brings the board down, and what is refused changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time

import pytest
from contract import COMMANDS
from engine_rig import EngineLink, EngineRig
from hypothesis import example, given, settings
from hypothesis import strategies as st

IDENTITY = "crosscal,REFERENCE,REF32,1.0"

SHORT_HEADERS = sorted(
    header.replace("[", "").replace("]", "").replace(":IMMediate", "").replace("::", ":")
    for header in COMMANDS
)
WORDS = st.sampled_from(
    [
        *(
            "0",
            "1",
            "-1",
            "2",
            "0.5",
            "1e-3",
            "1e-4",
            "1e-6",
            "9.91E37",
            "-9.91E37",
            "1e999",
            "1e-999",
            "1e40",
        ),
        *(
            "0.5V",
            "1mA",
            "1MA",
            "100uS",
            "5QQ",
            "1V5",
            "1e",
            ".",
            "-",
            "+.5",
            "#HFF",
            "#B2",
            "#Q8",
            "#H",
            "#",
        ),
        *("MIN", "MAX", "DEF", "ON", "OFF", "BUS", "IMM", "EXT", "REAL", "ASC", "32", "64", "NORM", "SWAP"),
        *("OPEN", "SHORT", "STUC", "GARB", "INF", "NAN", "FOO", '"a"', "'b'", '"', "(@1)", "*", "?", "4097"),
        *(
            "#10",
            "#0",
            "#11a",
            "#13abc",
            "#18\x00\x00\x00\x00\x00\x00\xf8\x7f",
            "#9",
            "99999999999999999999999",
        ),
        *("0.5,0.5,0.5", "0,0", "1e-4,1e-4,1e-4,1e-4,1e-4,1e-4", "0.1,0.1,0.1,0.2,0.2,0.2", ",", ""),
    ]
)
PARAMETERS = st.lists(WORDS, max_size=3).map(",".join)
UNITS = st.builds(
    lambda header, mark, parameters: f"{header}{mark} {parameters}",
    st.sampled_from(SHORT_HEADERS) | st.sampled_from(["FOO", "", ":", "::", "*", "SENS:", "*IDN"]),
    st.sampled_from(["", "?", "", "?", "??"]),
    PARAMETERS,
)
MESSAGES = st.lists(UNITS, max_size=4).map(lambda units: ";:".join(units).encode("latin-1") + b"\n")

# Every setting, and what is in the array. `|` stands between what they answer.
STATE = (
    "FORM?;*ESE?;*SRE?;:FORM:BORD?;:STAT:OPER:ENAB?;:STAT:QUES:ENAB?;:ARR:COND:TARG?;:ARR:PROG:TOL?;ITER?;"
    ":SOUR:VOLT:LIST?;PROT?;:SOUR:SEQ:POIN?;DWEL?;:OUTP?;:SENS:CURR:RANG?;RANG:AUTO?;:SENS:CURR:APER?;"
    ":SENS:AVER:COUN?;:SENS:TEMP?;:TRIG:SOUR?;:TRAC:POIN:ACT?;:SIM:TRUT:COND?;:STAT:OPER:COND?"
)


def still_alive(link: EngineLink) -> None:
    link.session.device_clear()
    assert link.ask("*IDN?") == IDENTITY


@settings(max_examples=200, deadline=None)
@given(chunks=st.lists(st.binary(max_size=40), max_size=8), message_based=st.booleans())
@example(chunks=[b"#", b"99", b"9999999999"], message_based=False)
@example(chunks=[b"SOUR:VOLT:LIST #1", b"\n", b"\n"], message_based=True)
@example(chunks=[b"*ESE #H", b"\n"], message_based=False)
@example(
    chunks=[b"\xff\xfe\n", b"\x00\n", b"*\n", b"?\n", b":\n", b"#0\n", b'"\n', b"'\n"], message_based=False
)
def test_random_bytes_bring_nothing_down(chunks: list[bytes], message_based: bool) -> None:
    rig = EngineRig()
    link = rig.open_link(message_based=message_based)
    for chunk in chunks:
        link.session.receive(chunk)
        rig.run()
        link.session.status_byte()
    if message_based:
        link.session.end_message()
    rig.clock.advance(6.0)
    rig.run()
    link.session.transmit()
    still_alive(link)


@settings(max_examples=400, deadline=None)
@given(messages=st.lists(MESSAGES, max_size=6), message_based=st.booleans())
def test_random_commands_bring_nothing_down(messages: list[bytes], message_based: bool) -> None:
    rig = EngineRig()
    link = rig.open_link(message_based=message_based)
    for message in messages:
        link.send(message)
        rig.run()
        link.session.status_byte()
        link.session.transmit(7)
    if link.session.link_dropped:
        link.session.acknowledge_drop()
    rig.clock.advance(6.0)
    rig.run()
    link.session.device_clear()
    # Whatever fault of the link was asked for, it strikes one reply at most.
    link.tell("SIM:FAUL:CLE")
    still_alive(link)


@settings(max_examples=600, deadline=None)
@given(unit=UNITS, real=st.booleans())
def test_command_that_errs_changes_nothing(unit: str, real: bool) -> None:
    rig = EngineRig()
    link = rig.open_link()
    link.tell("*CLS;:SENS:AVER:COUN 7;:SOUR:VOLT:LIST 0.5,0.25,0.125;:SOUR:SEQ:DATA 0.5,0,0")
    if real:
        link.tell("FORM REAL,64")
    before = state(link)
    link.send(unit.encode("latin-1") + b"\n")
    # A block that lacks bytes would wait for more.
    rig.clock.advance(6.0)
    rig.instrument.poll()
    link.session.transmit()
    failed = link.ask("SYST:ERR:COUN?") != "0"
    rig.run()
    if failed:
        link.tell("*CLS")
        assert state(link) == before


def state(link: EngineLink) -> bytes:
    """All settings and the array."""
    link.tell(STATE)
    return link.receive()


def test_the_state_that_is_compared_is_whole() -> None:
    assert state(EngineRig().open_link()).count(b";") == STATE.count(";")


@pytest.mark.parametrize("message_based", [False, True])
def test_message_without_an_end_is_not_kept_for_ever(message_based: bool) -> None:
    rig = EngineRig()
    link = rig.open_link(message_based=message_based)
    for _ in range(65):
        link.session.receive(b"A" * (1 << 20))
    assert link.errors() == [-223]
    still_alive(link)


def test_message_of_many_units_is_executed_whole() -> None:
    link = EngineRig().open_link()
    assert link.ask(";".join(["*OPC?"] * 5000)) == ";".join("1" * 5000)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(lambda length: b"SOUR:VOLT" + b" " * length + b'"x"', id="white space before a string"),
        pytest.param(lambda length: b"SENS:AVER:COUN " + b"1" * length + b"!", id="digits of no number"),
        pytest.param(lambda length: b"SOUR:VOLT " + b'"a",' * (length // 4) + b"1", id="many strings"),
        pytest.param(lambda length: b"SOUR:VOLT '" + b"a" * length, id="a string without an end"),
    ],
)
def test_no_message_takes_longer_than_its_length_explains(message: Callable[[int], bytes]) -> None:
    def duration_s(length: int) -> float:
        link, sent = EngineRig().open_link(), message(length) + b"\n"
        began_s = process_time()
        for at in range(0, len(sent), 512):
            link.session.receive(sent[at : at + 512])
        return process_time() - began_s

    # Four times the length: 16 times the time, if a part of it were looked at again for each part.
    times_s = [(duration_s(16_384), duration_s(4_096)) for _ in range(5)]
    assert median(long_s / short_s for long_s, short_s in times_s) < 9.0


@pytest.mark.parametrize("depth", [10, 5000])
def test_long_header_is_undefined(depth: int) -> None:
    link = EngineRig().open_link()
    link.tell(":".join(["SENS"] * depth) + "?")
    assert link.errors() == [-113]


def test_text_of_an_error_fits_the_standard_and_is_printable() -> None:
    # SCPI-1999, 21.8.1: 255 characters at most.
    link = EngineRig().open_link()
    link.session.receive(b"*CLS;FOO" + b"X" * 5000 + b'"\xff\x00\n')
    text = link.ask("SYST:ERR?")
    assert len(text) <= 300
    assert text.isprintable()
    assert link.errors() == []
