"""A circuit that cannot be solved: a hardware failure with cell and voltage, and no traceback."""

from __future__ import annotations

import logging
import re
from array import array

import pytest

from crosscal.firmware_models import HardwareFailure
from crosscal.firmware_models.serving.board_link import BoardLink
from crosscal.firmware_models.serving.powered_board import PoweredBoard
from crosscal.simulated_bench import Bench

BEYOND = r"V across the access transistor of row \d+, column \d+, vector 1; allowed: triode, below V_G - V_T"


def beyond_triode(**keys: object) -> Bench:
    """A 1T1R board whose gates are hardly open: half a volt takes its transistors out of triode."""
    bench = Bench.from_toml("lab-16x12", device={"access": {"gate_v": 0.9}}, **keys)
    rows, columns = bench.facts.rows, bench.facts.columns
    bench.begin_programming(array("d", [1e-4] * rows * columns), 0.5)
    bench.programming_iteration()
    return bench


def read(bench: Bench) -> None:
    drive_v = array("d", [0.5] * bench.facts.rows)
    bench.measure(drive_v, range_index=2, aperture_s=1e-3, averages=1, dwell_s=1e-3)


def test_the_bench_says_which_cell_left_its_range() -> None:
    with pytest.raises(HardwareFailure, match=BEYOND):
        read(beyond_triode())


def test_a_tile_is_named_since_its_cells_are_counted_in_it() -> None:
    with pytest.raises(HardwareFailure, match=rf"^tile 1,1: got .* {BEYOND}"):
        read(beyond_triode(tiles={"rows": 2, "columns": 2}))


def test_a_wire_that_hangs_on_nothing_is_a_hardware_failure_too() -> None:
    lines = [{"line": "ROW", "number": 3, "cell": 1, "kind": "OPEN"}]
    cells = [{"row": 3, "column": j + 1, "kind": "OPEN"} for j in range(12)]
    bench = Bench.from_toml("lab-16x12", faults={"lines": lines, "cells": cells})
    with pytest.raises(HardwareFailure, match="a floating node: the row wire at row 3, column 1,"):
        read(bench)


def test_the_error_queue_holds_240_with_the_cell_and_the_log_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "crosscal.firmware_models")
    powered = PoweredBoard(beyond_triode())
    link = BoardLink(powered, message_based=True)
    drive = ",".join(["0.5"] * 16)
    link.write(f"*CLS;:SOUR:VOLT:LIST {drive};:OUTP ON;:INIT;*WAI;:SYST:ERR?\n".encode(), end=True)
    answer, _ = link.read(1000, timeout_s=30.0, terminator=ord("\n"))
    answer = answer.decode()
    assert answer.startswith('-240,"Hardware error;got ')
    assert re.search(r"row \d+, column \d+, vector 1", answer)
    failures = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.exc_info for record in failures] in ([None], [False])
    assert "\n" not in failures[0].getMessage()


def test_the_advice_lowers_the_drive_and_nothing_else() -> None:
    with pytest.raises(HardwareFailure) as caught:
        read(beyond_triode())
    assert str(caught.value).endswith("; lower the drive")
