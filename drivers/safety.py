"""Outputs at 0 V after errors and at the end of a session."""

from __future__ import annotations

import logging

from crosscal.core.errors import BoardError
from crosscal.drivers.scpi.data_format import restore_format
from crosscal.drivers.scpi.session import Session, State

logger = logging.getLogger(__name__)

OUTPUT_OFF = b":OUTP OFF"


def switch_off(session: Session, *stop: bytes) -> None:
    """Bring the outputs to 0 V if the link still allows it; an earlier error takes precedence.

    A session that was closed has left its board at 0 V already.

    Args:
        session: the conversation.
        stop: units that stop a run that is under way.
    """
    if session.state is State.CLOSED:
        return
    try:
        session.exchange(*stop, OUTPUT_OFF)
    except BoardError as error:
        logger.error("%s: the outputs could not be set to 0 V: %s", session.resource, error)


def shut_down(session: Session, format_found: tuple[bytes, ...] = ()) -> None:
    """End a session with the outputs at 0 V; a link that is lost is not opened again for it.

    Args:
        session: the conversation.
        format_found: units that bring back the data format found at opening.
    """
    with session.lock:
        try:
            if session.state in (State.READY, State.OUT_OF_SYNC):
                switch_off(session)
            # A board that did not answer to that is not waited for once more.
            if session.state is State.READY:
                restore_format(session, format_found)
        finally:
            session.close()
