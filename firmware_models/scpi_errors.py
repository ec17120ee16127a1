"""Errors of the contract: codes, texts, and the standard event that each sets."""

from __future__ import annotations

# Bits of the standard event status register (IEEE 488.2, 11.5.1).
OPERATION_COMPLETE = 1 << 0
QUERY_ERROR = 1 << 2
DEVICE_ERROR = 1 << 3
EXECUTION_ERROR = 1 << 4
COMMAND_ERROR = 1 << 5

# SCPI-1999, volume 2, 21.8.
QUEUE_OVERFLOW = -350
TEXTS = {
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -131: "Invalid suffix",
    -138: "Suffix not allowed",
    -161: "Invalid block data",
    -200: "Execution error",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -214: "Trigger deadlock",
    -221: "Settings conflict",
    -222: "Data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -240: "Hardware error",
    -310: "System error",
    -350: "Queue overflow",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
    101: "Compliance",
    102: "Sense saturated",
    103: "Over temperature",
    104: "Cell stuck",
    105: "Reading not calibrated",
}


class ScpiFault(Exception):
    """A unit of a message that cannot be executed.

    Args:
        code: a key of `TEXTS`.
        detail: got and allowed values; follows the text after a semicolon.
    """

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


def event_bit(code: int) -> int:
    """Return the standard event bit that an error sets (IEEE 488.2, 11.5.1; SCPI-1999, 21.8)."""
    if -199 <= code <= -100:
        return COMMAND_ERROR
    if -299 <= code <= -200:
        return EXECUTION_ERROR
    if -499 <= code <= -400:
        return QUERY_ERROR
    return DEVICE_ERROR
