"""However a stream of bytes is cut up on its way, the board answers the same."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from engine_rig import EngineRig
from hypothesis import given, settings
from hypothesis import strategies as st

from crosscal.firmware_models.conformance.transcript_bytes import block, encode
from crosscal.firmware_models.conformance.transcript_format import (
    ExpectError,
    Send,
    Transcript,
    load_transcripts,
)

STREAMED = [t for t in load_transcripts() if not t.engine_only and t.fits(message_based=False)]
# Long ones take long byte by byte and say nothing that the others do not.
SHORT = [t for t in STREAMED if t.name not in ("error_queue_overflow", "sequence", "errors_execution")]


def bytes_sent(transcript: Transcript) -> bytes:
    """All that a client sends in a transcript, the questions for errors included."""
    sent = bytearray()
    for step in transcript.steps:
        if isinstance(step, Send):
            sent += encode(step.text) + b"\n"
        elif isinstance(step, ExpectError):
            sent += b"SYST:ERR?\n"
    return bytes(sent)


def replies(pieces: list[bytes]) -> bytes:
    """What a fresh board answers to pieces of a stream.

    Between them nothing that is under way advances, and nothing is read: both show in the status byte.
    """
    rig = EngineRig()
    session = rig.instrument.open_session(message_based=False)
    for piece in pieces:
        session.receive(piece)
    rig.run()
    return session.transmit()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut data at places, given as any integers."""
    at = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(at)]


@pytest.mark.parametrize("transcript", SHORT, ids=lambda t: t.name)
def test_single_bytes_are_answered_as_the_whole(transcript: Transcript) -> None:
    sent = bytes_sent(transcript)
    whole = replies([sent])
    assert whole.endswith(b"\n")
    assert replies([sent[i : i + 1] for i in range(len(sent))]) == whole


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(STREAMED), st.lists(st.integers(min_value=0), max_size=12))
def test_any_cut_of_a_transcript_is_answered_as_the_whole(transcript: Transcript, places: list[int]) -> None:
    sent = bytes_sent(transcript)
    assert replies(cut(sent, places)) == replies([sent])


voltages = st.floats(min_value=-0.5, max_value=0.5, width=32)
awkward = st.sampled_from(
    # Voltages whose bytes are newlines, semicolons, quotes, block headers and white space.
    [struct.unpack(">f", bytes([0x3D, *tail]))[0] for tail in (b"\n\n\n", b";;;", b'"\'"', b"#15", b"   ")]
)


@settings(max_examples=80, deadline=None)
@given(
    vectors=st.lists(st.tuples(*[voltages | awkward] * 3), min_size=1, max_size=6),
    code=st.sampled_from([">f", "<f", ">d", "<d"]),
    places=st.lists(st.integers(min_value=0), max_size=12),
)
def test_any_bytes_in_any_cut_of_a_block_arrive(
    vectors: list[tuple[float, ...]], code: str, places: list[int]
) -> None:
    flat = [v for vector in vectors for v in vector]
    data = block(struct.pack(f"{code[0]}{len(flat)}{code[1]}", *flat))
    order, length = ("NORM" if code[0] == ">" else "SWAP"), (32 if code[1] == "f" else 64)
    head = f"*CLS;:FORM REAL,{length};:FORM:BORD {order};:OUTP ON;:SENS:CURR:RANG 1e-5".encode()
    sent = head + b"\n*OPC?;:SOUR:SEQ:DATA " + data + b";*OPC?;:SOUR:SEQ:POIN?\nSYST:ERR:COUN?\n"
    assert replies(cut(sent, places)) == b"1;1;%d\n0\n" % len(vectors)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.lists(st.integers(min_value=0), max_size=8))
def test_block_of_any_bytes_ends_where_its_header_says(payload: bytes, places: list[int]) -> None:
    # Under ASCii such a block is no list of numbers: an error of some kind, but the next message is whole.
    sent = b"*CLS\nSOUR:VOLT:LIST " + block(payload) + b"\n*IDN?\n"
    assert replies(cut(sent, places)) == b"crosscal,REFERENCE,REF32,1.0\n"


SHARDS = (b"*OPC?", b"\n", b";", b"#", b"1", b"2", b"9", b"#15", b"'", b'"', b" ", b"A", b"#H1")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(SHARDS), max_size=14).map(b"".join),
    st.lists(st.integers(min_value=0), max_size=8),
)
def test_broken_messages_do_not_depend_on_the_cut_either(data: bytes, places: list[int]) -> None:
    ending = b"\n" * 10 + b"SYST:ERR:ALL?\n*IDN?\n"
    assert replies(cut(data + ending, places)) == replies([data + ending])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(min_value=0), max_size=12))
def test_a_message_based_link_does_not_mind_the_cut(places: list[int]) -> None:
    message = b"FORM REAL,32;:SOUR:VOLT:LIST #212\x3d\n\n\n\x3d;;;\x3d\"'\n;"
    message += b":FORM ASC;:SYST:ERR:COUN?;:SOUR:VOLT:LIST?"
    rig = EngineRig()
    link = rig.open_link(message_based=True)
    for piece in cut(message, places):
        link.session.receive(piece)
    link.session.end_message()
    count, _, vector = link.receive().partition(b";")
    assert count == b"0"
    assert len(vector.split(b",")) == 3
