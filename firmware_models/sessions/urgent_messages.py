"""Messages that a link hears while a query of its own waits for a trigger (decision 22)."""

from __future__ import annotations

from crosscal.firmware_models.header_tree import Command, HeaderTree
from crosscal.firmware_models.program_message import Block, units
from crosscal.firmware_models.scpi_errors import ScpiFault

_MOST_BYTES = 200
"""Longer messages hold arrays; the longest that consists of urgent commands alone has some 60."""


def urgent_units(tree: HeaderTree, message: bytes) -> list[tuple[Command, list[str | Block]]]:
    """Parse a message that consists of urgent commands alone; none of any other."""
    if len(message) > _MOST_BYTES:
        return []
    found, node = [], ""
    try:
        for unit in units(message):
            command, node = tree.resolve(unit, node)
            if unit.query or command.urgent is None or not command.urgent(unit.parameters):
                return []
            found.append((command, unit.parameters))
    except ScpiFault:
        return []
    return found
