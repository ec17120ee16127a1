"""The command table: one module per subsystem, each with its own `COMMANDS`."""

from crosscal.firmware_models.commands import (
    array_subsystem,
    calibration,
    common,
    diagnostic,
    format_subsystem,
    sense,
    simulation,
    source,
    status,
    system,
    trace,
    trigger,
)

COMMANDS = (
    *common.COMMANDS,
    *system.COMMANDS,
    *status.COMMANDS,
    *format_subsystem.COMMANDS,
    *array_subsystem.COMMANDS,
    *source.COMMANDS,
    *sense.COMMANDS,
    *trigger.COMMANDS,
    *trace.COMMANDS,
    *diagnostic.COMMANDS,
    *simulation.COMMANDS,
    *calibration.COMMANDS,
)

__all__ = ["COMMANDS"]
