"""The PyVISA backend `@crosscal`: plain PyVISA on the left, the board on the right."""

import gc
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import pyvisa
from pyvisa.constants import (
    AccessModes,
    BufferOperation,
    EventMechanism,
    EventType,
    InterfaceType,
    RENLineOperation,
    ResourceAttribute,
    StatusCode,
)

from crosscal.core.errors import SettingsError
from crosscal.simulated_bench import PoweredBoard

TCP = "TCPIP0::localhost::inst0::INSTR"
SOCKET = "TCPIP0::localhost::5025::SOCKET"
USB = "USB0::0x1209::0x0001::T59::0::INSTR"
GPIB = "GPIB0::9::INSTR"
SERIAL = "ASRL1::INSTR"
EVERY_WAY = (TCP, SOCKET, USB, GPIB, SERIAL)
MESSAGE_BASED = (TCP, USB, GPIB)
STREAMS = (SOCKET, SERIAL)

BENCH = """
profile = "memsys2025"
seed = 3
array = { rows = 5, columns = 9 }
board.serial = "T59"
"""


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text(BENCH)
    return f"{path}@crosscal"


@pytest.fixture
def manager(library):
    manager = pyvisa.ResourceManager(library)
    yield manager
    manager.close()


def opened(manager, resource=TCP, **keys):
    return manager.open_resource(
        resource, **({"read_termination": "\n", "write_termination": "\n", "timeout": 2000} | keys)
    )


def errors(instrument):
    return instrument.query("SYST:ERR:ALL?")


def code_of(caught):
    return StatusCode(caught.value.error_code)


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_every_kind_of_resource_reaches_the_board(manager, resource):
    instrument = opened(manager, resource)
    assert instrument.query("*IDN?") == "crosscal,CB1,T59,1.0"
    assert instrument.query("ARR:SIZE?") == "5,9"


def test_resources_are_listed_by_visa_expressions(manager):
    assert set(manager.list_resources("?*")) == set(EVERY_WAY)
    assert set(manager.list_resources()) == set(EVERY_WAY) - {SOCKET}
    assert manager.list_resources("GPIB?*") == (GPIB,)
    assert manager.list_resources_info("USB?*")[USB].interface_type == InterfaceType.usb
    with pytest.raises(pyvisa.VisaIOError, match="NFOUND"):
        manager.list_resources("VXI?*")


@pytest.mark.parametrize(
    "absent",
    ["GPIB0::10::INSTR", "TCPIP0::elsewhere::inst0::INSTR", "ASRL2::INSTR", "USB0::1::2::X::0::INSTR"],
)
def test_an_address_with_nothing_behind_it_is_an_error_at_once(manager, absent):
    with pytest.raises(pyvisa.VisaIOError) as caught:
        manager.open_resource(absent)
    assert code_of(caught) is StatusCode.error_resource_not_found


def test_what_is_no_resource_name_is_an_error_at_once(manager):
    with pytest.raises(pyvisa.VisaIOError) as caught:
        manager.open_resource("somewhere over the rainbow")
    assert code_of(caught) is StatusCode.error_invalid_resource_name


def test_short_names_and_other_cases_are_completed(manager):
    assert opened(manager, "TCPIP::LOCALHOST::5025::SOCKET").query("ARR:SIZE?") == "5,9"
    assert opened(manager, "gpib::9").query("ARR:SIZE?") == "5,9"


def test_a_profile_can_be_named_in_place_of_a_file():
    manager = pyvisa.ResourceManager("memsys2025@crosscal")
    assert opened(manager).query("ARR:SIZE?") == "64,64"
    manager.close()


def test_the_environment_variable_selects_the_bench(library, monkeypatch):
    monkeypatch.setenv("PYVISA_LIBRARY", library)
    manager = pyvisa.ResourceManager()
    assert opened(manager).query("ARR:SIZE?") == "5,9"
    manager.close()


def test_the_backend_alone_opens_the_default_board():
    manager = pyvisa.ResourceManager("@crosscal")
    assert opened(manager).query("ARR:SIZE?") == "16,12"
    manager.close()


