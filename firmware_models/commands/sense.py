"""SENSe: the column amplifiers and their converter, and the thermometer."""

from __future__ import annotations

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.choices import parse_boolean
from crosscal.firmware_models.commands.settings_access import integer_setting, limit_keyword
from crosscal.firmware_models.data_format import number
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import AMPERE, SECOND, Limits


def _set_range(call: Call) -> None:
    """Take the lowest range that holds the value, and stop ranging automatically (decision 10)."""
    board = call.board
    value_a = board.settings.range_limits.parse(call.only(), AMPERE)
    board.settings.range_index = next(
        index for index, full_a in enumerate(board.facts.ranges_a) if full_a >= value_a
    )
    board.settings.auto_range = False


def _range(call: Call) -> str:
    board = call.board
    ranges_a = board.facts.ranges_a
    asked = limit_keyword(call, Limits(ranges_a[0], ranges_a[-1], ranges_a[-1]))
    return number(ranges_a[board.settings.range_index] if asked is None else asked)


def _set_auto(call: Call) -> None:
    call.board.settings.auto_range = parse_boolean(call.only())


def _auto(call: Call) -> str:
    call.at_most(0)
    return str(int(call.board.settings.auto_range))


def _range_list(call: Call) -> str:
    call.at_most(0)
    return ",".join(map(number, call.board.facts.ranges_a))


def _set_aperture(call: Call) -> None:
    settings = call.board.settings
    wanted_s = settings.aperture_limits.parse(call.only(), SECOND)
    settings.aperture_s = call.board.hardware.round_aperture(wanted_s)


def _aperture(call: Call) -> str:
    settings = call.board.settings
    asked = limit_keyword(call, settings.aperture_limits)
    return number(settings.aperture_s if asked is None else asked)


def _temperature(call: Call) -> str:
    call.at_most(0)
    return number(call.board.hardware.temperature_c())


COMMANDS = (
    Command(header="SENSe:CURRent:RANGe[:UPPer]", set=_set_range, query=_range),
    Command(header="SENSe:CURRent:RANGe:AUTO", set=_set_auto, query=_auto),
    Command(header="SENSe:CURRent:RANGe:LIST", query=_range_list),
    Command(header="SENSe:CURRent:APERture", set=_set_aperture, query=_aperture),
    integer_setting("SENSe:AVERage:COUNt", "average_count", "average_limits"),
    Command(header="SENSe:TEMPerature", query=_temperature, group="TEMP"),
)
