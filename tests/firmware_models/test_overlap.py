"""Acquisitions and programming runs that overlap with other commands (decisions 7, 9 and 12)."""

from __future__ import annotations

import pytest
from engine_rig import EngineLink, EngineRig

MEASURING, WAITING, PROGRAMMING = 16, 32, 256
TARGET = "ARR:COND:TARG 1e-4,2e-4,3e-4,4e-4,5e-4,6e-4;:ARR:PROG:TOL 1e-3"
VECTORS = 1000


@pytest.fixture
def rig() -> EngineRig:
    return EngineRig()


@pytest.fixture
def link(rig: EngineRig) -> EngineLink:
    link = rig.open_link()
    link.tell(f"*CLS;{TARGET};:OUTP ON;:SENS:CURR:RANG 1e-3;:SOUR:VOLT:LIST 0.5,0.25,0.125")
    return link


def load_sequence(link: EngineLink, count: int = VECTORS) -> None:
    vectors = ",".join(f"{0.5 * n / count:.6f},0,0" for n in range(count))
    link.tell(f"SOUR:SEQ:DATA {vectors}")


def condition(link: EngineLink) -> int:
    return int(link.ask("STAT:OPER:COND?"))


def test_programming_advances_between_messages_one_iteration_a_poll(rig: EngineRig, link: EngineLink) -> None:
    link.tell("ARR:PROG")
    assert condition(link) == PROGRAMMING
    assert rig.instrument.poll()
    assert condition(link) == PROGRAMMING
    assert not rig.instrument.poll()
    assert condition(link) == 0
    assert link.ask("ARR:PROG:RES?").endswith(",2")


def test_board_with_nothing_to_do_says_so(rig: EngineRig) -> None:
    assert not rig.instrument.poll()
    assert not rig.instrument.poll()


def test_sequence_is_measured_in_several_slices_and_readable_meanwhile(
    rig: EngineRig, link: EngineLink
) -> None:
    load_sequence(link)
    link.tell("INIT")
    points: list[int] = []
    while rig.instrument.poll():
        points.append(int(link.ask("TRAC:POIN:ACT?")))
        assert condition(link) == MEASURING
        last = link.ask(f"TRAC:DATA? {points[-1]},1").split(",")
        assert float(last[0]) == pytest.approx(0.5 * (points[-1] - 1) / VECTORS * 1e-6, abs=1e-8)
        beyond = f"TRAC:DATA? {points[-1] + 1},1"
        link.tell(beyond)
        assert link.errors() == [-222]
    assert points == sorted(set(points))
    assert len(points) >= 2
    assert 0 < points[0] < VECTORS
    assert condition(link) == 0
    assert link.ask("TRAC:POIN:ACT?") == str(VECTORS)


def test_abort_keeps_the_points_that_are_finished(rig: EngineRig, link: EngineLink) -> None:
    load_sequence(link)
    link.tell("INIT")
    rig.instrument.poll()
    rig.instrument.poll()
    finished = int(link.ask("TRAC:POIN:ACT?"))
    assert 0 < finished < VECTORS
    link.tell("ABOR")
    assert condition(link) == 0
    assert not rig.instrument.poll()
    assert link.ask("TRAC:POIN:ACT?") == str(finished)
    assert link.ask(f"TRAC:DATA? 1,{finished}").count(",") == 2 * finished - 1
    assert link.ask(f"TRAC:STAT? 1,{finished}").count(",") == 2 * finished - 1
    assert link.ask("FETC?") == link.ask(f"TRAC:DATA? {finished},1")
    assert link.errors() == []


def test_abort_of_the_first_vector_leaves_no_reading(link: EngineLink) -> None:
    link.tell("INIT;:ABOR")
    link.tell("FETC?")
    assert link.errors() == [-230]


def test_abort_while_waiting_keeps_the_results_before(link: EngineLink) -> None:
    before = link.ask("READ?")
    link.tell("TRIG:SOUR BUS;:INIT")
    link.tell("ABOR")
    assert link.ask("FETC?") == before


def test_initiate_while_programming_is_ignored_however_fast_the_board_is(link: EngineLink) -> None:
    link.tell("ARR:PROG;:INIT")
    assert link.errors() == [-213]
    assert link.ask("ARR:PROG:RES?").startswith("0,")
    link.tell("FETC?")
    assert link.errors() == [-230]


