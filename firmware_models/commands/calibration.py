"""CALibration: calibrated currents for a client, and the calibration itself (decision 25)."""

from __future__ import annotations

from typing import cast

from crosscal.firmware_models.acquisition import Trace
from crosscal.firmware_models.call import Call
from crosscal.firmware_models.choices import parse_boolean
from crosscal.firmware_models.data_format import number
from crosscal.firmware_models.hardware import CalibratingHardware
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import NOT_A_NUMBER


def _set_state(call: Call) -> None:
    call.session.calibrated = parse_boolean(call.only())


def _state(call: Call) -> str:
    call.at_most(0)
    return str(int(call.session.calibrated))


def _calibrate(call: Call) -> str:
    call.at_most(0)
    call.board.operations.complete()
    return str(_hardware(call).calibrate())


def _age(call: Call) -> str:
    call.at_most(0)
    age_s = _hardware(call).calibration_age_s()
    return number(NOT_A_NUMBER if age_s is None else age_s)


def encoded_deviations(call: Call, trace: Trace, first: int, last: int) -> bytes:
    """Encode the deviations of points counted from 0, `last` not included."""
    piece = slice(first * trace.columns, last * trace.columns)
    found_a = _hardware(call).deviations(trace.current_a[piece], bytes(trace.status[piece]))
    return call.board.settings.format.encode(found_a)


def _hardware(call: Call) -> CalibratingHardware:
    # The group is in the table of hardware that calibrates alone.
    return cast(CalibratingHardware, call.board.hardware)


COMMANDS = (
    Command(header="CALibration:STATe", set=_set_state, query=_state, group="CAL", reserved=""),
    Command(header="CALibration[:ALL]", query=_calibrate, group="CAL", reserved="Q"),
    Command(header="CALibration:AGE", query=_age, group="CAL"),
)
