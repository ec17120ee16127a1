"""Commands of plain settings: a number with a range, set and asked alike in every subsystem."""

from __future__ import annotations

from crosscal.firmware_models.board_settings import BoardSettings
from crosscal.firmware_models.call import Call
from crosscal.firmware_models.data_format import number
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import Limits, Unit
from crosscal.firmware_models.program_message import Block
from crosscal.firmware_models.scpi_errors import ScpiFault


def limit_keyword(call: Call, limits: Limits) -> float | None:
    """Value of the MINimum, MAXimum or DEFault that a query may carry; None if it carries nothing.

    Raises:
        ScpiFault: -108 anything else.
    """
    parameters = call.at_most(1)
    if not parameters:
        return None
    value = limits.keyword(parameters[0])
    if value is None:
        got = "a block" if isinstance(parameters[0], Block) else parameters[0]
        raise ScpiFault(-108, f"{got}; a query may carry MINimum, MAXimum or DEFault")
    return value


def real_setting(header: str, name: str, limits: str, unit: Unit, *, group: str | None = None) -> Command:
    """Make the command of a real setting: attribute `name` of `BoardSettings`, its range in `limits`."""

    def set_value(call: Call) -> None:
        settings = call.board.settings
        value = _limits(settings, limits).parse(call.only(), unit)
        setattr(settings, name, value)

    def value(call: Call) -> str:
        settings = call.board.settings
        asked = limit_keyword(call, _limits(settings, limits))
        return number(getattr(settings, name) if asked is None else asked)

    return Command(header=header, set=set_value, query=value, group=group)


def integer_setting(header: str, name: str, limits: str, *, group: str | None = None) -> Command:
    """Make the command of a whole-number setting: attribute `name`, its range in `limits`."""

    def set_value(call: Call) -> None:
        settings = call.board.settings
        setattr(settings, name, _limits(settings, limits).parse_integer(call.only()))

    def value(call: Call) -> str:
        settings = call.board.settings
        asked = limit_keyword(call, _limits(settings, limits))
        return str(int(getattr(settings, name) if asked is None else asked))

    return Command(header=header, set=set_value, query=value, group=group)


def _limits(settings: BoardSettings, name: str) -> Limits:
    return getattr(settings, name)