def test_a_bench_that_cannot_be_built_is_an_error_that_names_the_key(tmp_path):
    (tmp_path / "bad.toml").write_text('profile = "memsys2025"\nnoize = 1\n')
    with pytest.raises(SettingsError, match="noize"):
        pyvisa.ResourceManager(f"{tmp_path}/bad.toml@crosscal")
    with pytest.raises(SettingsError, match="profile"):
        pyvisa.ResourceManager(f"{tmp_path}/absent.toml@crosscal")


@pytest.mark.parametrize("resources", ['["nonsense"]', '["PXI0::1::INSTR"]', '["ASRL1::INSTR", "asrl1"]'])
def test_resources_that_visa_does_not_know_are_an_error_that_names_the_key(tmp_path, resources):
    path = tmp_path / "bench.toml"
    path.write_text(f'profile = "memsys2025"\nvisa.resources = {resources}\n')
    with pytest.raises(SettingsError, match=r"visa\.resources"):
        pyvisa.ResourceManager(f"{path}@crosscal")


def test_a_new_manager_finds_a_fresh_board_even_while_the_old_one_is_remembered(library):
    first = pyvisa.ResourceManager(library)
    opened(first).write("SENS:AVER:COUN 7")
    first.close()
    second = pyvisa.ResourceManager(library)
    assert opened(second).query("SENS:AVER:COUN?") == "1"
    second.close()
    assert first is not second


def test_two_managers_of_one_bench_are_the_same_while_it_is_on(manager, library):
    assert pyvisa.ResourceManager(library) is manager


def test_two_benches_do_not_know_of_each_other(manager, tmp_path):
    (tmp_path / "other.toml").write_text(BENCH)
    other = pyvisa.ResourceManager(f"{tmp_path}/other.toml@crosscal")
    opened(manager).write("SENS:AVER:COUN 7")
    assert opened(other).query("SENS:AVER:COUN?") == "1"
    other.close()


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_a_block_with_every_byte_in_it_comes_and_goes_whole(manager, resource):
    instrument = opened(manager, resource, chunk_size=64)
    instrument.write("FORM REAL,64;FORM:BORD SWAP")
    # Doubles inside the board's limits of which some byte is each of 0…255, newline included.
    bits = np.frombuffer(np.float64(50e-6).tobytes(), dtype=np.uint8).copy()
    rows = []
    for k in range(45):
        bits[:6] = [(6 * k + m) % 256 for m in range(6)]
        rows.append(np.frombuffer(bits.tobytes(), dtype=np.float64)[0])
    target_s = np.array(rows)
    assert b"\n" in target_s.tobytes()
    instrument.write_binary_values("ARR:COND:TARG ", target_s, datatype="d", is_big_endian=False)
    answered = instrument.query_binary_values("ARR:COND:TARG?", datatype="d", container=np.array)
    assert (answered == target_s).all()
    assert errors(instrument) == '0,"No error"'


@pytest.mark.parametrize("resource", [TCP, SOCKET, USB, GPIB])
def test_a_block_is_read_whole_without_a_termination_character(manager, resource):
    instrument = opened(manager, resource, read_termination=None)
    instrument.write("FORM REAL,64")
    assert len(instrument.query_binary_values("ARR:COND:TARG?", datatype="d", is_big_endian=True)) == 45


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_pyvisas_own_terminations_work(manager, resource):
    instrument = manager.open_resource(resource)
    assert instrument.query("ARR:SIZE?").strip() == "5,9"


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_reading_nothing_times_out_after_the_set_time(manager, resource):
    instrument = opened(manager, resource, timeout=60)
    begun_s = time.monotonic()
    with pytest.raises(pyvisa.VisaIOError) as caught:
        instrument.read()
    assert code_of(caught) is StatusCode.error_timeout
    assert 0.05 < time.monotonic() - begun_s < 2.0
    assert instrument.query("ARR:SIZE?") == "5,9"


@pytest.mark.parametrize("resource", MESSAGE_BASED)
def test_reading_unasked_is_query_unterminated_once(manager, resource):
    instrument = opened(manager, resource, timeout=60)
    with pytest.raises(pyvisa.VisaIOError):
        instrument.read()
    reported = errors(instrument)
    assert reported.count("-420") == 1
    assert reported.count(",") == 1


