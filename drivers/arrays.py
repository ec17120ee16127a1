"""Arrays over the wire: format and data always in one message, and the format verified."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosscal.core.errors import BoardError
from crosscal.drivers.reply import Block, Element
from crosscal.drivers.scpi_format import block, read_block, read_list, read_status
from crosscal.drivers.session import Answer, Session

BINARY = (b":FORM REAL,64", b":FORM:BORD SWAP")
TEXT = b":FORM ASC"
_ASKED = (b":FORM?", b":FORM:BORD?")
_ATTEMPTS = 3


def array_command(header: bytes, values: np.ndarray) -> tuple[bytes, ...]:
    """Units that send an array in a format of our own choosing, whatever another client has set."""
    return (*BINARY, header + b" " + block(values))


def ask_array(
    session: Session,
    query: bytes,
    count: int,
    *,
    status: bytes | None = None,
    before: Sequence[bytes] = (),
    after: Sequence[bytes] = (),
    allowance_s: float = 0.0,
) -> tuple[np.ndarray, np.ndarray | None, Answer]:
    """Ask for an array, and with it for status bits and scalars, in one message.

    The format is the board's, shared by its clients. It is set in the message that asks, and asked for behind the
    data: should another client have changed it between (the board may serve others while it waits for a
    run to end), the array is asked for again. Status bits travel as text, two bytes each instead of eight.

    Args:
        session: the conversation.
        query: asks for the array.
        count: how many numbers it holds.
        status: asks for as many status bits; None for an array without.
        before, after: further units.
        allowance_s: what the board needs beyond the transfer [s].

    Returns:
        The numbers, (count,), NaN where the board sent 9.91E37; the status bits, (count,), or None; the answer, whose
        elements are those of `before` and `after` alone.
    """
    asked = (*before, *((TEXT, status) if status else ()), *BINARY, query, *_ASKED, *after)
    leading = sum(b"?" in unit for unit in before)
    for _ in range(_ATTEMPTS):
        answer = session.exchange(*asked, numbers=count, allowance_s=allowance_s, repeatable=True)
        elements = list(answer.elements)
        bits = elements.pop(leading) if status else None
        data, form, order = elements[leading : leading + 3]
        if _is_binary(form, order):
            del elements[leading : leading + 3]
            rest = Answer(elements=tuple(elements), earlier=answer.earlier, conditions=answer.conditions)
            return _numbers(data, count), None if bits is None else _status(bits, count), rest
    raise BoardError(
        f"{session.resource}: got another format than REAL,64 SWAPped {_ATTEMPTS} times; another client keeps "
        "changing it: let one program at a time use the board"
    )


def _is_binary(form: Element, order: Element) -> bool:
    return (
        isinstance(form, bytes)
        and form.replace(b" ", b"").upper() == b"REAL,64"
        and isinstance(order, bytes)
        and order.upper().startswith(b"SWAP")
    )


def _numbers(data: Element, count: int) -> np.ndarray:
    return read_block(data.payload, count) if isinstance(data, Block) else read_list(data, count)


def _status(bits: Element, count: int) -> np.ndarray:
    if isinstance(bits, Block):
        raise BoardError(
            "got a block for status bits asked for as text; another client changed the format: repeat"
        )
    return read_status(bits, count)
