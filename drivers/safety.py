"""Outputs at 0 V after errors and at the end of a session."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from crosscal.core.errors import BoardError, InputError, ScpiError
from crosscal.core.shutdown import Registration
from crosscal.drivers.reservation import Reservation
from crosscal.drivers.scpi.data_format import restore_format
from crosscal.drivers.scpi.session import Session, State

logger = logging.getLogger(__name__)

OUTPUT_OFF = b":OUTP OFF"


def switch_off(session: Session, reservation: Reservation, *stop: bytes) -> None:
    """Bring the outputs to 0 V if the link still allows it; an earlier error takes precedence.

    A session that was closed has left its board at 0 V already. While another client holds the board, its
    outputs and runs are left alone.

    Args:
        session: the conversation.
        reservation: turns of the clients.
        stop: units that stop a run that is under way.
    """
    if session.state is State.CLOSED:
        return
    try:
        if reservation.belongs_to_another():
            logger.info("%s: another client uses the board and its outputs", session.resource)
        else:
            session.exchange(*stop, OUTPUT_OFF, *(() if reservation.held else reservation.release_units))
    except BoardError as error:
        logger.error("%s: the outputs could not be set to 0 V: %s", session.resource, error)


@contextmanager
def safely(session: Session, reservation: Reservation, *stop: bytes) -> Iterator[None]:
    """Hold the board for a block; on an error stop its run and leave the outputs at 0 V.

    Args:
        session: the conversation.
        reservation: turns of the clients.
        stop: units that stop the run of the block.
    """
    with session.lock:
        session.stop_units = stop
        try:
            with reservation.hold():
                yield
        except InputError:
            # Found before anything was sent: nothing changes.
            raise
        except ScpiError:
            # Nothing of ours was started, and what may be under way is another client's.
            switch_off(session, reservation)
            raise
        except BaseException:
            switch_off(session, reservation, *stop)
            raise
        finally:
            session.stop_units = ()


class Ending:
    """The end of a session with the program, whatever other threads do."""

    def __init__(self, session: Session, shut_down: Callable[[], object]) -> None:
        self._session = session
        self._shut_down = shut_down

    def __call__(self) -> None:
        self._session.take_over()
        self._shut_down()


def shut_down(
    session: Session, reservation: Reservation, format_found: tuple[bytes, ...], at_end: list[Registration]
) -> None:
    """End a session with the outputs at 0 V; a link that is lost is not opened again for it.

    In a forked child nothing is done: board and link are its parent's.

    Args:
        session: the conversation.
        reservation: turns of the clients.
        format_found: units that bring back the data format found at opening.
        at_end: registrations that are needed no more.
    """
    for registration in at_end:
        registration.cancel()
    if session.inherited:
        return
    with session.lock:
        try:
            if session.state in (State.READY, State.OUT_OF_SYNC):
                switch_off(session, reservation, *session.stop_units)
            # A board that did not answer to that is not waited for once more.
            if session.state is State.READY and not reservation.belongs_to_another():
                restore_format(session, format_found)
        finally:
            session.close()