@pytest.mark.parametrize("resource", STREAMS)
def test_on_a_stream_reading_unasked_is_no_error_of_the_board(manager, resource):
    instrument = opened(manager, resource, timeout=60)
    with pytest.raises(pyvisa.VisaIOError):
        instrument.read()
    assert errors(instrument) == '0,"No error"'


@pytest.mark.parametrize("resource", MESSAGE_BASED)
@pytest.mark.parametrize("read_termination", ["\n", None])
def test_a_reply_left_half_unread_is_interrupted_by_the_next_message(manager, resource, read_termination):
    instrument = opened(manager, resource, read_termination=read_termination)
    instrument.write("*IDN?")
    assert instrument.read_bytes(5) == b"cross"
    assert instrument.query("ARR:SIZE?").strip() == "5,9"
    assert "-410" in errors(instrument)


@pytest.mark.parametrize("resource", STREAMS)
def test_queries_may_be_pipelined_on_a_stream(manager, resource):
    instrument = opened(manager, resource)
    instrument.write("*IDN?\nARR:SIZE?")
    assert [instrument.read(), instrument.read()] == ["crosscal,CB1,T59,1.0", "5,9"]
    assert errors(instrument) == '0,"No error"'


def test_sessions_have_output_queues_of_their_own(manager):
    one, two = opened(manager), opened(manager)
    one.write("*IDN?")
    two.write("ARR:SIZE?")
    assert two.read() == "5,9"
    assert one.read() == "crosscal,CB1,T59,1.0"


ANSWERS = {
    "*IDN?": "crosscal,CB1,T59,1.0",
    "ARR:SIZE?": "5,9",
    "SYST:VERS?": "1999.0",
    "SYST:CAP?": "PROG,READBACK,SEQ,TEMP,SIM,AGE,LOCK",
    "DIAG:ADC:INFO?;:ARR:SIZE?": "48,1.0,1E-06;5,9",
}
"""Questions and their answers, all different, so that a reply that went astray shows."""


def ask_in_threads(count, times, ask):
    """Let threads ask the questions in orders of their own, and collect the wrong answers."""
    wrong = []

    def work(thread):
        questions = list(ANSWERS) * times
        np.random.default_rng(thread).shuffle(questions)
        for question in questions:
            answer = ask(thread, question)
            if answer != ANSWERS[question]:
                wrong.append((thread, question, answer))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_threads_with_sessions_of_their_own_get_their_own_replies(manager):
    sessions = [opened(manager, resource) for resource in EVERY_WAY]
    ask_once = {question: sessions[0].query(question) for question in ANSWERS}
    assert ask_once == ANSWERS
    assert ask_in_threads(len(EVERY_WAY), 250, lambda k, question: sessions[k].query(question)) == []


def test_one_session_may_be_shared_by_threads_that_take_turns(manager):
    instrument, turn = opened(manager), threading.Lock()

    def ask(thread, question):
        del thread
        with turn:
            return instrument.query(question)

    assert ask_in_threads(3, 60, ask) == []


def test_a_reader_is_woken_by_another_threads_trigger(manager):
    """A read that waits does not keep the board to itself."""
    reader, trigger = opened(manager, timeout=60_000), opened(manager, GPIB)
    reader.write("TRIG:SOUR BUS;:INIT;*OPC?")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(reader.read()))
    thread.start()
    assert trigger.query("STAT:OPER:COND?") == "32"
    trigger.assert_trigger()
    thread.join(60)
    assert answers == ["1"]
    assert errors(trigger) == '0,"No error"'


@pytest.mark.parametrize("resource", MESSAGE_BASED)
def test_serial_poll_shows_message_available_and_takes_the_service_request(manager, resource):
    instrument = opened(manager, resource)
    assert instrument.read_stb() == 0
    instrument.write("*SRE 16;*IDN?")
    assert instrument.read_stb() == 0x50
    assert instrument.read_stb() == 0x10
    instrument.read()
    assert instrument.read_stb() == 0


