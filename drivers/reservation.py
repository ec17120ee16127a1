"""Turns of several clients at one board, and the proof that no other client changed it meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from crosscal.core.errors import BoardConnectionError, BoardError, DisturbedError, wanted
from crosscal.drivers.board_info import BoardInfo
from crosscal.drivers.scpi.polling import Clock
from crosscal.drivers.scpi.reply import text_of
from crosscal.drivers.scpi.session import Session, State

logger = logging.getLogger(__name__)

GROUP = "LOCK"
REQUEST, RELEASE, OWNER = b":SYST:LOCK:REQ?", b":SYST:LOCK:REL", b":SYST:LOCK:OWN?"
CHANGES = b":SYST:CHAN?"
WAIT_S = 60.0
"""How long a client waits for its turn [s]: as long as a lock outlives the silence of its owner."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5e-3, 0.25
"""A quarter of a second is short beside a matrix, and four queries a second are no load for a board."""


class Reservation:
    """The board's lock (group LOCK, decision 23); without the group, nothing is reserved.

    Args:
        session: the conversation.
        board: the board's facts.
        clock: clock and sleep.
        watched: reads target and settings, to compare them on boards without the group.
    """

    def __init__(
        self, session: Session, board: BoardInfo, clock: Clock, watched: Callable[[], dict[str, bytes]]
    ) -> None:
        self._session = session
        self._clock = clock
        self._watched = watched
        self._available = GROUP in board.capabilities
        self._depth = 0
        self._expected: dict[str, bytes] = {}
        self._watching = False

    @property
    def held(self) -> bool:
        """Whether this client holds the lock."""
        return self._depth > 0

    @contextmanager
    def hold(self, wait_s: float = WAIT_S) -> Iterator[None]:
        """Hold the lock, once it is free; may be nested.

        Raises:
            BoardConnectionError: another client held it for `wait_s`; the message names it.
        """
        if self._available and not self._depth:
            self._wait_for_turn(wait_s)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._available and not self._depth:
                self._release()

    @contextmanager
    def undisturbed(self) -> Iterator[Callable[[], None]]:
        """Watch the board for changes of target, cells, settings or vectors by other clients.

        Yields:
            A check to call within the block; it is called at its end.

        Raises:
            DisturbedError: another client changed the board since the last check.
        """
        self._expected = self._fingerprint()
        self._watching = True
        try:
            yield self._require_unchanged
        finally:
            self._watching = False
        self._require_unchanged()

    def _require_unchanged(self) -> None:
        found, expected = self._fingerprint(), self._expected
        names = [name for name in found if found[name] != expected.get(name)]
        self._expected = found
        if names:
            raise DisturbedError(
                wanted(
                    got=f"{self._session.resource} changed by another client: {', '.join(names)}",
                    allowed="one client at a time",
                    remedy="repeat the measurement, or end the other program",
                )
            )

    def expect(self, name: str, value: bytes) -> None:
        """Note a change of a setting, or of the target, that this client has made."""
        if not self._available:
            self._expected[name] = value

    def expect_present_state(self) -> None:
        """Note whatever this client's own command has changed."""
        if self._watching and not self._available:
            self._expected = self._watched()

    def belongs_to_another(self) -> bool:
        """Whether another client holds the lock, so that outputs and runs are its own; otherwise take it."""
        if not self._available or self._depth:
            return False
        return text_of(self._session.exchange(REQUEST).elements[0]) == b"0"

    @property
    def release_units(self) -> tuple[bytes, ...]:
        """Units that give the lock back at the end of a session."""
        return (RELEASE,) if self._available else ()

    def renew(self) -> None:
        """Take the lock again after a lost link, which ended it.

        Raises:
            BoardConnectionError: another client has taken it meanwhile.
        """
        if self._available and self._depth:
            self._wait_for_turn(WAIT_S)

    def _wait_for_turn(self, wait_s: float) -> None:
        began_s, pause_s = self._clock.now(), _FIRST_PAUSE_S
        while True:
            owner, granted = (text_of(e) for e in self._session.exchange(OWNER, REQUEST).elements)
            if granted == b"1":
                return
            name = owner.decode("latin-1")
            if self._clock.now() - began_s >= wait_s:
                raise BoardConnectionError(
                    wanted(
                        got=f"{self._session.resource} in use by {name} for {wait_s:.3g} s",
                        allowed="one client at a time",
                        remedy="wait until that program has ended, or end it",
                    )
                )
            if pause_s == _LONGEST_PAUSE_S:
                logger.info("%s: %s is using the board; waiting for a turn", self._session.resource, name)
            self._clock.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _release(self) -> None:
        # A lost link has ended the lock by itself.
        if self._session.state is State.READY:
            with suppress(BoardError):
                self._session.exchange(RELEASE)

    def _fingerprint(self) -> dict[str, bytes]:
        if self._available:
            return {CHANGES.decode(): text_of(self._session.exchange(CHANGES).elements[0])}
        return self._watched()
