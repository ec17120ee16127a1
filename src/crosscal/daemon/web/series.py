"""Recent history of a store for the page: error over time, alarms and recalibrations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from crosscal.core.errors import CrosscalError
from crosscal.runtime.store import Store

_POINTS = 500  # of a curve: as many as a picture of its width shows
_EVENTS = 100  # of each kind, marked in it
_SHOWN = ("alarm", "recalibration", "drift", "rollback")


def series(store: Path) -> dict[str, Any]:
    """Read the latest sentinels and events; empty where the store cannot be read."""
    try:
        with Store.read_only(store) as opened:
            sentinels = opened.sentinels(latest=_POINTS)
            events = [event for kind in _SHOWN for event in opened.events(kind=kind, latest=_EVENTS)]
    except CrosscalError as error:
        return {"error": [], "events": [], "problem": str(error)}
    return {
        "error": [
            [record.time_s, record.nmse, record.statistic]
            for record in sentinels
            if record.nmse is not None and math.isfinite(record.nmse)
        ],
        "events": [
            {"time_s": event.time_s, "kind": event.kind, "text": event.text}
            for event in sorted(events, key=lambda event: event.time_s)
        ],
    }