@pytest.mark.parametrize("resource", STREAMS)
def test_on_a_stream_the_status_byte_is_asked_for(manager, resource):
    instrument = opened(manager, resource)
    instrument.write("*ESE 32;*SRE 32;NONSENSE")
    assert instrument.read_stb() & 0x64 == 0x64
    assert instrument.stb & 0x64 == 0x64
    instrument.write("*IDN?")
    with pytest.raises(pyvisa.VisaIOError, match="PROT"):
        instrument.read_stb()
    assert instrument.read() == "crosscal,CB1,T59,1.0"


@pytest.mark.parametrize("resource", MESSAGE_BASED)
def test_a_service_request_ends_the_wait(manager, resource):
    instrument = opened(manager, resource)
    instrument.enable_event(EventType.service_request, EventMechanism.queue)
    instrument.write("*CLS;*ESE 1;*SRE 32;:OUTP ON;:INIT;*OPC")
    response = instrument.wait_on_event(EventType.service_request, 5000)
    assert not response.timed_out
    assert response.event.event_type == EventType.service_request
    assert instrument.read_stb() & 0x60 == 0x60
    assert instrument.wait_on_event(EventType.service_request, 20, capture_timeout=True).timed_out


def test_one_service_request_ends_one_wait_though_nobody_polls(manager):
    instrument = opened(manager)
    instrument.enable_event(EventType.service_request, EventMechanism.queue)
    instrument.write("*ESE 32;*SRE 32;NONSENSE")
    assert not instrument.wait_on_event(EventType.service_request, 1000, capture_timeout=True).timed_out
    assert instrument.wait_on_event(EventType.service_request, 20, capture_timeout=True).timed_out
    instrument.read_stb()
    instrument.query("*ESR?")
    instrument.write("NONSENSE")
    assert not instrument.wait_on_event(EventType.service_request, 1000, capture_timeout=True).timed_out


def test_gpibs_own_wait_for_srq_works(manager):
    instrument = opened(manager, GPIB)
    instrument.write("*CLS;*ESE 1;*SRE 32;:INIT;*OPC")
    instrument.wait_for_srq(timeout=5000)
    assert instrument.query("*ESR?") == "1"


def test_a_request_that_was_discarded_is_not_waited_for(manager):
    instrument = opened(manager)
    instrument.enable_event(EventType.service_request, EventMechanism.queue)
    instrument.write("*ESE 32;*SRE 32;NONSENSE")
    instrument.discard_events(EventType.service_request, EventMechanism.queue)
    assert instrument.wait_on_event(EventType.service_request, 20, capture_timeout=True).timed_out


def test_waiting_needs_the_event_enabled_and_a_bus_that_has_it(manager):
    instrument = opened(manager)
    with pytest.raises(pyvisa.VisaIOError) as caught:
        instrument.wait_on_event(EventType.service_request, 10)
    assert code_of(caught) is StatusCode.error_not_enabled
    with pytest.raises(pyvisa.VisaIOError) as caught:
        opened(manager, SOCKET).enable_event(EventType.service_request, EventMechanism.queue)
    assert code_of(caught) is StatusCode.error_invalid_event
    with pytest.raises(pyvisa.VisaIOError) as caught:
        instrument.enable_event(EventType.service_request, EventMechanism.handler)
    assert code_of(caught) is StatusCode.error_handler_not_installed
    with pytest.raises(pyvisa.VisaIOError) as caught:
        opened(manager, SOCKET).install_handler(EventType.service_request, print)
    assert code_of(caught) is StatusCode.error_invalid_event


def test_a_handler_is_called_for_each_service_request_until_the_event_is_disabled(manager):
    instrument = opened(manager, GPIB)
    calls, called = [], threading.Semaphore(0)

    def handle(resource, event, user_handle):
        calls.append((resource.read_stb() & 0x60, event.event_type, user_handle))
        called.release()

    handler = instrument.wrap_handler(handle)
    user_handle = instrument.install_handler(EventType.service_request, handler, "mine")
    instrument.enable_event(EventType.service_request, EventMechanism.handler)
    for _ in range(2):
        instrument.write("*CLS;*ESE 1;*SRE 32;:INIT;*OPC")
        assert called.acquire(timeout=10.0)
    assert calls == [(0x60, EventType.service_request, "mine")] * 2
    instrument.disable_event(EventType.service_request, EventMechanism.handler)
    instrument.uninstall_handler(EventType.service_request, handler, user_handle)
    instrument.write("*CLS;:INIT;*OPC")
    assert not called.acquire(timeout=0.5)


