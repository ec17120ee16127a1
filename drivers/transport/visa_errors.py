"""Mapping of exceptions of VISA backends and of the operating system to crosscal's own."""

from __future__ import annotations

import errno
from types import TracebackType

from pyvisa import errors as visa
from pyvisa.constants import StatusCode

from crosscal.core.errors import BoardConnectionError, BoardError, BoardTimeoutError

TIMED_OUT = frozenset({StatusCode.error_timeout})

ABSENT = frozenset(
    {
        StatusCode.error_resource_not_found,
        StatusCode.error_invalid_resource_name,
        StatusCode.error_interface_number_not_configured,
        StatusCode.error_no_listeners,
        StatusCode.error_machine_not_available,
        StatusCode.error_library_not_found,
    }
)

HELD = frozenset(
    {
        StatusCode.error_resource_busy,
        StatusCode.error_resource_locked,
        StatusCode.error_no_permission,
        StatusCode.error_line_in_use,
        StatusCode.error_session_not_locked,
        StatusCode.error_invalid_access_key,
    }
)

LOST = frozenset(
    {
        StatusCode.error_connection_lost,
        StatusCode.error_io,
        StatusCode.error_abort,
        StatusCode.error_bus_error,
        StatusCode.error_system_error,
        StatusCode.error_allocation,
        StatusCode.error_closing_failed,
        StatusCode.error_invalid_object,
        StatusCode.error_input_protocol_violation,
        StatusCode.error_output_protocol_violation,
        StatusCode.error_raw_read_protocol_violation,
        StatusCode.error_raw_write_protocol_violation,
        StatusCode.error_serial_framing,
        StatusCode.error_serial_overrun,
        StatusCode.error_serial_parity,
        StatusCode.error_not_cic,
        StatusCode.error_not_system_controller,
        StatusCode.error_response_pending,
        StatusCode.error_file_access,
        StatusCode.error_file_i_o,
    }
)

UNSUPPORTED = frozenset(
    code for code in StatusCode if code < 0 and code not in TIMED_OUT | ABSENT | HELD | LOST
)
"""What remains: the backend cannot do, or was wrongly asked to do, something; retrying does not help."""

_TO_CHECK = "check the resource name, the cable or network, and that the board is on"
_HELD_BY_ANOTHER = "another program holds it, or this user may not open it; close the other program"
_ABSENT_ERRNO = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ECONNREFUSED, errno.EHOSTUNREACH})
_HELD_ERRNO = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.EAGAIN})

# Where backends keep exception classes of their own that derive from nothing but Exception.
_BACKENDS = ("pyvisa", "pyvisa_py", "pyvisa_sim", "serial", "usb", "gpib", "gpib_ctypes")


class board_errors:  # used like a function; one made of a generator would cost each read 10 µs
    """Context that maps exceptions of a backend or the system to the tree of `crosscal.core.errors`.

    Args:
        resource: name of the link, for messages.

    Raises:
        BoardTimeoutError: nothing came in time.
        BoardConnectionError: nothing there, held by another program, or lost.
        BoardError: the backend lacks a function that the driver needs.
    """

    __slots__ = ("_resource",)

    def __init__(self, resource: str) -> None:
        self._resource = resource

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mapped = None if error is None else _mapped(self._resource, error)
        if mapped is not None:
            raise mapped from error


def _mapped(resource: str, error: BaseException) -> BoardError | None:
    """Make the error of our own; None of one that passes as it is."""
    if isinstance(error, visa.VisaIOError):
        return _from_status(resource, error)
    if isinstance(error, OSError):
        return _from_os(resource, error)
    if isinstance(error, visa.InvalidSession):
        return BoardConnectionError(f"{resource}: the session is closed; open the board again")
    if isinstance(error, visa.Error | NotImplementedError):
        return BoardError(f"{resource}: the VISA backend failed ({_told(error)}); try another backend")
    # PyVISA-py reports a failed link with a bare Exception. Anything else unknown is a defect: it passes.
    foreign = isinstance(error, Exception) and type(error).__module__.partition(".")[0] in _BACKENDS
    if type(error) is not Exception and not foreign:
        return None
    return BoardConnectionError(f"{resource}: {_told(error)}; {_TO_CHECK}")


def _from_status(resource: str, error: visa.VisaIOError) -> BoardError:
    told = f"{resource}: {error.abbreviation} ({error.description.rstrip('.')})"
    code = error.error_code
    if code in TIMED_OUT:
        return BoardTimeoutError(f"{told}; {_TO_CHECK}, or allow more with timeout_s")
    if code in ABSENT:
        return BoardConnectionError(f"{told}: nothing there; {_TO_CHECK}")
    if code in HELD:
        return BoardConnectionError(f"{told}: {_HELD_BY_ANOTHER}")
    if code in UNSUPPORTED:
        return BoardError(f"{told}: the VISA backend cannot do what the driver needs; try another backend")
    return BoardConnectionError(f"{told}: the link was lost; {_TO_CHECK}")


def _from_os(resource: str, error: OSError) -> BoardError:
    told = f"{resource}: {_told(error)}"
    if isinstance(error, TimeoutError) or type(error).__name__ == "SerialTimeoutException":
        return BoardTimeoutError(f"{told}; {_TO_CHECK}, or allow more with timeout_s")
    if error.errno in _HELD_ERRNO:
        return BoardConnectionError(f"{told}: {_HELD_BY_ANOTHER}")
    if error.errno in _ABSENT_ERRNO:
        return BoardConnectionError(f"{told}: nothing answers there; {_TO_CHECK}")
    return BoardConnectionError(f"{told}; {_TO_CHECK}")


def _told(error: BaseException) -> str:
    """The error's own words in one line, or its name if it has none."""
    words = getattr(error, "strerror", None) or str(error)
    lines = [line.strip() for line in str(words).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
