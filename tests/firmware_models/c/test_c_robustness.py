"""The engine in C stands `test_robustness`, but for the length of a message."""

import pytest
from engine_rig import EngineRig
from test_robustness import (  # noqa: F401
    still_alive,
    test_command_that_errs_changes_nothing,
    test_long_header_is_undefined,
    test_message_of_many_units_is_executed_whole,
    test_random_bytes_bring_nothing_down,
    test_random_commands_bring_nothing_down,
    test_text_of_an_error_fits_the_standard_and_is_printable,
    test_the_state_that_is_compared_is_whole,
)


@pytest.mark.parametrize("message_based", [False, True])
def test_message_without_an_end_takes_no_more_memory_than_a_short_one(message_based: bool) -> None:
    link = EngineRig().open_link(message_based=message_based)
    for _ in range(4):
        link.session.receive(b"A" * (1 << 20))
    # Nothing waits for the board to take it: the header is undefined however long it goes on.
    link.send(b"\n")
    assert link.errors() == [-113]
    still_alive(link)


@pytest.mark.parametrize("text", ["1" * 449, '"' + "x" * 500 + '"', "0." + "3" * 1000])
def test_parameter_longer_than_the_buffer_is_too_much_data(text: str) -> None:
    link = EngineRig().open_link()
    link.tell("SENS:AVER:COUN 3")
    link.tell(f"SENS:AVER:COUN {text};COUN?")
    assert link.receive() == b"3\n"
    assert link.errors() == [-223]
