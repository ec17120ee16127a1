"""Decisions of docs/remote_interface.md by number, and the place in a remark that names them."""

from __future__ import annotations

import re

DECISIONS = {
    1: "nominal conductance",
    2: "saturation",
    3: "asynchronous errors",
    4: "wrong lengths",
    5: "errors inside a message",
    6: "query errors",
    7: "triggers",
    8: "protection",
    9: "overlap",
    10: "ranges",
    11: "power-on and `*RST`",
    12: "trace",
    13: "seed",
    14: "header path",
    15: "suffixes",
    16: "blocks",
    17: "groups",
    18: "replies",
    19: "clients",
    20: "error texts",
    21: "rest",
    22: "streams have no device clear",
    23: "several clients",
    24: "tiles",
    25: "calibration on board",
}
"""Titles as the page has them."""

PAGE = "docs/remote_interface.md"

_NAMED = re.compile(r"\s*\(decisions? (\d+)[^)]*\)")
_SECTION = re.compile(r"\s*\(([A-Z][a-z ]+)\)")


def decision_of(*remarks: str) -> int | None:
    """Number of the decision that the first of some remarks names; None if none does."""
    for remark in remarks:
        if found := _NAMED.search(remark):
            return int(found[1])
    return None


def place_of(*remarks: str) -> str:
    """Place of the page that remarks refer to, for people."""
    number = decision_of(*remarks)
    if number is not None:
        return f"{PAGE}, decision {number} ({DECISIONS[number]})"
    section = next((found[1] for remark in remarks if (found := _SECTION.search(remark))), None)
    return f"{PAGE}, {section}" if section else PAGE


def plain(remark: str) -> str:
    """Leave out of a remark where it is decided."""
    return _SECTION.sub("", _NAMED.sub("", remark))
