"""Lookup of commands by header: exactly the short or the long form of each node."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from crosscal.firmware_models.scpi_errors import ScpiFault

if TYPE_CHECKING:
    from crosscal.firmware_models.call import Call
    from crosscal.firmware_models.program_message import Block, Unit

_NODE = re.compile(r"\[:?(?P<optional>\w+):?\]|:?(?P<required>\*?\w+)")

Handler = Callable[["Call"], "bytes | str | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line of the command table.

    Attributes:
        header: as the standard writes it: short form in capitals, optional nodes in brackets.
        set: handler of the command; None if it can only be asked.
        query: handler of the query; None if it cannot be asked.
        group: optional group that it belongs to, or several, `SEQ, CAL`, of which it needs all.
        reserved: forms that another client's lock refuses, out of `S` (set) and `Q` (query).
        acts: whether each execution is a change to other clients, with any settings.
        urgent: whether a link hears it, with these parameters, while a query waits for a trigger.
    """

    header: str
    set: Handler | None = None
    query: Handler | None = None
    group: str | None = None
    reserved: str = "S"
    acts: bool = False
    urgent: Callable[[list[str | Block]], bool] | None = None

    def handler(self, *, query: bool) -> Handler | None:
        """Handler of one form; None if there is no such form."""
        return self.query if query else self.set


def absolute_header(unit: Unit, node: str) -> tuple[str, str]:
    """Return the absolute header of a unit, and the node that is current after it; common ones leave it."""
    if unit.header.startswith("*"):
        return unit.header, node
    if unit.header.startswith(":"):
        path = unit.header[1:]
    else:
        path = f"{node}:{unit.header}" if node else unit.header
    return path, path.rpartition(":")[0]


def bare(parameters: list[str | Block]) -> bool:
    """Say that a command is urgent without parameters: with any, it is an error that can wait."""
    return not parameters


class HeaderTree:
    """All spellings of all commands that a board has.

    Args:
        commands: the command table.
        groups: optional groups present.
    """

    def __init__(self, commands: Iterable[Command], groups: Iterable[str]) -> None:
        present = set(groups)
        self._commands: dict[str, Command] = {}
        for command in commands:
            if command.group is None or present.issuperset(command.group.split(", ")):
                for spelling in spellings(command.header):
                    self._commands[spelling] = command
        self._found: dict[tuple[str, bool, str], tuple[Command, str]] = {}

    def resolve(self, unit: Unit, node: str) -> tuple[Command, str]:
        """Find the command of a unit, and the node that is current after it.

        Args:
            unit: one unit.
            node: that is current before it.

        Raises:
            ScpiFault: -113, no such command, or it has no such form.
        """
        asked = unit.header, unit.query, node
        found = self._found.get(asked)
        if found is None:
            path, after = absolute_header(unit, node)
            found = self.find(path, query=unit.query), after
            # As many at most as there are spellings and nodes: what is not found is not kept.
            self._found[asked] = found
        return found

    def find(self, path: str, *, query: bool) -> Command:
        """Find the command of an absolute header in capitals, without leading colon and question mark.

        Raises:
            ScpiFault: -113, no such command, or it has no such form.
        """
        command = self._commands.get(path)
        if command is None or command.handler(query=query) is None:
            raise ScpiFault(-113, path + ("?" if query else ""))
        return command


def spellings(header: str) -> list[str]:
    """List all spellings of a header: `CURRent[:LEVel]` → CURR, CURRENT, CURR:LEV, CURR:LEVEL, …"""
    choices: list[tuple[str, ...]] = []
    for node in _NODE.finditer(header):
        name = node["optional"] or node["required"]
        forms = {"".join(c for c in name if not c.islower()), name.upper()}
        choices.append((*forms, "") if node["optional"] else tuple(forms))
    return [":".join(filter(None, nodes)) for nodes in product(*choices)]
