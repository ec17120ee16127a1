"""VISA resource locks: exclusive ones, and shared ones with a key."""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass, field

from pyvisa.constants import AccessModes


@dataclass(slots=True)
class ResourceLock:
    """Who holds one resource. A session may lock more than once and must unlock as often.

    Attributes:
        exclusive: exclusive locks by session; at most one session has any.
        shared: shared locks by session.
        key: of the sessions that share the lock, while any does.
    """

    exclusive: dict[int, int] = field(default_factory=dict)
    shared: dict[int, int] = field(default_factory=dict)
    key: str = ""

    def admits(self, session: int) -> bool:
        """Whether a session may use the resource now."""
        if self.exclusive:
            return session in self.exclusive
        return not self.shared or session in self.shared

    def take_exclusive(self, session: int) -> str | None:
        """Take or nest an exclusive lock; an exclusive lock has the empty key. None if that must wait."""
        if not self.admits(session):
            return None
        self.exclusive[session] = self.exclusive.get(session, 0) + 1
        return ""

    def take_shared(self, session: int, requested_key: str | None) -> str | None:
        """Take, nest or join a shared lock and return its key; None if that must wait."""
        if self.exclusive and session not in self.exclusive:
            return None
        if self.shared and session not in self.shared and requested_key != self.key:
            return None
        if not self.shared:
            self.key = requested_key or uuid.uuid4().hex
        self.shared[session] = self.shared.get(session, 0) + 1
        return self.key

    def release(self, session: int) -> bool:
        """Undo one of the session's locks, exclusive ones first; False if it holds none."""
        for held in (self.exclusive, self.shared):
            if session in held:
                held[session] -= 1
                if not held[session]:
                    del held[session]
                return True
        return False

    def forget(self, session: int) -> None:
        """Drop all locks of a session."""
        self.exclusive.pop(session, None)
        self.shared.pop(session, None)


class ResourceLocks:
    """The locks of all resources of a library; safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._locks: defaultdict[str, ResourceLock] = defaultdict(ResourceLock)

    def admits(self, resource: str, session: int) -> bool:
        """Whether a session may use a resource now."""
        with self._changed:
            return self._locks[resource].admits(session)

    def mode(self, resource: str) -> AccessModes:
        """How a resource is locked at present; an exclusive lock hides shared ones."""
        with self._changed:
            lock = self._locks[resource]
            if lock.exclusive:
                return AccessModes.exclusive_lock
            return AccessModes.shared_lock if lock.shared else AccessModes.no_lock

    def take(
        self,
        resource: str,
        session: int,
        *,
        exclusive: bool,
        requested_key: str | None,
        timeout_s: float | None,
    ) -> str | None:
        """Take a lock, waiting for it if need be, and return its key; None if the time was not enough."""
        key: str | None = None

        def taken() -> bool:
            nonlocal key
            lock = self._locks[resource]
            key = lock.take_exclusive(session) if exclusive else lock.take_shared(session, requested_key)
            return key is not None

        with self._changed:
            self._changed.wait_for(taken, timeout_s)
        return key

    def release(self, resource: str, session: int) -> bool:
        """Undo one of the session's locks; False if it holds none."""
        with self._changed:
            released = self._locks[resource].release(session)
            self._changed.notify_all()
            return released

    def forget(self, resource: str, session: int) -> None:
        """Drop all locks of a session that closes."""
        with self._changed:
            self._locks[resource].forget(session)
            self._changed.notify_all()
