"""Values of rows: facts as JSON, and the checksum that a row of a calibration carries."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from crosscal.core.errors import InputError


def checksum(*facts: Any) -> str:
    """Return the SHA-256 of a row's facts, as hexadecimal digits."""
    return hashlib.sha256(json_text(facts).encode()).hexdigest()


def json_text(value: Any) -> str:
    """Write plain values as JSON, keys in order.

    Raises:
        InputError: values that are none of JSON.
    """
    try:
        return json.dumps(value, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"got facts that are no JSON ({error}); allowed: finite plain values") from error
