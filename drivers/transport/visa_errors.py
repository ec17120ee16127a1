"""Mapping of exceptions of VISA backends and of the operating system to crosscal's own."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def board_errors(resource: str) -> Iterator[None]:
    """Map exceptions of a backend or the operating system to the tree of `crosscal.core.errors`.

    Raises:
        BoardTimeoutError: nothing came in time.
        BoardConnectionError: nothing there, held by another program, or lost.
        BoardError: the backend lacks a function that the driver needs.
    """
    try:
        yield
    except visa.VisaIOError as error:
        raise _from_status(resource, error) from error
    except OSError as error:
        raise _from_os(resource, error) from error
    except visa.InvalidSession as error:
        raise BoardConnectionError(f"{resource}: the session is closed; open the board again") from error
    except (visa.Error, NotImplementedError) as error:
        raise BoardError(
            f"{resource}: the VISA backend failed ({_told(error)}); try another backend"
        ) from error
    except Exception as error:
        # PyVISA-py reports a failed link with a bare Exception. Anything else unknown is a defect: it passes.
        foreign = type(error).__module__.partition(".")[0] in _BACKENDS
        if type(error) is not Exception and not foreign:
            raise
        raise BoardConnectionError(f"{resource}: {_told(error)}; {_TO_CHECK}") from error


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


def _told(error: Exception) -> str:
    """The error's own words in one line, or its name if it has none."""
    words = getattr(error, "strerror", None) or str(error)
    lines = [line.strip() for line in str(words).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
