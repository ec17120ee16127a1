"""The data format that a board had before the driver came, for those who use the board after it."""

from __future__ import annotations

import logging

from crosscal.core.errors import BoardError, ScpiError
from crosscal.drivers.scpi.reply import text_of
from crosscal.drivers.scpi.session import Session

logger = logging.getLogger(__name__)

_ASKED = (b":FORM?", b":FORM:BORD?")


def read_format(session: Session) -> tuple[bytes, ...]:
    """The units that bring the present data format back; none from a board that does not tell it.

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
    """Bring a format back that `read_format` found, where it is another now; failing is no error."""
    try:
        if units and read_format(session) != units:
            session.exchange(*units)
    except BoardError as error:
        logger.warning("%s: the data format could not be restored: %s", session.resource, error)
