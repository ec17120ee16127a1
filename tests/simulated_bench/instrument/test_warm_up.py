"""What a board does while it is switched on, lest a client wait for it."""

from __future__ import annotations

import logging

import pytest

from crosscal.simulated_bench import Bench, PoweredBoard

TINY = {"array": {"rows": 3, "columns": 7}}


def warm_ups(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.message.startswith("warming up") for record in caplog.records)


def test_boards_that_differ_by_their_seeds_alone_warm_up_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "crosscal.simulated_bench.instrument.warm_up")
    for seed in (1, 2, 3):
        PoweredBoard(Bench.from_profile("lab-16x12", seed=seed, temperature_c=31.0, **TINY))
    assert warm_ups(caplog) == 1
    PoweredBoard(Bench.from_profile("lab-16x12", temperature_c=32.0, **TINY))
    assert warm_ups(caplog) == 2


def test_a_board_that_has_warmed_up_is_as_new() -> None:
    warmed_up, plain = (Bench.from_profile("lab-16x12", seed=9, **TINY) for _ in range(2))
    PoweredBoard(warmed_up)
    readings = []
    for bench in (warmed_up, plain):
        bench.begin_programming(bench.true_conductance(), tolerance=0.01)
        bench.programming_iteration()
        readings.append((bench.read_conductance(), bench.true_conductance()))
    assert readings[0] == readings[1]


def test_a_board_that_cannot_be_read_is_switched_on_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "crosscal.simulated_bench.instrument.warm_up")
    # In its least gate voltage the transistor leaves triode at once.
    access = {"law": "ohmic", "access": {"gate_v": 0.75, "threshold_v": 0.7}}
    bench = Bench.from_profile("lab-16x12", device=access, **TINY)
    PoweredBoard(bench)
    assert any(record.message.startswith("warm-up:") for record in caplog.records)
