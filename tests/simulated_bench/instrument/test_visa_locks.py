"""Locks, remote and local, and attributes of PyVISA sessions."""

import threading

import pytest
import pyvisa
from pyvisa.constants import (
    AccessModes,
    RENLineOperation,
    ResourceAttribute,
    StatusCode,
)
from visa_rig import GPIB, SOCKET, USB, code_of, opened


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
