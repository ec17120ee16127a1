"""STATus: the operation and questionable registers."""

from __future__ import annotations

from collections.abc import Callable

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import Limits
from crosscal.firmware_models.status_registers import Condition, EventRegister

_WORD = Limits(0, 65535, 0)  # SCPI-1999, 20: registers of sixteen bits


def _register_commands(
    name: str, condition_of: Callable[[Call], Condition], events_of: Callable[[Call], EventRegister]
) -> tuple[Command, ...]:
    """Make the commands of one register: the condition is the board's, events and mask the client's."""

    def event(call: Call) -> str:
        call.at_most(0)
        return str(events_of(call).take())

    def condition(call: Call) -> str:
        call.at_most(0)
        return str(condition_of(call).bits)

    def set_enable(call: Call) -> None:
        events_of(call).enable = _WORD.parse_integer(call.only())

    def enable(call: Call) -> str:
        call.at_most(0)
        return str(events_of(call).enable)

    return (
        Command(header=f"STATus:{name}[:EVENt]", query=event),
        Command(header=f"STATus:{name}:CONDition", query=condition),
        Command(header=f"STATus:{name}:ENABle", set=set_enable, query=enable, reserved=""),
    )


def _preset(call: Call) -> None:
    call.at_most(0)
    call.session.status.preset()


COMMANDS = (
    *_register_commands(
        "OPERation",
        lambda call: call.board.conditions.operation,
        lambda call: call.session.status.operation,
    ),
    *_register_commands(
        "QUEStionable",
        lambda call: call.board.conditions.questionable,
        lambda call: call.session.status.questionable,
    ),
    Command(header="STATus:PRESet", set=_preset, reserved=""),
)
