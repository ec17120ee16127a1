"""STATus: the operation and questionable registers."""

from __future__ import annotations

from collections.abc import Callable

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import Limits
from crosscal.firmware_models.status_registers import ConditionRegister

_WORD = Limits(0, 65535, 0)  # SCPI-1999, 20: registers of sixteen bits


def _register_commands(name: str, register: Callable[[Call], ConditionRegister]) -> tuple[Command, ...]:
    """Make the commands of one register; both have the same."""

    def event(call: Call) -> str:
        call.at_most(0)
        return str(register(call).take_event())

    def condition(call: Call) -> str:
        call.at_most(0)
        return str(register(call).condition)

    def set_enable(call: Call) -> None:
        register(call).enable = _WORD.parse_integer(call.only())

    def enable(call: Call) -> str:
        call.at_most(0)
        return str(register(call).enable)

    return (
        Command(header=f"STATus:{name}[:EVENt]", query=event),
        Command(header=f"STATus:{name}:CONDition", query=condition),
        Command(header=f"STATus:{name}:ENABle", set=set_enable, query=enable),
    )


def _preset(call: Call) -> None:
    call.at_most(0)
    call.board.status.preset()


COMMANDS = (
    *_register_commands("OPERation", lambda call: call.board.status.operation),
    *_register_commands("QUEStionable", lambda call: call.board.status.questionable),
    Command(header="STATus:PRESet", set=_preset),
)
