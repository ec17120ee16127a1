"""SOURce and OUTPut: drive of the rows."""

from __future__ import annotations

from array import array

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.choices import parse_boolean
from crosscal.firmware_models.commands.settings_access import limit_keyword, real_setting
from crosscal.firmware_models.data_format import holds_block, number, require_length
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import SECOND, VOLT, Limits
from crosscal.firmware_models.program_message import Block
from crosscal.firmware_models.scpi_errors import ScpiFault


def _set_vector(call: Call) -> None:
    board = call.board
    values = board.settings.format.decode(call.parameters, VOLT)
    require_length(values, board.facts.rows, call.parameters)
    board.settings.voltage_v = _driven(call, values)


def _vector(call: Call) -> bytes:
    call.at_most(0)
    return call.board.settings.format.encode(call.board.settings.voltage_v)


def _set_protection(call: Call) -> None:
    settings = call.board.settings
    value_v = settings.protection_limits.parse(call.only(), VOLT)
    largest_v = max(_largest(settings.voltage_v), _largest(settings.sequence_v))
    if value_v < largest_v:
        raise ScpiFault(-221, f"{value_v:g} V; a loaded vector reaches {largest_v:g} V")
    settings.protection_v = value_v


def _protection(call: Call) -> str:
    settings = call.board.settings
    asked = limit_keyword(call, settings.protection_limits)
    return number(settings.protection_v if asked is None else asked)


def _set_sequence(call: Call) -> None:
    board = call.board
    rows, most = board.facts.rows, board.facts.sequence_max
    if not call.parameters:
        raise ScpiFault(-109, "a batch of vectors is wanted")
    values = board.settings.format.decode(call.parameters, VOLT)
    if len(values) % rows:
        raise ScpiFault(
            -161 if holds_block(call.parameters) else -108,
            f"{len(values)} values; allowed: a multiple of {rows}",
        )
    if len(values) > most * rows:
        raise ScpiFault(-223, f"{len(values) // rows} vectors; allowed: at most {most}")
    board.settings.sequence_v = _driven(call, values)


def _points(call: Call) -> str:
    settings, facts = call.board.settings, call.board.facts
    asked = limit_keyword(call, Limits(0, facts.sequence_max, 0))
    return str(len(settings.sequence_v) // facts.rows if asked is None else int(asked))


def _clear_sequence(call: Call) -> None:
    call.at_most(0)
    call.board.settings.sequence_v = array("d")


def _set_output(call: Call) -> None:
    on = parse_boolean(call.only())
    if on:
        # Off is obeyed from anyone, always (decision 23).
        call.require_unlocked()
    call.board.switch_output(on=on)


def _switches_off(parameters: list[str | Block]) -> bool:
    try:
        return len(parameters) == 1 and not parse_boolean(parameters[0])
    except ScpiFault:
        return False


def _output(call: Call) -> str:
    call.at_most(0)
    return str(int(call.board.settings.output_on))


def _driven(call: Call, values: array[float]) -> array[float]:
    """Round voltages to those that the DAC gives; -222 if one is beyond the protection."""
    protection_v = call.board.settings.protection_v
    largest_v = _largest(values)
    if largest_v > protection_v:
        raise ScpiFault(-222, f"{largest_v:g} V; allowed: up to {protection_v:g} V, the protection")
    return call.board.hardware.round_voltage(values, protection_v)


def _largest(values: array[float]) -> float:
    return max(max(values), -min(values)) if values else 0.0


COMMANDS = (
    Command(header="SOURce:VOLTage[:LEVel]:LIST", set=_set_vector, query=_vector),
    Command(header="SOURce:VOLTage:PROTection", set=_set_protection, query=_protection),
    Command(header="SOURce:SEQuence:DATA", set=_set_sequence, group="SEQ"),
    Command(header="SOURce:SEQuence:POINts", query=_points, group="SEQ"),
    real_setting("SOURce:SEQuence:DWELl", "dwell_s", "dwell_limits", SECOND, group="SEQ"),
    Command(header="SOURce:SEQuence:CLEar", set=_clear_sequence, group="SEQ"),
    Command(header="OUTPut[:STATe]", set=_set_output, query=_output, reserved="", urgent=_switches_off),
)
