"""SYSTem: errors, version, capabilities."""

from __future__ import annotations

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.header_tree import Command

_SCPI_VERSION = "1999.0"


def _next_error(call: Call) -> str:
    call.at_most(0)
    return call.board.status.errors.pop()


def _error_count(call: Call) -> str:
    call.at_most(0)
    return str(len(call.board.status.errors))


def _all_errors(call: Call) -> str:
    call.at_most(0)
    return call.board.status.errors.pop_all()


def _version(call: Call) -> str:
    call.at_most(0)
    return _SCPI_VERSION


def _capability(call: Call) -> str:
    call.at_most(0)
    return ",".join(call.board.facts.capabilities)


COMMANDS = (
    Command(header="SYSTem:ERRor[:NEXT]", query=_next_error),
    Command(header="SYSTem:ERRor:COUNt", query=_error_count),
    Command(header="SYSTem:ERRor:ALL", query=_all_errors),
    Command(header="SYSTem:VERSion", query=_version),
    Command(header="SYSTem:CAPability", query=_capability),
)
