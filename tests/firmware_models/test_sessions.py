"""Several clients of one board: what they share, and what each has for itself."""

from __future__ import annotations

import pytest
from engine_rig import EngineRig


@pytest.fixture
def rig() -> EngineRig:
    return EngineRig()


def test_output_queues_are_each_client_s_own(rig: EngineRig) -> None:
    one, two = rig.open_link(message_based=True), rig.open_link(message_based=True)
    one.tell("ARR:SIZE?")
    two.tell("SYST:CAP?")
    assert two.receive() == b"PROG,READBACK,SEQ,TEMP,SIM\n"
    assert one.receive() == b"3,2\n"
    assert one.errors() == two.errors() == []


def test_settings_and_format_are_shared(rig: EngineRig) -> None:
    # Decision 19.
    one, two = rig.open_link(), rig.open_link(message_based=True)
    one.tell("FORM REAL,64;:SENS:AVER:COUN 7;:SOUR:VOLT:LIST 0.5,0.25,0.125")
    assert two.ask("FORM?") == "REAL,64"
    assert two.ask("SENS:AVER:COUN?") == "7"
    two.tell("FORM ASC")
    assert one.ask("FORM?") == "ASC,17"
    assert [float(v) for v in one.ask("SOUR:VOLT:LIST?").split(",")] == [0.5, 0.25, 0.125]


def test_error_queue_and_events_are_each_client_s_own(rig: EngineRig) -> None:
    # Decision 19.
    one, two = rig.open_link(), rig.open_link()
    two.tell("*CLS;*ESE 255")
    one.tell("FOO")
    assert two.ask("*STB?;*ESR?;:SYST:ERR:COUN?") == "0;0;0"
    assert one.ask("*STB?") == "4"
    assert one.ask("*ESR?") == str(128 + 32)
    assert two.errors() == []
    assert one.errors() == [-113]


def test_clearing_and_presetting_leave_the_status_of_others(rig: EngineRig) -> None:
    one, two = rig.open_link(), rig.open_link()
    one.tell("*ESE 32;*SRE 4;:STAT:QUES:ENAB 2;:STAT:OPER:ENAB 16")
    one.tell("FOO")
    two.tell("*CLS;*RST;STAT:PRES")
    assert two.ask("*ESE?;*SRE?;:STAT:QUES:ENAB?;:STAT:OPER:ENAB?") == "0;0;0;0"
    assert one.ask("*ESE?;*SRE?;:STAT:QUES:ENAB?;:STAT:OPER:ENAB?") == "32;4;2;16"
    assert one.errors() == [-113]


def test_every_client_begins_with_the_status_of_power_on(rig: EngineRig) -> None:
    one = rig.open_link()
    one.tell("*ESE 4;FOO")
    assert one.ask("*ESR?") == str(128 + 32)
    one.session.close()
    assert rig.open_link().ask("*ESR?;*ESE?;:SYST:ERR?") == '128;0;0,"No error"'


def test_the_board_s_conditions_are_seen_by_all_and_reports_by_who_began(rig: EngineRig) -> None:
    # Decisions 3 and 19.
    one, two = rig.open_link(), rig.open_link()
    for link in (one, two):
        link.tell("*CLS;:STAT:QUES:ENAB 2;:STAT:OPER:ENAB 16")
    one.tell("ARR:COND:TARG " + ",".join(["1e-3"] * 6))
    one.tell("ARR:PROG;*OPC?")
    assert one.receive() == b"1\n"
    for link in (one, two):
        assert link.ask("STAT:OPER?") == "256"
    one.tell("OUTP ON;:SENS:CURR:RANG 1e-5;:SOUR:VOLT:LIST 0.5,0.5,0.5;:INIT;*OPC?")
    assert one.receive() == b"1\n"
    assert two.ask("STAT:QUES:COND?") == one.ask("STAT:QUES:COND?") == "2"
    # Bits 3 and 7 of the status byte: each client's own events of what the board did.
    assert two.ask("*STB?;:STAT:QUES?;:STAT:OPER?;:SYST:ERR?") == '136;2;16;0,"No error"'
    assert one.errors() == [102]
    assert one.ask("STAT:QUES?;:STAT:OPER?") == "2;16"


def test_reports_of_an_operation_whose_client_left_reach_nobody_else(rig: EngineRig) -> None:
    one, two = rig.open_link(), rig.open_link()
    one.tell("ARR:COND:TARG " + ",".join(["1e-3"] * 6))
    one.tell("ARR:PROG;*OPC?")
    one.receive()
    one.tell("OUTP ON;:SENS:CURR:RANG 1e-5;:SOUR:SEQ:DATA " + ",".join(["0.5"] * 3 * 500) + ";:INIT")
    one.session.close()
    rig.run()
    assert two.errors() == []
    assert two.ask("FETC:STAT?") == "1,1"


