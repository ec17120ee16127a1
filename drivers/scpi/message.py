"""Message to a board: units between two queries of the error queue, encoded and decoded.

The first query finds errors older than the message: of the end of a run, or of another client. The second
finds those of the message itself. The first also makes sure that every message is answered, even one that the
board refuses to the last unit, so that a refusal never costs a timeout.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from crosscal.core.errors import BoardError, ScpiError, wanted
from crosscal.drivers.scpi.error_queue import (
    NO_ERROR,
    NO_RESULT,
    Condition,
    hardware_failure,
    looks_like_error_queue,
    read_error_queue,
)
from crosscal.drivers.scpi.format import excerpt
from crosscal.drivers.scpi.reply import Block, Element

logger = logging.getLogger(__name__)

ERRORS = b":SYST:ERR:ALL?"
MUST_BE_LAST = (b"*IDN?", b"*OPT?")
"""Their answers are of arbitrary text: IEEE 488.2, 8.7.1, lets no other query follow in the message."""
_MOST_SHOWN = 120  # characters of a message in an error: a line of a terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer of a board to one message.

    Attributes:
        elements: one per query, in order.
        earlier: conditions of runs, queued before the message (see `error_queue.ASYNCHRONOUS`).
        conditions: the same, queued while the message was carried out.
    """

    elements: tuple[Element, ...]
    earlier: tuple[Condition, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def require_no_failure(self, command: bytes) -> None:
        """Take a failure of the hardware for that of the command, which started no run.

        Raises:
            ScpiError: -240.
        """
        failure = hardware_failure(self.conditions)
        if failure is not None:
            raise ScpiError(failure.code, failure.text, command.decode("latin-1"))


@dataclass(frozen=True, slots=True)
class Message:
    """Commands and queries that travel together.

    Attributes:
        units: each with its full header.
        queries: number of them that are queries.
    """

    units: tuple[bytes, ...]
    queries: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "queries", sum([is_query(unit) for unit in self.units]))

    @property
    def asks_only(self) -> bool:
        """Whether all units are queries, so that the message may be sent again."""
        return self.queries == len(self.units)

    def encode(self) -> bytes:
        """Write the message with its queries of the error queue, without the newline."""
        last = () if self.units and self.units[-1].upper() in MUST_BE_LAST else (ERRORS,)
        return b";".join((ERRORS, *self.units, *last))

    def lacks_errors(self, reply: Sequence[Element]) -> bool:
        """Whether a reply does not end with the error queue, which must then be asked for.

        A syntax error discards the rest of a message, its last query included.
        """
        return len(reply) < 2 or not looks_like_error_queue(reply[-1])

    def decode(self, reply: Sequence[Element], *, resource: str) -> Answer:
        """Tell answers from errors, and errors of this message from others.

        Args:
            reply: elements of the reply, the error queue's answers first and last.
            resource: for messages.

        Raises:
            ScpiError: the board refused a unit; those before it were carried out.
            BoardError: a garbled reply.
        """
        answers = reply[1:-1]
        if reply[0] == reply[-1] == NO_ERROR and len(answers) == self.queries:
            return Answer(elements=tuple(answers))
        earlier, raised = _errors(reply[0]), _errors(reply[-1])
        for condition in earlier:
            if not condition.asynchronous:
                logger.warning("%s: %s was queued earlier or by another client", resource, condition)
        refused = [condition for condition in raised if not condition.asynchronous]
        failure = hardware_failure((*earlier, *raised))
        if failure and (refused[0].code in NO_RESULT if refused else len(answers) < self.queries):
            # The reason comes first; what is missing because of it comes after.
            refused.insert(0, failure)
        if refused:
            _raise_refusal(refused, str(self))
        if len(answers) != self.queries:
            raise BoardError(
                wanted(
                    got=f"{len(answers)} answers to {self.queries} queries in {self} from {resource}",
                    allowed="one answer to each query",
                    remedy="repeat the call: the reply was garbled on the way",
                )
            )
        return Answer(
            elements=tuple(answers), earlier=tuple(c for c in earlier if c.asynchronous), conditions=raised
        )

    def __str__(self) -> str:
        """Show the units shortened, and without binary data."""
        words = []
        for unit in self.units:
            header, block, _ = unit.partition(b" #")
            words.append(header.decode("latin-1") + (" <block>" if block else ""))
        text = ";".join(words)
        return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"


def is_query(unit: bytes) -> bool:
    """Whether a unit is to be answered."""
    mark = unit.find(b"?")
    return mark >= 0 and unit.find(b" ", 0, mark) < 0


def _raise_refusal(refused: list[Condition], message: str) -> None:
    error = ScpiError(refused[0].code, refused[0].text, message)
    for condition in refused[1:]:
        error.add_note(f"then {condition}")
    raise error


def _errors(element: Element) -> tuple[Condition, ...]:
    return read_error_queue(excerpt(element.payload).encode() if isinstance(element, Block) else element)
