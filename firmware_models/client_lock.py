"""Lock of the board by one client, and each client's count of changes by others (decision 23)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crosscal.firmware_models.numeric import Limits

if TYPE_CHECKING:
    from crosscal.firmware_models.sessions.session import Session

TIMEOUT_S = Limits(1.0, 86_400.0, 60.0)
"""Silence that ends a lock [s]: the power-on value is the contract's; at most a day."""


class ClientLock:
    """Reserves settings, programming and measuring for one client.

    Args:
        clock: monotonic time [s].
        busy: whether an operation is under way; the owner is not silent while it waits for one.

    Attributes:
        timeout_s: silence that ends a lock [s].
        number: of the latest lock; one that is renewed keeps it.
    """

    def __init__(self, clock: Callable[[], float], busy: Callable[[], bool]) -> None:
        self.timeout_s = TIMEOUT_S.default
        self.number = 0
        self._clock = clock
        self._busy = busy
        self._owner: Session | None = None
        self._heard_at_s = 0.0

    @property
    def owner(self) -> Session | None:
        """The client that holds the lock; None if it is free."""
        if self._owner is None:
            return None
        self.note_operation()
        if self._clock() - self._heard_at_s >= self.timeout_s:
            self._owner = None
        return self._owner

    def note_operation(self) -> None:
        """Count an operation under way as a sign of life of the owner, though nobody asks meanwhile."""
        if self._owner is not None and self._busy():
            self._heard_at_s = self._clock()

    def request(self, client: Session) -> bool:
        """Take the lock, or renew it; False while another client holds it."""
        if self.excludes(client):
            return False
        if self._owner is None:
            self.number += 1
        self._owner, self._heard_at_s = client, self._clock()
        return True

    def release(self, client: Session) -> None:
        """Give the lock back; nothing happens if another client holds it."""
        if self._owner is client:
            self._owner = None

    def excludes(self, client: Session) -> bool:
        """Whether another client holds the lock."""
        return self.owner not in (None, client)

    def hear(self, client: Session) -> None:
        """Note a sign of life."""
        if self.owner is client:
            self._heard_at_s = self._clock()


class ChangeCounts:
    """Counts of changes of the board: of all clients, and of each."""

    def __init__(self) -> None:
        self._total = 0
        self._own: dict[Session, int] = {}

    def note(self, client: Session) -> None:
        """Count a change that a client has made."""
        self._total += 1
        self._own[client] = self._own.get(client, 0) + 1

    def by_others(self, client: Session) -> int:
        """Count the changes since power-on that other clients have made."""
        return self._total - self._own.get(client, 0)

    def forget(self, client: Session) -> None:
        """Drop a client that left; its changes stay counted."""
        self._own.pop(client, None)
