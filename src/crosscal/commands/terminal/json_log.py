"""Log on standard error as one JSON object a line, for journals that machines read."""

from __future__ import annotations

import json
import logging
import sys

from crosscal.runtime.store.records import utc_text


def start_json_log() -> None:
    """Print what crosscal logs, transitions and graver, as JSON; of other libraries, warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    crosscal = logging.getLogger("crosscal")
    crosscal.setLevel(min(logging.INFO, crosscal.getEffectiveLevel()))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": utc_text(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)
