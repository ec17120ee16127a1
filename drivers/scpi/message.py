"""The form of every message: units between two queries of the error queue, and what its answer means.

What the first query finds is older than the message: the end of a run, or another client's. What the second
finds belongs to the message. The first also makes sure that every message is answered, even one that the
board refuses to the last unit, so that a refusal never costs a timeout.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from crosscal.core.errors import BoardError, ScpiError
from crosscal.drivers.scpi.error_queue import Condition, looks_like_error_queue, read_error_queue
from crosscal.drivers.scpi.format import excerpt
from crosscal.drivers.scpi.reply import Block, Element

logger = logging.getLogger(__name__)

ERRORS = b":SYST:ERR:ALL?"
MUST_BE_LAST = (b"*IDN?", b"*OPT?")
"""Their answers are of arbitrary text: IEEE 488.2, 8.7.1, lets no other query follow in the message."""
_MOST_SHOWN = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one message.

    Attributes:
        elements: one per query, in order.
        earlier: what a run had queued before the message (see `error_queue.ASYNCHRONOUS`).
        conditions: the same, queued while the message was carried out.
    """

    elements: tuple[Element, ...]
    earlier: tuple[Condition, ...] = ()
    conditions: tuple[Condition, ...] = ()


def is_query(unit: bytes) -> bool:
    """Whether a unit is to be answered."""
    return b"?" in unit.split(b" ", 1)[0]


def wrapped(units: tuple[bytes, ...]) -> bytes:
    """The message that carries units, without its newline."""
    last = () if units and units[-1].upper() in MUST_BE_LAST else (ERRORS,)
    return b";".join((ERRORS, *units, *last))


def unwrapped(
    resource: str, units: tuple[bytes, ...], elements: list[Element], ask_errors: Callable[[], list[Element]]
) -> Answer:
    """Tell answers from errors, and this message's errors from others.

    Args:
        resource: for messages.
        units: what was sent.
        elements: the whole reply.
        ask_errors: asks for the error queue alone.

    Raises:
        ScpiError: the board refused a unit; those before it were carried out.
        BoardError: a garbled reply.
    """
    earlier = read_error_queue(_text(elements[0]))
    for condition in earlier:
        if not condition.asynchronous:
            logger.warning(
                "%s: %s stood in the error queue from before or of another client", resource, condition
            )
    answers = elements[1:]
    if answers and looks_like_error_queue(answers[-1]):
        raised = read_error_queue(_text(answers.pop()))
    else:
        # A syntax error discards the rest of a message, its last query included.
        raised = read_error_queue(_text(ask_errors()[0]))
    refused = [condition for condition in raised if not condition.asynchronous]
    if refused:
        error = ScpiError(refused[0].code, refused[0].text, shown(units))
        for condition in refused[1:]:
            error.add_note(f"then {condition}")
        raise error
    queries = sum(map(is_query, units))
    if len(answers) != queries:
        raise BoardError(
            f"{resource}: got {len(answers)} answers to {queries} queries in {shown(units)}; the reply was "
            "garbled on the way: repeat the call"
        )
    return Answer(
        elements=tuple(answers), earlier=tuple(c for c in earlier if c.asynchronous), conditions=raised
    )


def shown(units: tuple[bytes, ...]) -> str:
    """Units as an error may show them: shortened, and without binary data."""
    words = []
    for unit in units:
        header, block, _ = unit.partition(b" #")
        words.append(header.decode("latin-1") + (" <block>" if block else ""))
    text = ";".join(words)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"


def _text(element: Element) -> bytes:
    return excerpt(element.payload).encode() if isinstance(element, Block) else element