def test_a_handler_that_fails_does_not_end_the_requests_and_closing_ends_them(manager, caplog):
    instrument = opened(manager)
    called = threading.Semaphore(0)

    def fail(*_):
        called.release()
        raise ValueError("of the user's")

    instrument.install_handler(EventType.service_request, fail)
    instrument.enable_event(EventType.service_request, EventMechanism.handler)
    for _ in range(2):
        instrument.write("*CLS;*ESE 1;*SRE 32;:INIT;*OPC")
        assert called.acquire(timeout=10.0)
        instrument.read_stb()
    instrument.close()
    assert "a handler of service requests failed" in caplog.text
    assert not [thread for thread in threading.enumerate() if thread.name == "crosscal-requests"]


@pytest.mark.parametrize("resource", [SOCKET, SERIAL, GPIB])
def test_clear_frees_a_session_that_waits_for_a_trigger(manager, resource):
    instrument = opened(manager, resource)
    instrument.write("TRIG:SOUR BUS;:INIT;*OPC?")
    instrument.clear()
    assert instrument.query("STAT:OPER:COND?") == "32"
    instrument.write("ABOR")
    assert errors(instrument) == '0,"No error"'


def test_a_break_on_the_serial_line_is_a_device_clear(manager):
    instrument = opened(manager, SERIAL)
    instrument.write("TRIG:SOUR BUS;:INIT;*OPC?")
    instrument.set_visa_attribute(ResourceAttribute.asrl_break_state, 1)
    instrument.set_visa_attribute(ResourceAttribute.asrl_break_state, 0)
    assert instrument.query("STAT:OPER:COND?") == "32"


@pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase])
def test_every_resource_name_is_case_blind(manager, change):
    for name in manager.list_resources("?*"):
        instrument = opened(manager, change(name))
        assert instrument.query("ARR:SIZE?") == "5,9"
        instrument.close()


def test_closing_the_manager_takes_the_rows_to_rest(manager, monkeypatch):
    rested = []
    hardware = manager.visalib.board.bench
    monkeypatch.setattr(hardware, "rest", lambda: rested.append(True))
    opened(manager).write("OUTP ON")
    manager.close()
    assert rested


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_clear_drops_what_waits_in_either_direction(manager, resource):
    instrument = opened(manager, resource)
    instrument.write("*IDN?")
    instrument.clear()
    assert instrument.query("ARR:SIZE?") == "5,9"
    assert errors(instrument) == '0,"No error"'


def test_device_clear_drops_half_a_message_too(manager):
    instrument = opened(manager)
    instrument.send_end = False
    instrument.write_raw(b"SENS:AVER:COUN 12")
    instrument.clear()
    instrument.send_end = True
    assert instrument.query("SENS:AVER:COUN?") == "1"


def test_end_ends_a_message_that_has_no_newline(manager):
    instrument = opened(manager, write_termination="")
    assert instrument.query("ARR:SIZE?") == "5,9"


@pytest.mark.parametrize("resource", STREAMS)
def test_flush_discards_what_a_stream_has_received(manager, resource):
    instrument = opened(manager, resource)
    instrument.write("*IDN?")
    instrument.flush(BufferOperation.discard_receive_buffer)
    assert instrument.query("ARR:SIZE?") == "5,9"


def test_flush_of_a_message_based_session_leaves_the_reply_in_the_board(manager):
    instrument = opened(manager)
    instrument.write("*IDN?")
    instrument.flush(BufferOperation.discard_read_buffer)
    assert instrument.read() == "crosscal,CB1,T59,1.0"


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_a_trigger_starts_what_waits_for_it(manager, resource):
    instrument = opened(manager, resource)
    instrument.write("TRIG:SOUR BUS;:OUTP ON;:INIT")
    instrument.assert_trigger()
    assert instrument.query("*OPC?") == "1"
    assert len(instrument.query_ascii_values("FETC?")) == 9
    assert errors(instrument) == '0,"No error"'