@pytest.mark.parametrize("work", ["INIT", "ARR:PROG"])
def test_next_client_of_a_serial_line_gets_no_errors_of_the_one_before(rig: EngineRig, work: str) -> None:
    # Decision 19: what a client that left has begun goes on, and is reported to nobody.
    line = rig.open_link()
    line.tell("ARR:COND:TARG " + ",".join(["1e-3"] * 6))
    line.tell("ARR:PROG;*OPC?")
    line.receive()
    line.tell("SIM:FAUL:CELL 1,1,SHORT;:OUTP ON;:SENS:CURR:RANG 1e-5")
    line.tell("SOUR:SEQ:DATA " + ",".join(["0.5"] * 3 * 500) + f";:{work}")
    line.session.begin_anew()
    assert rig.instrument.poll(), "the work goes on"
    rig.run()
    assert line.errors() == []
    line.tell(f"{work};*OPC?")
    line.receive()
    assert line.errors() in ([102], [104])


def test_completion_is_told_to_each_client_that_asked_for_it(rig: EngineRig) -> None:
    one, two, three = rig.open_link(), rig.open_link(), rig.open_link()
    for link in (one, two, three):
        link.tell("*CLS")
    one.tell("SOUR:SEQ:DATA " + ",".join(["0"] * 3 * 500) + ";:INIT;*OPC")
    two.tell("*OPC")
    three.tell("*OPC;*CLS")
    rig.run()
    assert [link.ask("*ESR?") for link in (one, two, three)] == ["1", "1", "0"]


def test_current_node_is_each_client_s_own(rig: EngineRig) -> None:
    one, two = rig.open_link(), rig.open_link()
    one.session.receive(b"SENS:CURR:RANG 1e-3;")
    two.session.receive(b"SOUR:VOLT:PROT 0.5;")
    one.session.receive(b"APER?\n")
    two.session.receive(b"PROT?\n")
    assert float(one.receive()) == 1e-3
    assert float(two.receive()) == 0.5
    assert one.errors() == []


def test_message_available_is_each_client_s_own(rig: EngineRig) -> None:
    one, two = rig.open_link(message_based=True), rig.open_link(message_based=True)
    one.tell("*CLS;*SRE 16")
    one.tell("*OPC?")
    assert one.session.service_requested
    assert not two.session.service_requested
    assert one.session.status_byte() == 80
    assert two.session.status_byte() == 0


def test_service_is_requested_by_what_a_client_has_enabled_itself(rig: EngineRig) -> None:
    one, two = rig.open_link(message_based=True), rig.open_link(message_based=True)
    one.tell("*CLS;*ESE 32;*SRE 32")
    two.tell("*CLS;*SRE 128;:STAT:OPER:ENAB 16")
    two.tell("FOO")
    assert not one.session.service_requested
    one.tell("FOO")
    one.tell("INIT")
    assert one.session.service_requested
    assert two.session.service_requested
    assert one.session.status_byte() == 4 + 32 + 64
    # A poll takes its own client's request only.
    assert not one.session.service_requested
    assert two.session.status_byte() == 4 + 128 + 64
    assert one.session.status_byte() == 4 + 32
    assert two.session.status_byte() == 4 + 128


