"""Settings read again while the board is served."""

from __future__ import annotations

import logging
from pathlib import Path

from crosscal.core.errors import CrosscalError
from crosscal.daemon.alarms import AlarmCommand
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import DaemonSettings
from crosscal.daemon.upkeep.upkeep import Upkeep

logger = logging.getLogger(__name__)

_LASTING = ("board", "backend", "calibrator", "store", "proxy", "http")
"""Settings that a daemon keeps until it ends."""


def reload_settings(path: Path, known: DaemonSettings, upkeep: Upkeep, journal: Journal) -> None:
    """Take `[drift]` and `[alarm]` anew; settings that cannot be used change nothing, and raise an alarm.

    Args:
        path: of the settings. known: as the daemon began with them.
        upkeep, journal: get the new ones.
    """
    try:
        fresh = DaemonSettings.load(path)
    except CrosscalError as error:
        journal.alarm("settings", f"the settings stay as they were: {error}")
        return
    kept = [name for name in _LASTING if getattr(fresh, name) != getattr(known, name)]
    if kept:
        logger.warning("restart the daemon to change %s", ", ".join(kept))
    upkeep.settings = fresh.drift
    command = journal.command
    journal.command = AlarmCommand(fresh.alarm.command)
    if isinstance(command, AlarmCommand):
        command.finish(0.0)
    journal.event("settings", "the settings were read again")
