"""Data format found on a board, restored for the clients that use the board afterwards."""

from __future__ import annotations

import logging

from crosscal.core.errors import BoardError, ScpiError
from crosscal.drivers.scpi.reply import text_of
from crosscal.drivers.scpi.session import Session

logger = logging.getLogger(__name__)

_ASKED = (b":FORM?", b":FORM:BORD?")


def read_format(session: Session) -> tuple[bytes, ...]:
    """Return the units that restore the present data format; none from a board that does not tell it.

    Raises:
        BoardConnectionError: no answer.
        BoardError: a garbled one.
    """
    try:
        form, order = (text_of(element) for element in session.exchange(*_ASKED).elements)
    except ScpiError:
        return ()
    return b":FORM " + form, b":FORM:BORD " + order


def restore_format(session: Session, units: tuple[bytes, ...]) -> None:
    """Restore a format that `read_format` found, if it has changed; failing is no error."""
    try:
        if units and read_format(session) != units:
            session.exchange(*units)
    except BoardError as error:
        logger.warning("%s: the data format could not be restored: %s", session.resource, error)
