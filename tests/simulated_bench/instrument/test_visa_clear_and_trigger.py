"""Device clear, flush, trigger and lost links of a PyVISA session."""

import pytest
import pyvisa
from pyvisa.constants import (
    BufferOperation,
    ResourceAttribute,
    StatusCode,
)
from visa_rig import EVERY_WAY, GPIB, SERIAL, SOCKET, STREAMS, code_of, errors, opened


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
