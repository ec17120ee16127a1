"""Every transcript holds on the engine in C."""

from __future__ import annotations

from test_transcripts import (  # noqa: F401
    test_transcript_holds_on_a_stream,
    test_transcript_holds_where_messages_have_boundaries,
    test_transcript_that_the_board_does_not_follow_fails,
)
