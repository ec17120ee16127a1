"""TRACe: the results of a sequence, in pieces, readable while it runs."""

from __future__ import annotations

from crosscal.firmware_models.acquisition import Trace
from crosscal.firmware_models.call import Call
from crosscal.firmware_models.commands.calibration import encoded_deviations
from crosscal.firmware_models.header_tree import Command
from crosscal.firmware_models.numeric import PURE, parse_number
from crosscal.firmware_models.scpi_errors import ScpiFault


def _actual(call: Call) -> str:
    call.at_most(0)
    trace = call.board.operations.trace
    return str(0 if trace is None else trace.points)


def _data(call: Call) -> bytes:
    trace, first, last = _piece(call)
    currents_a = trace.currents(first, last, calibrated=call.session.calibrated)
    return call.board.settings.format.encode(currents_a)


def _status(call: Call) -> bytes:
    trace, first, last = _piece(call)
    bits = trace.status_bits(first, last, calibrated=call.session.calibrated)
    return call.board.settings.format.encode_integers(bits)


def _uncertainty(call: Call) -> bytes:
    trace, first, last = _piece(call)
    return encoded_deviations(call, trace, first, last)


def _piece(call: Call) -> tuple[Trace, int, int]:
    """Return the trace and the points asked for, counted from 0, the last one not included."""
    first, count = (round(parse_number(parameter, PURE)) for parameter in call.exactly(2))
    trace = call.board.operations.trace
    if trace is None or not trace.points:
        raise call.board.operations.no_reading()
    if first < 1 or count < 1 or first - 1 + count > trace.points:
        raise ScpiFault(-222, f"points {first} to {first - 1 + count}; allowed: 1 to {trace.points}")
    return trace, first - 1, first - 1 + count


COMMANDS = (
    Command(header="TRACe:POINts:ACTual", query=_actual, group="SEQ"),
    Command(header="TRACe:DATA", query=_data, group="SEQ"),
    Command(header="TRACe:STATus", query=_status, group="SEQ"),
    Command(header="TRACe:UNCertainty", query=_uncertainty, group="SEQ, CAL"),
)
