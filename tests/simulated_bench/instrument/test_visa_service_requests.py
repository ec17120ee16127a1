"""Serial polls, service requests and handlers of a PyVISA session."""

import threading

import pytest
import pyvisa
from pyvisa.constants import (
    EventMechanism,
    EventType,
    StatusCode,
)
from visa_rig import GPIB, MESSAGE_BASED, SOCKET, STREAMS, code_of, opened


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
