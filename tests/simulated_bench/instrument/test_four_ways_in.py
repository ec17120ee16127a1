"""The firmware's transcripts, replayed against the bench over every way in: all must behave the same."""

import pytest
from support.fake_clock import FakeClock
from ways_in import WAYS_IN, Way, WayIn

from crosscal.firmware_models.conformance.transcript_format import Directive, Transcript, load_transcripts
from crosscal.firmware_models.conformance.transcript_replay import TranscriptMismatchError, replay


def can_replay(transcript: Transcript, way_in: WayIn) -> bool:
    """Whether all of it can be done by a client, with the board's clock in hand and nothing else."""
    directives = {step.name for step in transcript.steps if isinstance(step, Directive)}
    possible = {"advance", "discard", "run"} | ({"read-nothing"} if way_in.notices_reads else set())
    return transcript.fits(message_based=way_in.message_based) and directives <= possible


def perform(way: Way, clock: FakeClock, name: str, argument: float | None) -> None:
    if name == "advance":
        assert argument is not None
        clock.now_s += argument
    elif name == "discard":
        # An altered reply still ends with its newline: one read takes it all.
        assert way.receive()
    else:
        {"read-nothing": way.read_nothing, "run": way.settle}[name]()


CASES = [
    pytest.param(transcript, way_in, id=f"{transcript.name}-{way_in.name}")
    for transcript in load_transcripts()
    for way_in in WAYS_IN
    if can_replay(transcript, way_in)
]


@pytest.mark.parametrize(("transcript", "way_in"), CASES)
def test_the_board_answers_as_the_transcript_has_it(transcript, way_in, tmp_path):
    clock = FakeClock()
    with way_in.open(tmp_path, groups=transcript.groups, clock=clock) as way:
        replay(
            transcript,
            way.send,
            way.receive,
            perform=lambda name, argument: perform(way, clock, name, argument),
        )


def test_only_what_needs_the_engine_in_hand_is_left_out():
    replayed = {case.values[0].name for case in CASES}  # pyright: ignore[reportAttributeAccessIssue]
    assert {t.name for t in load_transcripts()} - replayed == {"link_drop", "status_byte_polled"}


@pytest.mark.parametrize("way_in", WAYS_IN, ids=lambda way_in: way_in.name)
def test_a_replay_notices_a_wrong_answer(way_in, tmp_path):
    transcript = next(t for t in load_transcripts() if t.name == "power_on")
    with way_in.open(tmp_path) as way:
        way.send(b"SENS:AVER:COUN 2\n")
        with pytest.raises(TranscriptMismatchError):
            replay(transcript, way.send, way.receive)