def test_bytes_in_buffer_counts_what_waits_on_a_serial_line(manager):
    instrument = opened(manager, SERIAL)
    assert instrument.bytes_in_buffer == 0
    instrument.write("ARR:SIZE?")
    assert instrument.bytes_in_buffer == 4


def test_a_serial_session_set_to_end_by_character_adds_it(manager):
    instrument = opened(manager, SERIAL, write_termination="")
    instrument.end_output = pyvisa.constants.SerialTermination.termination_char
    assert instrument.query("ARR:SIZE?") == "5,9"


def test_a_lost_link_is_an_error_and_opening_again_helps(manager):
    instrument = opened(manager)
    instrument.write("SIM:FAUL:LINK DROP")
    with pytest.raises(pyvisa.VisaIOError) as caught:
        instrument.query("*IDN?")
    assert code_of(caught) is StatusCode.error_connection_lost
    with pytest.raises(pyvisa.VisaIOError):
        instrument.write("*CLS")
    instrument.close()
    assert opened(manager).query("ARR:SIZE?") == "5,9"


def test_a_serial_line_loses_the_reply_and_stays_open(manager):
    instrument = opened(manager, SERIAL, timeout=60)
    instrument.write("SIM:FAUL:LINK DROP")
    instrument.write("*IDN?")
    with pytest.raises(pyvisa.VisaIOError) as caught:
        instrument.read()
    assert code_of(caught) is StatusCode.error_timeout
    assert instrument.query("ARR:SIZE?") == "5,9"


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_a_stalled_reply_times_out_rather_than_passing_for_whole(manager, resource):
    instrument = opened(manager, resource, timeout=60)
    instrument.write("SIM:FAUL:LINK STAL")
    instrument.write("*IDN?")
    with pytest.raises(pyvisa.VisaIOError) as caught:
        instrument.read()
    assert code_of(caught) is StatusCode.error_timeout


def test_locks_keep_other_sessions_out_until_released(manager):
    owner, other = opened(manager), opened(manager)
    owner.lock_excl(timeout=100)
    owner.lock_excl(timeout=100)
    with pytest.raises(pyvisa.VisaIOError) as caught:
        other.query("*IDN?")
    assert code_of(caught) is StatusCode.error_resource_locked
    with pytest.raises(pyvisa.VisaIOError):
        other.lock_excl(timeout=20)
    assert owner.query("ARR:SIZE?") == "5,9"
    owner.unlock()
    with pytest.raises(pyvisa.VisaIOError):
        other.query("*IDN?")
    owner.unlock()
    assert other.query("ARR:SIZE?") == "5,9"
    with pytest.raises(pyvisa.VisaIOError) as caught:
        owner.unlock()
    assert code_of(caught) is StatusCode.error_session_not_locked


def test_the_lock_state_can_be_asked_for(manager):
    owner, other = opened(manager), opened(manager)
    assert other.lock_state == AccessModes.no_lock
    owner.lock(timeout=100)
    assert other.lock_state == AccessModes.shared_lock
    owner.lock_excl(timeout=100)
    assert other.lock_state == AccessModes.exclusive_lock


def test_remote_and_local_make_no_difference(manager):
    instrument = opened(manager, USB)
    instrument.control_ren(RENLineOperation.address_gtl)
    assert instrument.query("ARR:SIZE?") == "5,9"


def test_a_shared_lock_is_joined_by_its_key(manager):
    first, second, stranger = (opened(manager) for _ in range(3))
    key = first.lock(timeout=100)
    assert second.lock(timeout=100, requested_key=key) == key
    assert second.query("ARR:SIZE?") == "5,9"
    with pytest.raises(pyvisa.VisaIOError):
        stranger.lock(timeout=20, requested_key="another")
    with pytest.raises(pyvisa.VisaIOError):
        stranger.query("*IDN?")
    first.unlock()
    second.unlock()
    assert stranger.query("ARR:SIZE?") == "5,9"


def test_closing_a_session_releases_its_locks_and_a_waiting_one_gets_them(manager):
    owner, other = opened(manager), opened(manager)
    owner.lock_excl(timeout=100)
    thread = threading.Thread(target=owner.close)
    thread.start()
    other.lock_excl(timeout=5000)
    thread.join()
    assert other.query("ARR:SIZE?") == "5,9"


