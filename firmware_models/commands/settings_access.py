"""Handlers of plain settings: a number with a range, set and asked alike in every subsystem."""

from __future__ import annotations

from collections.abc import Callable

from crosscal.firmware_models.board_settings import BoardSettings
from crosscal.firmware_models.call import Call
from crosscal.firmware_models.data_format import number
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


def real_setting(name: str, limits: str, unit: Unit) -> dict[str, Callable]:
    """`set` and `query` of a real setting: attribute `name`, its range in attribute `limits`."""

    def set_value(call: Call) -> None:
        settings = call.board.settings
        value = _limits(settings, limits).parse(call.only(), unit)
        setattr(settings, name, value)

    def value(call: Call) -> str:
        settings = call.board.settings
        asked = limit_keyword(call, _limits(settings, limits))
        return number(getattr(settings, name) if asked is None else asked)

    return {"set": set_value, "query": value}


def integer_setting(name: str, limits: str) -> dict[str, Callable]:
    """`set` and `query` of a whole-number setting: attribute `name`, its range in attribute `limits`."""

    def set_value(call: Call) -> None:
        settings = call.board.settings
        setattr(settings, name, _limits(settings, limits).parse_integer(call.only()))

    def value(call: Call) -> str:
        settings = call.board.settings
        asked = limit_keyword(call, _limits(settings, limits))
        return str(int(getattr(settings, name) if asked is None else asked))

    return {"set": set_value, "query": value}


def _limits(settings: BoardSettings, name: str) -> Limits:
    return getattr(settings, name)
