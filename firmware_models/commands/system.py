"""SYSTem: errors, version, capabilities, lock."""

from __future__ import annotations

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.client_lock import TIMEOUT_S
from crosscal.firmware_models.commands.settings_access import limit_keyword
from crosscal.firmware_models.data_format import number
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import SECOND

_SCPI_VERSION = "1999.0"


def _next_error(call: Call) -> str:
    call.at_most(0)
    return call.session.status.errors.pop()


def _error_count(call: Call) -> str:
    call.at_most(0)
    return str(len(call.session.status.errors))


def _all_errors(call: Call) -> str:
    call.at_most(0)
    return call.session.status.errors.pop_all()


def _version(call: Call) -> str:
    call.at_most(0)
    return _SCPI_VERSION


def _capability(call: Call) -> str:
    call.at_most(0)
    return ",".join(call.board.facts.capabilities)


def _request_lock(call: Call) -> str:
    call.at_most(0)
    return str(int(call.board.lock.request(call.session)))


def _release_lock(call: Call) -> None:
    call.at_most(0)
    call.board.lock.release(call.session)


def _lock_owner(call: Call) -> str:
    call.at_most(0)
    owner = call.board.lock.owner
    return "NONE" if owner is None else owner.address


def _set_lock_timeout(call: Call) -> None:
    call.board.lock.timeout_s = TIMEOUT_S.parse(call.only(), SECOND)


def _lock_timeout(call: Call) -> str:
    asked = limit_keyword(call, TIMEOUT_S)
    return number(call.board.lock.timeout_s if asked is None else asked)


def _changes(call: Call) -> str:
    call.at_most(0)
    return str(call.board.changes.by_others(call.session))


COMMANDS = (
    Command(header="SYSTem:ERRor[:NEXT]", query=_next_error),
    Command(header="SYSTem:ERRor:COUNt", query=_error_count),
    Command(header="SYSTem:ERRor:ALL", query=_all_errors),
    Command(header="SYSTem:VERSion", query=_version),
    Command(header="SYSTem:CAPability", query=_capability),
    Command(header="SYSTem:LOCK:REQuest", query=_request_lock, group="LOCK"),
    Command(header="SYSTem:LOCK:RELease", set=_release_lock, group="LOCK", reserved=""),
    Command(header="SYSTem:LOCK:OWNer", query=_lock_owner, group="LOCK"),
    Command(header="SYSTem:LOCK:TIMeout", set=_set_lock_timeout, query=_lock_timeout, group="LOCK"),
    Command(header="SYSTem:CHANges", query=_changes, group="LOCK"),
)
