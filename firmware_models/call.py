"""Call of a command handler: one unit being executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crosscal.firmware_models.program_message import Block
from crosscal.firmware_models.scpi_errors import ScpiFault

if TYPE_CHECKING:
    from crosscal.firmware_models.instrument import Instrument
    from crosscal.firmware_models.sessions.session import Session


class NotYet(Exception):
    """The unit cannot be executed before a trigger arrives: its link waits, the others go on."""


class Call(NamedTuple):
    """A unit with its board and its link.

    Attributes:
        board: the instrument.
        session: the link that it came over.
        parameters: as sent.
    """

    board: Instrument
    session: Session
    parameters: list[str | Block]

    def require_unlocked(self) -> None:
        """Refuse a command while another client holds the lock.

        Raises:
            ScpiFault: -221, the owner named.
        """
        owner = self.board.lock.owner
        if owner not in (None, self.session):
            raise ScpiFault(-221, f"locked by {owner.address}; ask SYSTem:LOCK:REQuest? until it answers 1")

    def only(self) -> str | Block:
        """Return the single parameter.

        Raises:
            ScpiFault: -109 none, -108 more than one.
        """
        return self.exactly(1)[0]

    def exactly(self, count: int) -> list[str | Block]:
        """Return all parameters, exactly `count` of them.

        Raises:
            ScpiFault: -109 fewer, -108 more.
        """
        got = len(self.parameters)
        if got != count:
            raise ScpiFault(-109 if got < count else -108, f"{got} parameters; allowed: {count}")
        return self.parameters

    def at_most(self, count: int) -> list[str | Block]:
        """Return all parameters, `count` of them at most.

        Raises:
            ScpiFault: -108 more.
        """
        if len(self.parameters) > count:
            raise ScpiFault(-108, f"{len(self.parameters)} parameters; allowed: at most {count}")
        return self.parameters
