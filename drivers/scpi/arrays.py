"""Array transfer: format and data always in one message, and the format verified.

The format is the board's, shared by its clients. It is set in the message that asks, and asked for behind the
data: should another client have changed it between (a board may serve others while a query waits for a run to
end), the array is asked for again.
"""

from __future__ import annotations

import numpy as np

from crosscal.core.errors import BoardError, wanted
from crosscal.drivers.scpi.format import block, excerpt, garbled, read_block, read_status, read_status_block
from crosscal.drivers.scpi.message import is_query
from crosscal.drivers.scpi.reply import Block, Element, text_of
from crosscal.drivers.scpi.session import Session

BINARY = (b":FORM REAL,64", b":FORM:BORD SWAP")
_TEXT = b":FORM ASC"
_ASKED = (b":FORM?", b":FORM:BORD?")
_ATTEMPTS = 3
"""Another client may change the format between two messages once by chance; three times running, it goes
on."""


def array_command(header: bytes, values: np.ndarray) -> tuple[bytes, ...]:
    """Units that send an array in a format of our own choosing, whatever another client has set."""
    return (*BINARY, header + b" " + block(values))


def ask_array(session: Session, query: bytes, count: int, *, allowance_s: float = 0.0) -> np.ndarray:
    """Ask for an array.

    Args:
        session: the conversation.
        query: asks for the array.
        count: how many numbers it holds.
        allowance_s: time that the board needs beyond the transfer [s].

    Returns:
        The numbers, (count,), NaN where the board sent 9.91E37.

    Raises:
        BoardError: garbled, or another client keeps changing the format.
    """
    return read_array(_ask(session, (), query, (), count, allowance_s)[0], count)


def ask_readings(
    session: Session,
    query: bytes,
    status: bytes,
    count: int,
    *,
    before: tuple[bytes, ...],
    after: tuple[bytes, ...],
) -> tuple[np.ndarray, np.ndarray, list[Element]]:
    """Ask for currents and their status bits in one message.

    Status bits travel as text: two bytes each, where a block would take eight.

    Args:
        session: the conversation.
        query, status: ask for the currents and for their status bits.
        count: how many there are of each.
        before: queries to put in front.
        after: commands to put behind.

    Returns:
        Currents, (count,), NaN where the board sent 9.91E37; status bits, (count,); answers of `before`.
    """
    data, answers = _ask(session, (*before, _TEXT, status), query, after, count, 0.0)
    return read_array(data, count), read_status(text_of(answers.pop()), count), answers


def _ask(
    session: Session,
    before: tuple[bytes, ...],
    query: bytes,
    after: tuple[bytes, ...],
    count: int,
    allowance_s: float,
) -> tuple[Element, list[Element]]:
    """Return the array's answer and those of the queries before it."""
    units = (*before, *BINARY, query, *_ASKED, *after)
    leading = sum(map(is_query, before))
    for _ in range(_ATTEMPTS):
        answer = session.exchange(*units, numbers=count, allowance_s=allowance_s, repeatable=True)
        answers, (data, form, order) = list(answer.elements[:leading]), answer.elements[leading:]
        if text_of(form).replace(b" ", b"").upper() == b"REAL,64" and text_of(order).upper().startswith(
            b"SWAP"
        ):
            return data, answers
    raise BoardError(
        f"{session.resource}: "
        + wanted(
            got=f"another format {_ATTEMPTS} times, for another client keeps changing it",
            allowed="REAL,64 SWAPped",
            remedy="let one program at a time use the board",
        )
    )


def read_array(data: Element, count: int) -> np.ndarray:
    """Read an array that came as a block, NaN where the board sent 9.91E37."""
    return read_block(_payload(data, count), count)


def read_status_array(data: Element, count: int) -> np.ndarray:
    """Read status bits that came as a block."""
    return read_status_block(_payload(data, count), count)


def _payload(data: Element, count: int) -> bytes:
    if not isinstance(data, Block):
        raise garbled(got=excerpt(data), allowed=f"{count} numbers as a block")
    return data.payload