def test_service_is_requested_when_an_operation_ends(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.tell("*CLS;*ESE 1;*SRE 32")
    link.tell("ARR:PROG;*OPC")
    assert not link.session.service_requested
    rig.run()
    assert link.session.service_requested
    assert link.session.status_byte() == 32 + 64


def test_new_reason_requests_service_again(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.tell("*CLS;*SRE 36;*ESE 1")
    link.tell("FOO")
    assert link.session.status_byte() == 4 + 64
    link.tell("*OPC")
    assert link.session.service_requested
    assert link.session.status_byte() == 4 + 32 + 64


def test_device_clear_drops_input_output_and_what_awaits_completion(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.tell("*CLS;*ESE 1")
    link.tell("SENS:AVER:COUN 9;:ARR:PROG;*OPC;*IDN?")
    link.session.receive(b"SENS:AVER:COUN 3;FORM REAL,64;:SOUR:VOLT:LIST #224half a bl")
    link.session.device_clear()
    assert link.session.pending == 0
    rig.run()
    # IEEE 488.2, 5.8: settings, programming and the error queue are not touched, *OPC is forgotten.
    assert link.ask("*ESR?;:SENS:AVER:COUN?;:FORM?") == "0;9;ASC,17"
    assert link.ask("ARR:PROG:RES?").startswith("0,")
    assert link.errors() == []


def test_device_clear_ends_the_wait_for_a_trigger(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.tell("TRIG:SOUR BUS;:INIT;*OPC?")
    rig.run()
    assert link.session.pending == 0
    link.session.device_clear()
    assert link.ask("*IDN?").startswith("crosscal,")


def test_device_clear_leaves_other_clients_alone(rig: EngineRig) -> None:
    one, two = rig.open_link(message_based=True), rig.open_link(message_based=True)
    two.tell("ARR:SIZE?")
    one.tell("*IDN?")
    one.session.device_clear()
    assert one.session.pending == 0
    assert two.receive() == b"3,2\n"


def test_new_message_interrupts_a_reply_on_message_based_links_only(rig: EngineRig) -> None:
    # Decision 6.
    link = rig.open_link(message_based=True)
    link.tell("*IDN?")
    assert link.session.transmit(4) == b"cros"
    assert link.ask("ARR:SIZE?") == "3,2"
    assert link.errors() == [-410]
    stream = rig.open_link()
    stream.tell("*IDN?")
    stream.tell("ARR:SIZE?")
    assert stream.receive() == b"crosscal,REFERENCE,REF32,1.0\n3,2\n"
    assert stream.errors() == []


def test_reading_nothing_is_an_error_on_message_based_links_only(rig: EngineRig) -> None:
    link, stream = rig.open_link(message_based=True), rig.open_link()
    stream.session.query_unterminated()
    assert stream.errors() == []
    link.session.query_unterminated()
    link.session.query_unterminated()
    assert link.errors() == [-420, -420]


def test_end_alone_ends_a_message(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.session.receive(b"ARR:")
    link.session.receive(b"SIZE?")
    assert link.session.pending == 0
    link.session.end_message()
    assert link.receive() == b"3,2\n"
    link.session.receive(b"FORM REAL,32;:SOUR:VOLT:LIST #212\x00\x00\x00\x00\x00\x00\x00\x00\x3e\x80\x00\x0a")
    link.session.end_message()
    assert link.errors() == []
    link.tell("FORM ASC")
    assert float(link.ask("SOUR:VOLT:LIST?").split(",")[2]) == pytest.approx(0.25, rel=1e-5)


def test_newline_then_end_is_one_end(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.session.receive(b"*OPC?\n")
    link.session.end_message()
    assert link.receive() == b"1\n"
    assert link.errors() == []


def test_replies_can_be_taken_in_pieces(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.tell("*CLS;*IDN?")
    taken = bytearray()
    while link.session.pending:
        assert link.session.status_byte() & 16
        taken += link.session.transmit(3)
    assert taken == b"crosscal,REFERENCE,REF32,1.0\n"
    assert link.session.status_byte() & 16 == 0
    assert link.session.transmit(3) == b""


@pytest.mark.parametrize("by_message", [True, False], ids=["*TRG", "group execute trigger"])
def test_trigger_releases_the_client_that_waits(rig: EngineRig, by_message: bool) -> None:
    # Decision 7: INITiate;*OPC? waits; meanwhile the other client is served.
    waiting, other = rig.open_link(message_based=True), rig.open_link(message_based=True)
    waiting.tell("*CLS;TRIG:SOUR BUS;:INIT;*OPC?")
    rig.run()
    assert waiting.session.pending == 0
    assert other.ask("STAT:OPER:COND?") == "32"
    if by_message:
        other.tell("*TRG")
    else:
        waiting.session.trigger()
    rig.run()
    assert waiting.receive() == b"1\n"
    assert other.ask("STAT:OPER:COND?") == "0"
    assert waiting.errors() == []


def test_group_execute_trigger_that_nothing_waits_for_is_ignored(rig: EngineRig) -> None:
    link = rig.open_link(message_based=True)
    link.session.trigger()
    assert link.errors() == [-211]


def test_closed_link_leaves_the_board_to_the_others(rig: EngineRig) -> None:
    one, two = rig.open_link(), rig.open_link()
    one.tell("SENS:AVER:COUN 4;:ARR:PROG")
    one.session.receive(b"SOUR:VOLT:LIST #22")
    one.session.close()
    rig.clock.advance(10.0)
    rig.run()
    assert two.ask("SENS:AVER:COUN?") == "4"
    assert two.ask("ARR:PROG:RES?").startswith("0,")
    assert two.errors() == []


def test_closing_twice_is_harmless(rig: EngineRig) -> None:
    link = rig.open_link()
    link.session.close()
    link.session.close()
    assert rig.open_link().ask("*OPC?") == "1"