def test_opening_with_a_lock_fails_while_another_holds_it(manager):
    owner = opened(manager, access_mode=AccessModes.exclusive_lock)
    sessions = len(manager.visalib.sessions)
    with pytest.raises(pyvisa.VisaIOError) as caught:
        opened(manager, access_mode=AccessModes.exclusive_lock, open_timeout=20)
    assert code_of(caught) is StatusCode.error_resource_locked
    assert len(manager.visalib.sessions) == sessions
    owner.close()
    opened(manager, access_mode=AccessModes.exclusive_lock, open_timeout=20).close()


def test_a_closed_session_cannot_be_used(manager):
    instrument = opened(manager)
    instrument.close()
    with pytest.raises(pyvisa.InvalidSession):
        instrument.query("*IDN?")
    with pytest.raises(pyvisa.VisaIOError) as caught:
        manager.visalib.read(1, 10)
    assert code_of(caught) is StatusCode.error_invalid_object


def test_the_last_status_is_kept_by_session(manager):
    instrument = opened(manager)
    instrument.query("*IDN?")
    assert instrument.last_status >= 0
    instrument.timeout = 20
    with pytest.raises(pyvisa.VisaIOError):
        instrument.read()
    assert instrument.last_status == StatusCode.error_timeout


def test_an_attribute_that_the_interface_lacks_is_an_error(manager):
    with pytest.raises(pyvisa.VisaIOError) as caught:
        opened(manager, GPIB).get_visa_attribute(ResourceAttribute.tcpip_port)
    assert code_of(caught) is StatusCode.error_nonsupported_attribute
    assert opened(manager, SOCKET).get_visa_attribute(ResourceAttribute.tcpip_port) == 5025


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_asking_again_and_again_whether_it_measures_comes_to_an_end(manager, resource):
    instrument = opened(manager, resource)
    instrument.write("SOUR:SEQ:DATA " + ",".join(["0.1"] * 5 * 500))
    instrument.write("INIT")
    answers = [instrument.query("STAT:OPER:COND?")]
    while answers[-1] != "0":
        answers.append(instrument.query("STAT:OPER:COND?"))
        assert len(answers) < 100
    assert answers[0] == "16"


def test_the_board_works_while_its_client_sleeps(manager):
    now_s = [0.0]
    manager.visalib.board = PoweredBoard(manager.visalib.board.bench, clock=lambda: now_s[0])
    instrument = opened(manager)
    instrument.write("SOUR:SEQ:DATA " + ",".join(["0.1"] * 5 * 500))
    instrument.write("INIT")
    assert instrument.query("STAT:OPER:COND?") == "16"
    now_s[0] += 1.0
    assert instrument.query("STAT:OPER:COND?") == "0"


def test_a_missing_part_is_told_by_name_and_not_as_a_missing_backend():
    program = (
        "import sys; sys.modules['pyvisa_sim'] = None\n"
        "import pyvisa\n"
        "try: pyvisa.ResourceManager('lab-16x12@crosscal')\n"
        "except ValueError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'crosscal[bench]'" in done.stdout


def test_infinite_timeouts_are_waited_out(manager):
    instrument = opened(manager, timeout=None)
    assert instrument.query("*OPC?") == "1"


def test_the_board_is_gone_with_its_last_manager(library):
    manager = pyvisa.ResourceManager(library)
    opened(manager).write("SENS:AVER:COUN 5")
    del manager
    gc.collect()
    manager = pyvisa.ResourceManager(library)
    assert opened(manager).query("SENS:AVER:COUN?") == "1"
    manager.close()


def test_pyvisa_info_names_the_backend():
    from pyvisa.highlevel import get_wrapper_class

    assert set(get_wrapper_class("crosscal").get_debug_info()) == {"Version"}


def test_paths_with_an_at_sign_and_spaces_are_found(tmp_path):
    folder = tmp_path / "a b@c"
    folder.mkdir()
    (folder / "bench.toml").write_text(BENCH)
    manager = pyvisa.ResourceManager(f"{Path(folder)}/bench.toml@crosscal")
    assert opened(manager).query("ARR:SIZE?") == "5,9"
    manager.close()
