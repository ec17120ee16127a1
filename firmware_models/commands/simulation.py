"""SIMulation: ageing, temperature, faults and actual conductances of a simulated board."""

from __future__ import annotations

from typing import cast

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.choices import parse_choice
from crosscal.firmware_models.hardware import AgeingHardware
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import CELSIUS, SECOND, Limits
from crosscal.firmware_models.sessions.link_fault import DROP, GARBLE, STALL

_DURATION_S = Limits(0.0, 1e12, 0.0)  # thirty thousand years
_TEMPERATURE_C = Limits(-55.0, 150.0, 25.0)  # the widest range that parts of silicon are specified for
_SEED = Limits(0, 2**63 - 1, 0)  # fits 64 bits with a sign


def _advance(call: Call) -> None:
    duration_s = _DURATION_S.parse(call.only(), SECOND)
    call.board.operations.complete()
    call.board.hardware.advance_time(duration_s)


def _set_temperature(call: Call) -> None:
    temperature_c = _TEMPERATURE_C.parse(call.only(), CELSIUS)
    call.board.operations.complete()
    call.board.hardware.set_temperature(temperature_c)


def _seed(call: Call) -> None:
    seed = _SEED.parse_integer(call.only())
    call.board.operations.complete()
    call.board.hardware.reseed(seed)


def _fault_cell(call: Call) -> None:
    row_text, column_text, kind_text = call.exactly(3)
    row = _index_limits(call.board.facts.rows).parse_integer(row_text)
    column = _index_limits(call.board.facts.columns).parse_integer(column_text)
    kind = parse_choice(kind_text, ("OPEN", "SHORT", "STUCk"))
    call.board.operations.complete()
    call.board.hardware.fault_cell(row, column, kind.upper())


def _fault_amplifier(call: Call) -> None:
    column = _index_limits(call.board.facts.columns).parse_integer(call.only())
    call.board.operations.complete()
    call.board.hardware.fault_amplifier(column)


def _fault_link(call: Call) -> None:
    call.board.link_fault.request(parse_choice(call.only(), (DROP, STALL, GARBLE)))


def _clear_faults(call: Call) -> None:
    call.at_most(0)
    call.board.operations.complete()
    call.board.hardware.clear_faults()
    call.board.release_withheld()


def _truth(call: Call) -> bytes:
    call.at_most(0)
    call.board.operations.complete()
    return call.board.settings.format.encode(call.board.hardware.true_conductance())


def _age(call: Call) -> bytes:
    return call.board.settings.format.encode(_ageing(call).cell_age())


def _written(call: Call) -> bytes:
    return call.board.settings.format.encode(_ageing(call).written_conductance())


def _ageing(call: Call) -> AgeingHardware:
    call.at_most(0)
    call.board.operations.complete()
    # The group is in the table of hardware that can tell alone.
    return cast(AgeingHardware, call.board.hardware)


def _index_limits(count: int) -> Limits:
    return Limits(1, count, 1)


COMMANDS = (
    Command(header="SIMulation:TIME:ADVance", set=_advance, group="SIM", acts=True),
    Command(header="SIMulation:TEMPerature", set=_set_temperature, group="SIM", acts=True),
    Command(header="SIMulation:SEED", set=_seed, group="SIM", acts=True),
    Command(header="SIMulation:FAULt:CELL", set=_fault_cell, group="SIM", acts=True),
    Command(header="SIMulation:FAULt:AMPLifier", set=_fault_amplifier, group="SIM", acts=True),
    Command(header="SIMulation:FAULt:LINK", set=_fault_link, group="SIM"),
    Command(header="SIMulation:FAULt:CLEar", set=_clear_faults, group="SIM", acts=True),
    Command(header="SIMulation:TRUTh:CONDuctance", query=_truth, group="SIM"),
    Command(header="SIMulation:TRUTh:AGE", query=_age, group="AGE"),
    Command(header="SIMulation:TRUTh:WRITten", query=_written, group="AGE"),
)
