"""Both engines answer the same, byte for byte, texts of errors included."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import c_engine
import pytest
from engine_rig import FakeClock
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference_board import ALL_GROUPS, ReferenceBoard
from test_robustness import MESSAGES

from crosscal.firmware_models import Instrument
from crosscal.firmware_models.conformance.transcript_bytes import encode
from crosscal.firmware_models.conformance.transcript_format import (
    Directive,
    ExpectError,
    Send,
    Transcript,
    load_transcripts,
)

# Only where a reply is lost or delayed do the two differ: the one in C has no room to keep it.
OTHER_ANSWERS = re.compile(rb"FAU\w*:LINK", re.IGNORECASE)


class Twins:
    """One board of each engine, and a client of each that says the same."""

    def __init__(self, *, message_based: bool, groups: tuple[str, ...] = ALL_GROUPS) -> None:
        self.message_based = message_based
        self.clocks = [FakeClock(), FakeClock()]
        self.boards = [
            engine(ReferenceBoard(groups), clock=clock)
            for engine, clock in zip((Instrument, c_engine.Instrument), self.clocks, strict=True)
        ]
        self.links = [board.open_session(message_based=message_based) for board in self.boards]

    def send(self, data: bytes, pieces: list[int] | None = None) -> None:
        """Send a message, cut at places."""
        at = sorted({0, len(data), *(place % (len(data) + 1) for place in pieces or [])})
        for link in self.links:
            for start, end in pairwise(at):
                link.receive(data[start:end])
            if self.message_based:
                link.end_message()

    def run(self) -> None:
        """Let both come to their end, and to the same state on the way."""
        while True:
            left = [board.poll() for board in self.boards]
            assert left[0] == left[1]
            if not left[0]:
                return

    def compare(self) -> bytes:
        """What both answered; their status bytes are the same as well."""
        assert self.links[0].status_byte() == self.links[1].status_byte()
        python, c = (link.transmit() for link in self.links)
        assert c == python
        return c

    def perform(self, step: Directive) -> None:
        """Do what a directive of a transcript says to both."""
        if step.name == "advance":
            for clock in self.clocks:
                clock.advance(step.argument or 0.0)
            self.run()
        for link in self.links:
            if step.name == "trigger":
                link.trigger()
            elif step.name == "device-clear":
                link.device_clear()
            elif step.name == "read-nothing":
                link.query_unterminated()
            elif step.name == "dropped":
                link.acknowledge_drop()


@pytest.mark.parametrize("message_based", [False, True], ids=["stream", "messages"])
@pytest.mark.parametrize("transcript", load_transcripts(), ids=lambda t: t.name)
def test_transcript_is_answered_with_the_same_bytes(transcript: Transcript, message_based: bool) -> None:
    if not transcript.fits(message_based=message_based):
        pytest.skip("the transcript is for other links")
    twins = Twins(message_based=message_based, groups=transcript.groups or ALL_GROUPS)
    cuts = random.Random(transcript.name)
    answered = 0
    for step in transcript.steps:
        if isinstance(step, Send):
            twins.send(encode(step.text) + b"\n", [cuts.randrange(1 << 16) for _ in range(cuts.randrange(8))])
        elif isinstance(step, ExpectError):
            twins.send(b"SYST:ERR?\n")
        elif isinstance(step, Directive):
            twins.perform(step)
        twins.run()
        answered += len(twins.compare())
    twins.send(b"SYST:ERR:ALL?\n")
    assert answered + len(twins.compare()) > 0


@settings(max_examples=200, deadline=None)
@given(
    messages=st.lists(MESSAGES.filter(lambda message: not OTHER_ANSWERS.search(message)), max_size=6),
    message_based=st.booleans(),
    cuts=st.lists(st.integers(min_value=0), max_size=6),
)
def test_random_commands_are_answered_with_the_same_bytes(
    messages: list[bytes], message_based: bool, cuts: list[int]
) -> None:
    twins = Twins(message_based=message_based)
    for message in messages:
        twins.send(message, cuts)
        twins.run()
        twins.compare()
    twins.perform(Directive(line=0, name="advance", argument=6.0))
    twins.compare()
    twins.perform(Directive(line=0, name="device-clear", argument=None))
    twins.send(b"SYST:ERR:ALL?\n")
    assert twins.compare()


SHARDS = (
    *(b"*OPC?", b"*IDN?", b"SENS:AVER:COUN", b"SOUR:VOLT:LIST", b"OUTP", b"FORM", b"FOO", b":", b"_", b"*"),
    *(b"\n", b";", b",", b" ", b"#", b"1", b"2", b"9", b"0", b"#15", b"#0", b"#H1F", b"'", b'"', b"?"),
    *(b"A", b"\t", b"5", b"1e3", b"0.1,0.2,0.3", b"-", b".", b"E", b"V", b"\xff", b"(", b"/", b"MAX"),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(SHARDS), max_size=16).map(b"".join),
    st.lists(st.integers(min_value=0), max_size=6),
)
def test_broken_messages_are_refused_with_the_same_words(data: bytes, cuts: list[int]) -> None:
    twins = Twins(message_based=False)
    twins.send(data + b"\n" * 10 + b"SYST:ERR:ALL?\n*IDN?\n", cuts)
    twins.run()
    twins.compare()


NUMBERS = st.text(st.sampled_from("0123456789.+-eE#HhQB mukMGVASX/"), min_size=1, max_size=30)


@settings(max_examples=300, deadline=None)
@given(
    NUMBERS | st.floats(allow_nan=False).map(repr) | st.integers().map(str),
    st.sampled_from(
        ["SOUR:VOLT:PROT", "SENS:AVER:COUN", "SENS:CURR:RANG", "SIM:SEED", "*ESE", "ARR:PROG:TOL", "OUTP"]
    ),
)
@example(number="#A1", header="SENS:AVER:COUN")
def test_numbers_are_read_and_written_the_same(number: str, header: str) -> None:
    twins = Twins(message_based=False)
    twins.send(f"{header} {number}\n{header}?\nSYST:ERR:ALL?\n".encode())
    twins.run()
    twins.compare()
