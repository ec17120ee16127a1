"""Several clients at one board: the lock, and the count of changes by others (decision 23)."""

from __future__ import annotations

import pytest
from engine_rig import EngineLink, EngineRig
from reference_board import ALL_GROUPS

Links = tuple[EngineRig, EngineLink, EngineLink]


@pytest.fixture
def links() -> Links:
    rig = EngineRig((*ALL_GROUPS, "LOCK"))
    one, two = (
        EngineLink(
            rig,
            rig.instrument.open_session(message_based=False, address=address),
            message_based=False,
            eager=False,
        )
        for address in ("10.0.0.1:5000", "10.0.0.2:6000")
    )
    one.tell("*CLS")
    return rig, one, two


def test_one_client_has_the_lock_and_the_other_learns_its_address(links: Links) -> None:
    _, one, two = links
    assert one.ask("SYST:LOCK:REQ?") == "1"
    assert two.ask("SYST:LOCK:REQ?;OWN?") == "0;10.0.0.1:5000"
    two.tell("SYST:LOCK:REL")
    assert two.ask("SYST:LOCK:OWN?") == "10.0.0.1:5000"
    one.tell("SYST:LOCK:REL")
    assert two.ask("SYST:LOCK:REQ?;OWN?") == "1;10.0.0.2:6000"


REFUSED = (
    *("SENS:AVER:COUN 4", "FORM REAL,64", "ARR:COND:TARG 1e-4,1e-4,1e-4,1e-4,1e-4,1e-4", "ARR:PROG"),
    *("OUTP ON", "INIT", "ABOR", "READ?", "MEAS:CURR?", "ARR:COND?", "*RST", "*TRG", "SIM:TIME:ADV 5"),
    *("SOUR:VOLT:LIST 0,0,0", "SOUR:SEQ:CLE", "TRIG:SOUR BUS", "ARR:PROG:ABOR"),
    "SYST:LOCK:TIM 5",
)


@pytest.mark.parametrize("message", REFUSED)
def test_settings_programming_and_measuring_of_others_are_refused_while_locked(
    links: Links, message: str
) -> None:
    _, one, two = links
    one.ask("SYST:LOCK:REQ?")
    two.tell(message)
    assert two.session.pending == 0
    error = two.ask("SYST:ERR?")
    assert error.startswith('-221,"Settings conflict;locked by 10.0.0.1:5000')
    assert one.ask("SYST:CHAN?") == "0"
    one.tell("SYST:LOCK:REL")
    two.tell(message)
    two.receive()
    assert -221 not in two.errors()


@pytest.mark.parametrize(
    "message",
    ["ARR:COND:TARG?", "SENS:AVER:COUN?", "SYST:CAP?", "STAT:OPER:COND?", "FORM?", "*STB?", "*OPC?"],
)
def test_queries_of_others_are_answered_while_locked(links: Links, message: str) -> None:
    _, one, two = links
    one.ask("SYST:LOCK:REQ?")
    assert two.ask(message)
    assert two.errors() == []


@pytest.mark.parametrize(
    "message",
    ["*CLS", "*ESE 4", "*SRE 32", "STAT:QUES:ENAB 2", "STAT:OPER:ENAB 16", "STAT:PRES", "*OPC", "*WAI"],
)
def test_a_client_keeps_its_own_status_while_another_has_the_lock(links: Links, message: str) -> None:
    _, one, two = links
    one.ask("SYST:LOCK:REQ?")
    two.tell(message)
    assert two.errors() == []
    assert one.ask("SYST:CHAN?") == "0"


def test_anyone_may_switch_the_output_off_always(links: Links) -> None:
    _, one, two = links
    one.ask("SYST:LOCK:REQ?")
    one.tell("OUTP ON")
    two.tell("OUTP OFF")
    assert two.errors() == []
    assert one.ask("OUTP?;:SYST:CHAN?") == "0;1"


def test_a_lock_ends_with_its_client(links: Links) -> None:
    _, one, two = links
    one.ask("SYST:LOCK:REQ?")
    one.session.close()
    assert two.ask("SYST:LOCK:OWN?;REQ?") == "NONE;1"


