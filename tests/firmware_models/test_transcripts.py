"""Every transcript holds on the engine itself; what makes a transcript hold is tested too."""

from __future__ import annotations

import re

import pytest
from engine_rig import EngineRig
from reference_board import ALL_GROUPS

from crosscal.firmware_models.conformance.transcript_bytes import difference, encode, reply_length
from crosscal.firmware_models.conformance.transcript_format import (
    Transcript,
    load_transcripts,
    parse_transcript,
)
from crosscal.firmware_models.conformance.transcript_replay import TranscriptMismatchError, replay

TRANSCRIPTS = load_transcripts()


def _on_links(message_based: bool) -> list[Transcript]:
    return [transcript for transcript in TRANSCRIPTS if transcript.fits(message_based=message_based)]


def _replay_on_engine(transcript: Transcript, *, message_based: bool, eager: bool) -> None:
    rig = EngineRig(transcript.groups or ALL_GROUPS)
    link = rig.open_link(message_based=message_based, eager=eager)
    replay(transcript, link.send, link.receive, perform=link.perform)
    assert link.session.pending == 0


# A slow client finds everything finished after each message, a fast one everything under way.
@pytest.mark.parametrize("eager", [False, True], ids=["fast", "slow"])
@pytest.mark.parametrize("transcript", _on_links(message_based=True), ids=lambda t: t.name)
def test_transcript_holds_where_messages_have_boundaries(transcript: Transcript, eager: bool) -> None:
    _replay_on_engine(transcript, message_based=True, eager=eager)


@pytest.mark.parametrize("eager", [False, True], ids=["fast", "slow"])
@pytest.mark.parametrize("transcript", _on_links(message_based=False), ids=lambda t: t.name)
def test_transcript_holds_on_a_stream(transcript: Transcript, eager: bool) -> None:
    _replay_on_engine(transcript, message_based=False, eager=eager)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("> *OPC?\n< 2", "instead of"),
        ("> *OPC?\n< 1.5", "instead of"),
        ("> *OPC?\n< 1,1", "fields"),
        ("> *OPC?\n<~ 1.", "does not match"),
        ("> *OPC?", "no answer to SYSTem:ERRor"),
        ("> *RST\n< 1", "no reply"),
        ("> FOO\nerror -222", "error b'-113"),
        ("> FOO", "errors that the transcript does not have"),
        ("> *RST\nerror -113", "error b'0"),
        ("> SENS:CURR:APER?\n< 0.001001", "instead of"),
        ("> FORM REAL,64;:SOUR:VOLT:LIST?\n< {>d 0,0}", "bytes that begin"),
        ("> FORM REAL,64;:SOUR:VOLT:LIST?\n< {>f 0*3}", "bytes that begin"),
        ("> FORM REAL,64;:SOUR:VOLT:LIST?\n< {>d 0,0,1e-9}", "value 3"),
    ],
)
def test_transcript_that_the_board_does_not_follow_fails(text: str, complaint: str) -> None:
    link = EngineRig().open_link()
    link.session.receive(b"*CLS\n")
    with pytest.raises(TranscriptMismatchError, match=complaint):
        replay(parse_transcript("made-up", text), link.send, link.receive)


@pytest.mark.parametrize("line", ["*IDN?", "<=1 3", "! jump", "@ serial", "error minus", "<~ ("])
def test_line_that_is_no_step_is_refused(line: str) -> None:
    with pytest.raises((ValueError, re.error)):
        parse_transcript("made-up", line)


def test_integers_are_exact_numbers_within_tolerance_and_words_literal() -> None:
    assert difference("12", b"+12", 0.1) is None
    assert difference("12", b"12.0", 0.1) is not None
    assert difference("12", b"13", 0.5) is not None
    assert difference("1.0", b"1.05", 0.1) is None
    assert difference("1.0", b"1.2", 0.1) is not None
    assert difference("ASC,17", b"ASC,17", 0.0) is None
    assert difference("1;2", b"1,2", 0.0) is not None
    assert difference('0,"No, error"', b'0,"No, error"', 0.0) is None


def test_reply_ends_behind_its_blocks() -> None:
    assert reply_length(b"1;2\n3\n") == 4
    assert reply_length(b"#15a\nb\nc;#11\n\n9\n") == 14
    assert reply_length(b'"#15";1\n') == 8
    assert reply_length(b"#15a\nb\n") is None
    assert reply_length(b"#2") is None
    assert reply_length(b"#0\n") == 3


def test_escapes_become_bytes_and_braces_blocks() -> None:
    assert encode(r"A\x00\n\\B") == b"A\x00\n\\B"
    assert encode("{>f 0.5,0.25*2}") == b"#212\x3f\x00\x00\x00\x3e\x80\x00\x00\x3e\x80\x00\x00"
    assert encode("{<d 1}") == b"#18\x00\x00\x00\x00\x00\x00\xf0\x3f"
