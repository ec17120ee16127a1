"""ARRay: the matrix and its programming."""

from __future__ import annotations

import math
from array import array

from crosscal.firmware_models.call import Call
from crosscal.firmware_models.commands.settings_access import integer_setting, real_setting
from crosscal.firmware_models.data_format import number, require_length
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import NOT_A_NUMBER, PURE, SIEMENS
from crosscal.firmware_models.scpi_errors import ScpiFault


def _size(call: Call) -> str:
    call.at_most(0)
    return f"{call.board.facts.rows},{call.board.facts.columns}"


def _tiles(call: Call) -> str:
    call.at_most(0)
    rows, columns = call.board.facts.tiles
    return f"{rows},{columns}"


def _set_target(call: Call) -> None:
    board = call.board
    values = board.settings.format.decode(call.parameters, SIEMENS)
    require_length(values, board.facts.rows * board.facts.columns, call.parameters)
    low_s, high_s = board.facts.conductance_min_s, board.facts.conductance_max_s
    for index, value in enumerate(values):
        if not low_s <= value <= high_s:
            row, column = divmod(index, board.facts.columns)
            raise ScpiFault(
                -222, f"{value:g} S at {row + 1},{column + 1}; allowed: {low_s:g} to {high_s:g} S"
            )
    board.settings.target_s = values


def _target(call: Call) -> bytes:
    call.at_most(0)
    return call.board.settings.format.encode(call.board.settings.target_s)


def _limits(call: Call) -> str:
    call.at_most(0)
    facts = call.board.facts
    return f"{number(facts.conductance_min_s)},{number(facts.conductance_max_s)}"


def _start(call: Call) -> None:
    call.at_most(0)
    call.board.operations.start_programming(call.session.status)


def _abort(call: Call) -> None:
    call.at_most(0)
    call.board.operations.abort_programming()


def _result(call: Call) -> str:
    call.at_most(0)
    call.board.operations.complete()
    result = call.board.operations.programming_result
    if result is None:
        raise call.board.operations.no_programming_result()
    return f"{result.cells_failed},{number(result.rms_relative_error)},{result.iterations}"


def _read_back(call: Call) -> bytes:
    call.at_most(0)
    call.board.operations.complete()
    measured_s = call.board.hardware.read_conductance()
    return call.board.settings.format.encode(
        array("d", (NOT_A_NUMBER if math.isnan(value) else value for value in measured_s))
    )


COMMANDS = (
    Command(header="ARRay:SIZE", query=_size),
    Command(header="ARRay:TILes", query=_tiles, group="TILE"),
    Command(header="ARRay:CONDuctance:TARGet", set=_set_target, query=_target, group="PROG"),
    Command(header="ARRay:CONDuctance:LIMits", query=_limits),
    Command(header="ARRay:PROGram[:STARt]", set=_start, group="PROG", acts=True),
    Command(header="ARRay:PROGram:ABORt", set=_abort, group="PROG", acts=True),
    Command(header="ARRay:PROGram:RESult", query=_result, group="PROG"),
    real_setting("ARRay:PROGram:TOLerance", "tolerance", "tolerance_limits", PURE, group="PROG"),
    integer_setting("ARRay:PROGram:ITERations", "iterations", "iterations_limits", group="PROG"),
    Command(header="ARRay:CONDuctance", query=_read_back, group="READBACK", reserved="Q"),
)
