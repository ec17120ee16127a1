"""What a user is told while kernels compile."""

from __future__ import annotations

import logging

import pytest
from numba import njit

from crosscal.runtime.compilation_notice import announce_compilation


def test_a_compilation_is_announced_once_before_and_its_time_told_after(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "crosscal")
    seen_within = []
    with announce_compilation("structured", about_s=15):
        for constant in (1, 2):
            njit(lambda x, constant=constant: x + constant)(1)
            seen_within.append([record.levelname for record in caplog.records])
    assert seen_within == [["WARNING"], ["WARNING"]]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.messages[0] == (
        "compiling the read kernels of structured, once per installation: about 15 s on a free processor"
    )
    assert caplog.messages[1].startswith("compiled the read kernels of structured in ")


def test_nothing_is_said_where_all_is_compiled(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "crosscal")
    compiled = njit(lambda x: x + 1)
    compiled(1)
    with announce_compilation("structured", about_s=15):
        assert compiled(2) == 3
    assert caplog.records == []
