"""Opening of a VISA resource under a backend by the link that suits it."""

from __future__ import annotations

import re

import pyvisa
from pyvisa import rname

from crosscal.core.errors import BoardConnectionError, CrosscalError, InputError, wanted
from crosscal.drivers.transport.link import Link
from crosscal.drivers.transport.serial_link import SerialLink
from crosscal.drivers.transport.socket_link import SocketLink
from crosscal.drivers.transport.visa_errors import ABSENT, board_errors
from crosscal.drivers.transport.visa_link import VisaLink

_LAST_PORT = 65535
"""Ports have 16 bits."""


def open_link(resource: str, *, backend: str | None, baud: int, timeout_s: float) -> Link:
    """Open a VISA resource.

    PyVISA does it, but for the two kinds of resource where its pure Python backend is slow and blind to
    closed ports: sockets and serial ports under `@py` are opened directly.

    Raises:
        InputError: there is no such backend.
        BoardConnectionError: nothing at this resource, or another program holds it.
    """
    with board_errors(resource):
        manager = _manager(backend)
        if not type(manager.visalib).__module__.startswith("pyvisa_py"):
            return _through_visa(manager, resource, baud=baud, timeout_s=timeout_s)
        try:
            name = rname.ResourceName.from_string(canonical_name(resource))
        except rname.InvalidResourceName as error:
            raise BoardConnectionError(
                wanted(
                    got=f"{resource!r}, which is no VISA resource name ({error})",
                    allowed="names such as TCPIP::192.168.1.7::5025::SOCKET or ASRL/dev/ttyACM0::INSTR",
                    remedy=_remedy(resource),
                )
            ) from error
        if isinstance(name, rname.TCPIPSocket):
            port = _port(resource, name.port)
            return SocketLink(resource, name.host_address, port, timeout_s=timeout_s)
        if isinstance(name, rname.ASRLInstr):
            return SerialLink(resource, name.board, baud=baud, timeout_s=timeout_s)
        return _through_visa(manager, resource, baud=baud, timeout_s=timeout_s)


def canonical_name(resource: str) -> str:
    """Write the interface and the class of a resource name in capitals, as PyVISA wants them.

    VISA resource names are case-blind, except hosts, files and serial numbers of some systems.
    """
    interface = re.match(r"[a-z]+(?=[0-9:/]|$)", resource, re.IGNORECASE)
    name = resource if interface is None else interface[0].upper() + resource[interface.end() :]
    return re.sub(r"(?<=::)(instr|socket|raw|intfc|servant|memacc|backplane)$", _upper, name, flags=re.I)


def _upper(found: re.Match[str]) -> str:
    return found[0].upper()


def _port(resource: str, text: str) -> int:
    """Read the port of a socket: 102731 would wrap around to another one.

    Raises:
        BoardConnectionError: no port.
    """
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _LAST_PORT):
        raise BoardConnectionError(
            wanted(
                got=f"port {text!r} in {resource!r}",
                allowed=f"1 to {_LAST_PORT}",
                remedy="correct the resource name",
            )
        )
    return int(text)


def _manager(backend: str | None) -> pyvisa.ResourceManager:
    try:
        return pyvisa.ResourceManager(backend or "")
    except CrosscalError:
        raise
    except (ValueError, OSError) as error:
        # pyvisa-sim puts a whole traceback into its message.
        told = str(error).partition(". 'Trace")[0]
        raise InputError(
            wanted(
                got=f"backend {backend!r} ({type(error).__name__}: {told})",
                allowed="@py, @ivi, a file followed by @sim or @crosscal, or None for PyVISA's default",
                remedy="install the backend's package, or correct its name",
            )
        ) from error


def _through_visa(manager: pyvisa.ResourceManager, resource: str, *, baud: int, timeout_s: float) -> VisaLink:
    try:
        return VisaLink(manager, resource, baud=baud, timeout_s=timeout_s)
    except CrosscalError:
        raise
    except pyvisa.VisaIOError as error:
        if error.error_code not in ABSENT:
            raise
        raise BoardConnectionError(
            wanted(
                got=f"{resource!r}, where this backend has nothing",
                allowed=f"{_listed(manager)}",
                remedy="correct the name, or check the cable and that the board is on",
            )
        ) from error
    except ValueError as error:
        # PyVISA-py answers so for kinds of resource whose libraries are not installed.
        raise BoardConnectionError(
            f"{resource}: this backend cannot open it ({error}); install what it names, or use another "
            "backend"
        ) from error


def _listed(manager: pyvisa.ResourceManager) -> str:
    """List the resources of a backend, as far as it can tell."""
    try:
        return ", ".join(manager.list_resources("?*")) or "nothing that it lists"
    except pyvisa.VisaIOError:
        return "nothing that it lists"


def _remedy(resource: str) -> str:
    """Say what to do about a name that is none; `b7.toml@crosscal` is a PyVISA backend, not a resource."""
    if "@" not in resource:
        return "correct it"
    return f"a PyVISA backend goes beside it: GPIB0::9::INSTR and backend={resource!r}, --backend {resource}"
