"""Settings: checked, applied, read back as applied, and all of them in a snapshot."""

from __future__ import annotations

import json

import pytest
from engine_link import board_on_paper
from paper_board import PaperBoard, groups_without

from crosscal.core.errors import InputError, RangeError, ScpiError


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("name", "value", "too_much"),
    [
        ("aperture_s", 0.25, 2.0),
        ("averages", 12, 1001),
        ("protection_v", 0.75, 1.5),
        ("dwell_s", 0.5, 2.0),
        ("tolerance", 0.05, -1.0),
        ("max_iterations", 33, 0),
        ("range_a", 1e-3, 0.5),
    ],
)
def test_a_setting_is_applied_and_what_is_too_much_is_refused_before_it_is_sent(
    name: str, value: float, too_much: float
) -> None:
    with board_on_paper() as (board, link, _):
        setattr(board, name, value)
        assert getattr(board, name) == value
        assert type(getattr(board, name)) is type(value)
        link.sent.clear()
        for bad in (too_much, float("nan")):
            with pytest.raises(RangeError, match=name):
                setattr(board, name, bad)
        for bad in ("1", None, True):
            with pytest.raises(InputError, match=name):
                setattr(board, name, bad)
        assert not link.sent
        assert getattr(board, name) == value


def test_a_range_is_rounded_up_to_one_the_board_has_and_ends_automatic_ranging() -> None:
    with board_on_paper() as (board, _, _):
        assert board.range_auto
        board.range_a = 2e-5
        assert board.range_a == 1e-3
        assert not board.range_auto
        board.range_auto = True
        assert board.range_auto
        assert board.ranges_a == (1e-5, 1e-3, 1e-2)


@pytest.mark.usefixtures("as_users_run_it")
def test_a_switch_takes_true_and_false_alone() -> None:
    with board_on_paper() as (board, _, _):
        for bad in (1, 0, "ON", None):
            with pytest.raises(InputError, match="allowed: True or False"):
                board.output_on = bad
        board.output_on = True
        assert board.output_on is True
        board.output_on = False
        assert board.output_on is False


def test_the_protection_cannot_be_lowered_below_a_loaded_vector() -> None:
    with board_on_paper() as (board, _, _):
        board.send("FORM ASC")
        board.send("SOUR:VOLT:LIST 0.5,0.5,0.5")
        with pytest.raises(ScpiError) as raised:
            board.protection_v = 0.4
        assert raised.value.code == -221
        assert raised.value.command == ":SOUR:VOLT:PROT 0.4;:SOUR:VOLT:PROT?"
        assert board.protection_v == 0.6


def test_a_snapshot_holds_every_setting_and_can_be_stored_as_json() -> None:
    with board_on_paper() as (board, _, _):
        board.averages = 7
        found = board.settings()
        assert json.loads(json.dumps(found)) == found
        assert found["SENS:AVER:COUN"] == 7
        assert found["TRIG:SOUR"] == "IMM"
        assert found["SOUR:VOLT:LIST"] == [0.0, 0.0, 0.0]
        assert found["SOUR:VOLT:PROT"] == 0.6
        assert {"FORM", "FORM:BORD", "*ESE", "*SRE", "SOUR:SEQ:DWEL", "ARR:PROG:TOL"} <= set(found)


def test_a_snapshot_shows_the_format_as_it_was_found() -> None:
    with board_on_paper() as (board, _, _):
        board.send("FORM REAL,32")
        assert board.settings()["FORM"] == "REAL,32"


def test_a_snapshot_leaves_out_what_the_board_does_not_have() -> None:
    with board_on_paper(PaperBoard(capabilities=groups_without("SEQ", "PROG"))) as (board, _, _):
        assert not {"SOUR:SEQ:DWEL", "ARR:PROG:TOL", "ARR:PROG:ITER"} & set(board.settings())


def test_commands_of_the_callers_own_are_checked_like_ours() -> None:
    with board_on_paper() as (board, _, _):
        board.send("sens:aver:coun 4")
        assert board.query("SENSE:AVERAGE:COUNT?") == "4"
        with pytest.raises(ScpiError) as raised:
            board.send("SENS:NONSENSE 4")
        assert raised.value.code == -113
        with pytest.raises(ScpiError):
            board.query("FETC?")
        assert board.query("*IDN?") == board.identity == "crosscal,PAPER,P1,1.0"


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda sim: sim.advance_time(-1.0), RangeError),
        (lambda sim: sim.advance_time(float("inf")), RangeError),
        (lambda sim: sim.set_temperature(-300.0), RangeError),
        (lambda sim: sim.reseed(1.5), RangeError),
        (lambda sim: sim.reseed(-1), RangeError),
        (lambda sim: sim.fault_cell(0, 1, "OPEN"), RangeError),
        (lambda sim: sim.fault_cell(4, 1, "OPEN"), RangeError),
        (lambda sim: sim.fault_cell(1, 3, "OPEN"), RangeError),
        (lambda sim: sim.fault_cell(1, 1, "BURNT"), InputError),
        (lambda sim: sim.fault_amplifier(3), RangeError),
        (lambda sim: sim.fault_link("CUT"), InputError),
        (lambda sim: sim.fault_link(None), InputError),
    ],
)
def test_what_a_simulation_cannot_do_is_refused_before_it_is_sent(
    call: object, error: type[Exception]
) -> None:
    with board_on_paper() as (board, link, _):
        simulation = board.simulation
        link.sent.clear()
        with pytest.raises(error):
            call(simulation)  # pyright: ignore[reportCallIssue]  (a function)
        assert not link.sent


def test_a_simulation_does_what_it_is_told() -> None:
    with board_on_paper() as (board, _, paper):
        board.simulation.advance_time(60.0)
        board.simulation.set_temperature(40.0)
        board.simulation.reseed(2**53)
        assert (paper.bench_time_s, board.temperature_c, paper.seeds) == (60.0, 40.0, [2**53])


def test_a_board_shows_what_and_where_it_is() -> None:
    with board_on_paper() as (board, _, _):
        assert repr(board) == "<Board 3x2 'crosscal,PAPER,P1,1.0' at 'ENGINE', ready>"
        assert board.capabilities == {"PROG", "READBACK", "SEQ", "TEMP", "SIM"}
        assert board.conductance_limits_s == (1e-6, 1e-3)


@pytest.mark.parametrize(
    ("misspelt", "near"), [("aperature_s", "aperture_s"), ("average", "averages"), ("zzz", "aperture_s")]
)
def test_a_misspelt_setting_is_refused_with_near_names_and_nothing_is_sent(misspelt: str, near: str) -> None:
    with board_on_paper() as (board, link, _):
        sent = len(link.sent)
        with pytest.raises(InputError, match=rf"'{misspelt}'.* {near}\b"):
            setattr(board, misspelt, 5)
        assert not hasattr(board, misspelt)
        assert len(link.sent) == sent
