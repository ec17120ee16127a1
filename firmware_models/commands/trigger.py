"""INITiate, ABORt, TRIGger, FETCh, READ, MEASure: acquisitions."""

from __future__ import annotations

from crosscal.firmware_models.acquisition import Trace
from crosscal.firmware_models.board_settings import BUS, EXTERNAL, IMMEDIATE
from crosscal.firmware_models.call import Call
from crosscal.firmware_models.choices import parse_choice, short_form
from crosscal.firmware_models.commands.calibration import encoded_deviations
from crosscal.firmware_models.header_tree import Command, bare
from crosscal.firmware_models.scpi_errors import ScpiFault


def _initiate(call: Call) -> None:
    call.at_most(0)
    settings = call.board.settings
    call.board.operations.initiate(
        settings.sequence_v or settings.voltage_v,
        call.session.status,
        auto_range=settings.auto_range,
        immediately=False,
        calibrated=call.session.calibrated,
    )


def _abort(call: Call) -> None:
    call.at_most(0)
    call.board.operations.abort()


def _set_source(call: Call) -> None:
    call.board.settings.trigger_source = parse_choice(call.only(), (IMMEDIATE, BUS, EXTERNAL))


def _source(call: Call) -> str:
    call.at_most(0)
    return short_form(call.board.settings.trigger_source)


def _fetch(call: Call) -> bytes:
    call.at_most(0)
    trace = _finished_trace(call)
    currents_a = trace.currents(trace.points - 1, trace.points, calibrated=call.session.calibrated)
    return call.board.settings.format.encode(currents_a)


def _fetch_status(call: Call) -> bytes:
    call.at_most(0)
    trace = _finished_trace(call)
    bits = trace.status_bits(trace.points - 1, trace.points, calibrated=call.session.calibrated)
    return call.board.settings.format.encode_integers(bits)


def _fetch_uncertainty(call: Call) -> bytes:
    call.at_most(0)
    trace = _finished_trace(call)
    return encoded_deviations(call, trace, trace.points - 1, trace.points)


def _read(call: Call) -> bytes:
    call.at_most(0)
    if call.board.settings.trigger_source != IMMEDIATE:
        raise ScpiFault(-214, "the trigger could never arrive; send INITiate, *TRG, FETCh?")
    call.board.operations.abort()
    _initiate(call)
    return _fetch(call)


def _measure(call: Call) -> bytes:
    """Range once, read the single vector whatever sequence is loaded, without waiting for a trigger."""
    call.at_most(0)
    call.board.operations.abort()
    call.board.operations.initiate(
        call.board.settings.voltage_v,
        call.session.status,
        auto_range=True,
        immediately=True,
        calibrated=call.session.calibrated,
    )
    return _fetch(call)


def _finished_trace(call: Call) -> Trace:
    if call.board.operations.waiting_for_trigger:
        raise ScpiFault(-214, "the acquisition waits for a trigger that this query would hold up")
    call.board.operations.complete()
    trace = call.board.operations.trace
    if call.board.operations.acquisition_failure or trace is None or not trace.points:
        raise call.board.operations.no_reading()
    return trace


COMMANDS = (
    Command(header="INITiate[:IMMediate]", set=_initiate, acts=True),
    Command(header="ABORt", set=_abort, acts=True, urgent=bare),
    Command(header="TRIGger:SOURce", set=_set_source, query=_source),
    Command(header="FETCh[:CURRent]", query=_fetch),
    Command(header="FETCh:STATus", query=_fetch_status),
    Command(header="FETCh:UNCertainty", query=_fetch_uncertainty, group="CAL"),
    Command(header="READ[:CURRent]", query=_read, reserved="Q", acts=True),
    Command(header="MEASure:CURRent", query=_measure, reserved="Q", acts=True),
)