def test_a_lock_ends_after_the_silence_of_its_owner(links: Links) -> None:
    rig, one, two = links
    one.ask("SYST:LOCK:REQ?")
    rig.clock.advance(59.9)
    assert two.ask("SYST:LOCK:REQ?") == "0"
    one.ask("*IDN?")
    rig.clock.advance(59.9)
    assert two.ask("SYST:LOCK:REQ?") == "0"
    rig.clock.advance(0.2)
    assert two.ask("SYST:LOCK:REQ?") == "1"


def test_an_owner_that_waits_for_a_long_run_is_not_silent(links: Links) -> None:
    rig, one, two = links
    one.ask("SYST:LOCK:REQ?")
    one.tell("SOUR:SEQ:DATA " + ",".join(["0"] * 3 * 500) + ";:INIT")
    rig.instrument.poll()
    rig.clock.advance(1000.0)
    assert two.ask("SYST:LOCK:REQ?") == "0"
    rig.run()
    rig.clock.advance(59.0)
    assert two.ask("SYST:LOCK:REQ?") == "0"
    rig.clock.advance(2.0)
    assert two.ask("SYST:LOCK:REQ?") == "1"


def test_the_time_of_a_run_that_nobody_asks_about_is_no_silence_of_the_owner(links: Links) -> None:
    rig, one, two = links
    one.ask("SYST:LOCK:REQ?")
    one.tell("SOUR:SEQ:DATA " + ",".join(["0"] * 3 * 500) + ";:INIT")
    while rig.instrument.poll():
        rig.clock.advance(50.0)
    rig.clock.advance(9.0)
    assert two.ask("SYST:LOCK:REQ?") == "0"


CHANGES = (
    *("ARR:COND:TARG 1e-4,1e-4,1e-4,1e-4,1e-4,1e-4", "ARR:PROG", "SENS:AVER:COUN 4", "SENS:CURR:RANG 1e-5"),
    *("SOUR:VOLT:LIST 0.1,0.1,0.1", "SOUR:SEQ:DATA 0.1,0.1,0.1", "INIT", "READ?", "MEAS:CURR?"),
    *("SIM:TIME:ADV 5", "SIM:FAUL:CELL 1,1,OPEN", "SIM:TEMP 40", "*RST", "OUTP ON", "ARR:PROG:TOL 0.1"),
    *("FORM REAL,64", "SENS:CURR:APER 2e-3"),
)


@pytest.mark.parametrize("message", CHANGES)
def test_a_change_is_counted_for_everyone_but_its_maker(links: Links, message: str) -> None:
    _, one, two = links
    two.tell(message)
    two.session.transmit()
    assert one.ask("SYST:CHAN?") == "1"
    assert two.ask("SYST:CHAN?") == "0"


@pytest.mark.parametrize(
    "message",
    [
        *("SENS:AVER:COUN 1", "OUTP OFF", "FORM ASC", "ARR:COND:TARG 1e-6,1e-6,1e-6,1e-6,1e-6,1e-6"),
        *("SENS:AVER:COUN?", "ARR:COND:TARG?", "*CLS", "*OPC?", "SENS:AVER:COUN 0", "SYST:ERR?", "FOO"),
    ],
)
def test_no_change_is_counted_where_nothing_changed(links: Links, message: str) -> None:
    _, one, two = links
    two.tell(message)
    assert one.ask("SYST:CHAN?") == "0"


def test_changes_of_a_client_that_has_left_stay_counted(links: Links) -> None:
    _, one, two = links
    two.tell("SENS:AVER:COUN 4")
    two.session.close()
    assert one.ask("SYST:CHAN?") == "1"


def test_a_board_without_the_group_has_neither() -> None:
    link = EngineRig().open_link()
    link.tell("*CLS")
    for query in ("SYST:LOCK:REQ?", "SYST:LOCK:OWN?", "SYST:LOCK:TIM?", "SYST:CHAN?"):
        link.tell(query)
        assert link.errors() == [-113]
