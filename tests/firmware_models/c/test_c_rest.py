"""The engine in C stands `test_rest`, but for failures of `rest` itself, which its HAL cannot report."""

from test_rest import (  # noqa: F401
    board,
    link,
    rig,
    test_a_failure_of_the_hardware_leaves_the_rows_at_rest,
    test_an_acquisition_armed_for_a_trigger_does_not_drive_after_the_output_is_off,
    test_an_acquisition_that_drives_ends_when_the_output_is_switched_off,
    test_switching_off_frees_a_stream_that_waits_for_its_trigger,
    test_switching_off_reaches_the_hardware_at_once,
    test_switching_on_drives_nothing_yet,
)
