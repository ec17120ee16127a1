"""IEEE 488.2 common commands."""

from __future__ import annotations

from crosscal.firmware_models.call import Call, NotYet
from crosscal.firmware_models.header_tree import Command, bare
from crosscal.firmware_models.numeric import Limits

_BYTE = Limits(0, 255, 0)  # IEEE 488.2, 10.10 and 10.34: masks of eight bits


def _clear(call: Call) -> None:
    call.at_most(0)
    call.session.status.clear()
    call.board.operations.cancel_completion(call.session.status)


def _set_event_enable(call: Call) -> None:
    call.session.status.event_enable = _BYTE.parse_integer(call.only())


def _event_enable(call: Call) -> str:
    call.at_most(0)
    return str(call.session.status.event_enable)


def _event_status(call: Call) -> str:
    call.at_most(0)
    return str(call.session.status.take_event_status())


def _identity(call: Call) -> str:
    call.at_most(0)
    facts = call.board.facts
    return ",".join(map(_field, (facts.manufacturer, facts.model, facts.serial, facts.firmware)))


def _field(text: str) -> str:
    """Make a field of `*IDN?`: printable ASCII without separators, 0 if unknown (IEEE 488.2, 10.14)."""
    kept = "".join(c if c.isascii() and c.isprintable() and c not in ",;" else " " for c in text)
    return " ".join(kept.split()) or "0"


def _complete(call: Call) -> None:
    call.at_most(0)
    call.board.operations.when_complete(call.session.status)


def _wait_until_complete(call: Call) -> None:
    call.at_most(0)
    call.board.operations.complete()
    if call.board.operations.waiting_for_trigger:
        raise NotYet


def _is_complete(call: Call) -> str:
    _wait_until_complete(call)
    return "1"


def _options(call: Call) -> str:
    call.at_most(0)
    return ",".join(call.board.facts.capabilities) or "0"


def _reset(call: Call) -> None:
    call.at_most(0)
    call.board.reset(call.session)


def _set_request_enable(call: Call) -> None:
    call.session.status.request_enable = _BYTE.parse_integer(call.only())


def _request_enable(call: Call) -> str:
    call.at_most(0)
    return str(call.session.status.request_enable)


def _status_byte(call: Call) -> str:
    call.at_most(0)
    return str(call.session.master_status_byte())


def _trigger(call: Call) -> None:
    call.at_most(0)
    call.board.operations.trigger()


def _self_test(call: Call) -> str:
    call.at_most(0)
    return "0"


COMMANDS = (
    Command(header="*CLS", set=_clear, reserved="", urgent=bare),
    Command(header="*ESE", set=_set_event_enable, query=_event_enable, reserved=""),
    Command(header="*ESR", query=_event_status),
    Command(header="*IDN", query=_identity),
    Command(header="*OPC", set=_complete, query=_is_complete, reserved=""),
    Command(header="*OPT", query=_options),
    Command(header="*RST", set=_reset, acts=True, urgent=bare),
    Command(header="*SRE", set=_set_request_enable, query=_request_enable, reserved=""),
    Command(header="*STB", query=_status_byte),
    Command(header="*TRG", set=_trigger, acts=True, urgent=bare),
    Command(header="*TST", query=_self_test),
    Command(header="*WAI", set=_wait_until_complete, reserved=""),
)
