"""Every exception that VISA backends and the operating system raise becomes one of crosscal's."""

from __future__ import annotations

import errno

import pytest
import pyvisa
import serial
from pyvisa import constants
from pyvisa import errors as visa

from crosscal.core.errors import BoardConnectionError, BoardError, BoardTimeoutError, RangeError
from crosscal.drivers.transport.visa_errors import ABSENT, HELD, LOST, TIMED_OUT, UNSUPPORTED, board_errors

ERROR_CODES = [code for code in constants.StatusCode if code < 0]
GROUPS = (TIMED_OUT, ABSENT, HELD, LOST, UNSUPPORTED)


def mapped(error: BaseException) -> BoardError:
    with pytest.raises(BoardError) as raised, board_errors("RES"):
        raise error
    assert raised.value.__cause__ is error
    message = str(raised.value)
    assert message.startswith("RES: ")
    assert "\n" not in message
    return raised.value


@pytest.mark.parametrize("code", ERROR_CODES, ids=lambda code: code.name)
def test_every_visa_status_is_mapped_with_its_name_and_a_remedy(code: constants.StatusCode) -> None:
    error = mapped(pyvisa.VisaIOError(code))
    assert pyvisa.VisaIOError(code).abbreviation in str(error)
    assert ";" in str(error)
    assert isinstance(error, BoardTimeoutError) == (code in TIMED_OUT)
    assert isinstance(error, BoardConnectionError) == (code not in UNSUPPORTED)


def test_every_visa_status_is_in_one_group() -> None:
    assert sorted(code for group in GROUPS for code in group) == sorted(ERROR_CODES)


def test_a_status_that_no_release_of_pyvisa_knows_counts_as_a_lost_link() -> None:
    assert type(mapped(pyvisa.VisaIOError(-1073807000))) is BoardConnectionError


def subclasses(root: type) -> set[type]:
    return {root}.union(*(subclasses(kind) for kind in root.__subclasses__()))


@pytest.mark.parametrize(
    "kind",
    sorted(
        (
            k
            for k in subclasses(OSError)
            if k.__module__ in ("builtins", "socket", "serial.serialutil", "ssl")
        ),
        key=lambda kind: kind.__name__,
    ),
)
def test_every_kind_of_operating_system_error_is_mapped(kind: type[OSError]) -> None:
    says_it_itself = kind is serial.PortNotOpenError
    error = mapped(kind() if says_it_itself else kind("what happened\nin many words"))
    assert isinstance(error, BoardConnectionError)
    assert ("Attempting to use a port" if says_it_itself else "what happened") in str(error)


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_errno_is_mapped(number: int) -> None:
    error = mapped(OSError(number, "words"))
    assert isinstance(error, BoardConnectionError)
    assert isinstance(error, BoardTimeoutError) == (number == errno.ETIMEDOUT)


@pytest.mark.parametrize("error", [TimeoutError("late"), serial.SerialTimeoutException("late")])
def test_timeouts_are_told_from_lost_links(error: OSError) -> None:
    assert type(mapped(error)) is BoardTimeoutError


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ENOENT, errno.EHOSTUNREACH])
def test_an_empty_address_is_told_from_a_lost_link(number: int) -> None:
    assert "nothing answers there" in str(mapped(OSError(number, "words")))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EBUSY])
def test_a_held_port_is_told_from_a_lost_link(number: int) -> None:
    assert "another program holds it" in str(mapped(OSError(number, "words")))


@pytest.mark.parametrize(
    "kind", sorted(subclasses(visa.Error) - subclasses(OSError), key=lambda k: k.__name__)
)
def test_every_other_exception_of_pyvisa_is_mapped(kind: type[Exception]) -> None:
    # Made without their constructors, whose arguments do not matter here.
    error = kind.__new__(kind)
    if isinstance(error, pyvisa.VisaIOError):
        error = pyvisa.VisaIOError(constants.StatusCode.error_io)
    assert isinstance(mapped(error), BoardError)


def test_a_library_that_cannot_be_loaded_is_mapped() -> None:
    assert "wrong ELF class" in str(mapped(visa.LibraryError("wrong ELF class")))


def test_the_bare_exceptions_of_pyvisa_py_are_mapped() -> None:
    assert "could not connect" in str(mapped(Exception("could not connect: timeout")))


def test_exceptions_of_a_backends_own_making_are_mapped() -> None:
    from pyvisa_py.protocols.rpc import RPCError

    assert "denied" in str(mapped(RPCError("denied")))
    assert isinstance(mapped(NotImplementedError("clear")), BoardError)


@pytest.mark.parametrize(
    "error", [AttributeError("x"), TypeError("x"), KeyError("x"), RangeError("x"), AssertionError("x")]
)
def test_defects_and_our_own_errors_pass_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, board_errors("RES"):
        raise error
    assert raised.value is error


def test_an_interrupt_from_the_keyboard_passes_unchanged() -> None:
    with pytest.raises(KeyboardInterrupt), board_errors("RES"):
        raise KeyboardInterrupt