@pytest.mark.parametrize("query", ["READ?", "MEAS:CURR?"])
def test_reading_while_programming_is_ignored_and_answers_nothing(link: EngineLink, query: str) -> None:
    link.tell(f"ARR:PROG;:{query}")
    assert link.session.pending == 0
    assert link.errors() == [-213]


def test_programming_while_measuring_is_refused(rig: EngineRig, link: EngineLink) -> None:
    load_sequence(link)
    link.tell("INIT;:ARR:PROG")
    assert link.errors() == [-200]
    rig.instrument.poll()
    link.tell("ARR:PROG")
    assert link.errors() == [-200]
    link.tell("FETC?")
    rig.run()
    assert link.receive().count(b",") == 1
    link.tell("ARR:PROG:RES?")
    assert link.errors() == [-230]


def test_programming_while_programming_is_refused_and_the_run_goes_on(link: EngineLink) -> None:
    link.tell("ARR:PROG;PROG")
    assert link.errors() == [-200]
    assert link.ask("ARR:PROG:RES?").startswith("0,")


def test_abort_of_programming_keeps_what_was_written(rig: EngineRig, link: EngineLink) -> None:
    link.tell("ARR:PROG")
    rig.instrument.poll()
    link.tell("ARR:PROG:ABOR")
    assert condition(link) == 0
    assert not rig.instrument.poll()
    # One iteration left 1 % of the way, more than the tolerance: the run so far is the last run.
    assert link.ask("ARR:PROG:RES?").split(",")[::2] == ["6", "1"]
    written = [float(g) for g in link.ask("SIM:TRUT:COND?").split(",")]
    assert written == pytest.approx([1e-4, 2e-4, 3e-4, 4e-4, 5e-4, 6e-4], rel=1.1e-2)
    assert written != pytest.approx([1e-4, 2e-4, 3e-4, 4e-4, 5e-4, 6e-4], rel=5e-3)


def test_abort_of_an_acquisition_does_not_stop_programming(rig: EngineRig, link: EngineLink) -> None:
    link.tell("ARR:PROG;:ABOR")
    assert condition(link) == PROGRAMMING
    rig.run()
    assert link.ask("ARR:PROG:RES?").endswith(",2")


def test_queries_that_need_the_end_of_the_run_wait_for_it(link: EngineLink) -> None:
    for query in ("*OPC?", "ARR:PROG:RES?", "ARR:COND?"):
        link.tell("ARR:PROG")
        assert condition(link) == PROGRAMMING
        assert link.ask(query)
        assert condition(link) == 0
    for query in ("*OPC?", "FETC?", "FETC:STAT?"):
        link.tell("INIT")
        assert condition(link) == MEASURING
        assert link.ask(query)
        assert condition(link) == 0


def test_queries_that_do_not_need_it_do_not_wait(link: EngineLink) -> None:
    link.tell("ARR:PROG")
    for query in ("*IDN?", "*ESR?", "*STB?", "SYST:ERR?", "ARR:SIZE?", "SENS:CURR:RANG?", "ARR:COND:TARG?"):
        assert link.ask(query)
        assert condition(link) == PROGRAMMING


def test_operation_complete_event_comes_with_the_end(rig: EngineRig, link: EngineLink) -> None:
    link.tell("ARR:PROG;*OPC")
    assert link.ask("*ESR?") == "0"
    rig.instrument.poll()
    assert link.ask("*ESR?") == "0"
    rig.run()
    assert link.ask("*ESR?") == "1"
    assert link.ask("*ESR?") == "0"


@pytest.mark.parametrize("forget", ["*CLS", "*RST"])
def test_operation_complete_event_is_forgotten(rig: EngineRig, link: EngineLink, forget: str) -> None:
    link.tell(f"ARR:PROG;*OPC;{forget}")
    rig.run()
    assert link.ask("*ESR?") == "0"


def test_operation_complete_waits_for_the_trigger(rig: EngineRig, link: EngineLink) -> None:
    link.tell("TRIG:SOUR BUS;:INIT;*OPC")
    rig.run()
    assert link.ask("*ESR?;:STAT:OPER:COND?") == f"0;{WAITING}"
    link.tell("*TRG")
    rig.run()
    assert link.ask("*ESR?;:STAT:OPER:COND?") == "1;0"


def test_abort_completes_the_operation(link: EngineLink) -> None:
    link.tell("TRIG:SOUR BUS;:INIT;*OPC")
    link.tell("ABOR")
    assert link.ask("*ESR?") == "1"


def test_wait_holds_back_what_follows_in_the_message_and_after_it(rig: EngineRig, link: EngineLink) -> None:
    link.tell("TRIG:SOUR BUS;:INIT;*WAI;:SENS:AVER:COUN 5")
    link.tell("SENS:AVER:COUN?")
    rig.run()
    other = rig.open_link()
    assert other.ask("SENS:AVER:COUN?") == "1"
    assert link.session.pending == 0
    other.tell("*TRG")
    rig.run()
    assert link.receive() == b"5\n"
    assert link.errors() == []


def test_trigger_on_the_same_stream_reaches_the_query_that_waits(rig: EngineRig, link: EngineLink) -> None:
    # A socket has no group execute trigger: *TRG behind INITiate;*OPC? must not wait for its turn for ever.
    link.tell("TRIG:SOUR BUS;:INIT;*OPC?")
    link.tell("*TRG")
    rig.run()
    assert link.receive() == b"1\n"
    assert link.errors() == []


def test_events_of_operation_bits_4_5_and_8(rig: EngineRig, link: EngineLink) -> None:
    link.tell("*CLS;TRIG:SOUR BUS;:INIT")
    assert link.ask("STAT:OPER?") == str(WAITING)
    link.tell("*TRG")
    assert link.ask("STAT:OPER:EVEN?;COND?") == f"{MEASURING};{MEASURING}"
    rig.run()
    assert link.ask("STAT:OPER:EVEN?;COND?") == "0;0"
    link.tell("ARR:PROG")
    assert link.ask("STAT:OPER:EVEN?;COND?") == f"{PROGRAMMING};{PROGRAMMING}"
    rig.run()
    assert link.ask("STAT:OPER:EVEN?;COND?") == "0;0"


def test_settings_changed_while_measuring_do_not_touch_the_acquisition(
    rig: EngineRig, link: EngineLink
) -> None:
    load_sequence(link)
    link.tell("INIT;:FETC?")
    whole = link.receive()
    link.tell("INIT")
    rig.instrument.poll()
    link.tell("SOUR:SEQ:CLE;:SENS:CURR:RANG 0.1;:SENS:AVER:COUN 3")
    assert link.ask("FETC?").encode() + b"\n" == whole
    assert link.ask("TRAC:POIN:ACT?") == str(VECTORS)


def test_target_changed_while_programming_does_not_touch_the_run(rig: EngineRig, link: EngineLink) -> None:
    link.tell("ARR:PROG")
    rig.instrument.poll()
    link.tell("ARR:COND:TARG 5e-4,5e-4,5e-4,5e-4,5e-4,5e-4")
    rig.run()
    written = [float(g) for g in link.ask("SIM:TRUT:COND?").split(",")]
    assert written == pytest.approx([1e-4, 2e-4, 3e-4, 4e-4, 5e-4, 6e-4], rel=1e-3)


def test_asynchronous_errors_come_at_the_end_of_the_run_once(rig: EngineRig, link: EngineLink) -> None:
    # Decision 3.
    load_sequence(link)
    link.tell("SENS:CURR:RANG 1e-5;:SIM:TEMP 130;:SIM:FAUL:CELL 1,1,SHORT;:INIT")
    while rig.instrument.poll():
        assert link.errors() == []
    assert sorted(link.errors()) == [102, 103]


def test_reset_stops_a_run_under_way(rig: EngineRig, link: EngineLink) -> None:
    link.tell("ARR:PROG")
    rig.instrument.poll()
    link.tell("*RST")
    assert condition(link) == 0
    assert not rig.instrument.poll()
    load_sequence(link)
    link.tell("INIT")
    rig.instrument.poll()
    link.tell("*RST")
    assert link.ask("STAT:OPER:COND?;:TRAC:POIN:ACT?") == "0;0"
    assert not rig.instrument.poll()
    assert link.errors() == []
