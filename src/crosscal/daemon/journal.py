"""Journal of a daemon: the store, the alarms, and what a full disk does to neither reads nor calibration."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crosscal.core.array_types import Matrix
from crosscal.core.errors import CrosscalError
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.upkeep.compiled import digest_of
from crosscal.daemon.upkeep.watch.finding import Finding
from crosscal.runtime.drift.memory import MonitorMemory
from crosscal.runtime.store import SentinelRecord, Store
from crosscal.runtime.store.records import utc_text

logger = logging.getLogger(__name__)

_ALARMS_SHOWN = 20  # the latest; the store has all
_QUIET_S = 3600.0
"""The same alarm is raised again only after an hour: what has been said need not be said every minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedAlarm:
    """An alarm as status and page show it.

    Attributes:
        time_s: seconds since 1970. kind: a few words. text: for people.
    """

    time_s: float
    kind: str
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"time": utc_text(self.time_s), "kind": self.kind, "text": self.text}


class Journal:
    """Writes to the store and raises alarms; a store that fails is an alarm itself, and nothing stops.

    Args:
        store: open for writing.
        clock: time.
        command: gets each alarm as plain JSON values, and returns at once.
        board: resource name, for the alarms.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: DaemonClock,
        command: Callable[[Mapping[str, Any]], None] = lambda _: None,
        board: str = "",
    ) -> None:
        self.alarms: deque[RaisedAlarm] = deque(maxlen=_ALARMS_SHOWN)
        self.raised = 0
        self.command = command
        self._store = store
        self._clock = clock
        self._board = board
        self._said_at_s: dict[str, float] = {}

    # Calibrations

    def calibration(self, content: bytes) -> tuple[bytes, int | None]:
        """Give the current calibrator file and its version; `content` and None before the first commit.

        Raises:
            StoreError: it is damaged.
        """
        current = self._store.current()
        if current is None:
            return content, None
        return self._store.calibration(current.version), current.version

    def facts(self, version: int) -> Mapping[str, Any]:
        """Facts that a version was committed with.

        Raises:
            StoreError: its row is damaged.
        """
        return self._store.version(version).meta

    def commit(self, content: bytes, facts: Mapping[str, Any]) -> int | None:
        """Commit a calibration; None if the store does not take it, which is an alarm."""
        try:
            return self._store.commit_calibration(content, facts, time_s=self._clock.utc())
        except (CrosscalError, OSError) as error:
            self._failed(error)
            return None

    def take_rollback(self) -> int | None:
        """Take a user's wish for an earlier version, if there is one; return the version."""
        try:
            request = self._store.pending_rollback()
            if request is None:
                return None
            self._store.take_rollback(request, time_s=self._clock.utc())
        except (CrosscalError, OSError) as error:
            self.alarm("rollback", f"the version that was asked for cannot be used: {error}")
            return None
        self.event("rollback", f"went back to version {request.version}", {"version": request.version})
        return request.version

    # Records

    def sentinel(self, finding: Finding, version: int | None) -> None:
        """Record a reading of the sentinels."""
        self._tried(
            lambda: self._store.record_sentinel(
                SentinelRecord(
                    time_s=self._clock.utc(),
                    version=version or 0,
                    residual=finding.residual,
                    statistic=finding.statistic,
                    nmse=finding.nmse,
                    temperature_c=finding.temperature_c,
                    alarm=finding.alarm or None,
                    data=finding.data,
                )
            )
        )
        if finding.temperature_c is not None:
            temperature_c = finding.temperature_c
            self._tried(lambda: self._store.record_temperature(temperature_c, time_s=self._clock.utc()))

    def keep_noise(self, target_s: Matrix, memory: MonitorMemory) -> None:
        """Keep what was learned of the noise of a matrix [S], (N, M)."""
        self._tried(lambda: self._store.keep_noise(digest_of(target_s), memory.to_bytes()))

    def forget_noise(self) -> None:
        """Forget it: the cells were written anew."""
        self._tried(self._store.forget_noise)

    def noise(self, target_s: Matrix) -> MonitorMemory | None:
        """What was learned of the noise of this matrix [S], (N, M); None if nothing is kept."""
        try:
            content = self._store.noise(digest_of(target_s))
            return None if content is None else MonitorMemory.from_bytes(content)
        except (CrosscalError, OSError) as error:
            logger.warning("the noise of the board is learned anew: %s", error)
            return None

    def event(self, kind: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        """Record a decision or a change of state."""
        logger.info("%s: %s", kind, text)
        self._tried(lambda: self._store.record_event(kind, text, data, time_s=self._clock.utc()))

    def alarm(self, kind: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        """Raise an alarm: something needs a person."""
        now_s = self._clock.monotonic()
        said_at_s = self._said_at_s.get(kind)
        if said_at_s is not None and now_s - said_at_s < _QUIET_S:
            return
        self._said_at_s[kind] = now_s
        logger.error("alarm, %s: %s", kind, text)
        raised = RaisedAlarm(time_s=self._clock.utc(), kind=kind, text=text)
        self.alarms.append(raised)
        self.raised += 1
        self.command({**raised.to_json(), "board": self._board, "data": dict(data or {})})
        self._tried(
            lambda: self._store.record_event(
                "alarm", text, {"kind": kind, **(data or {})}, time_s=raised.time_s
            )
        )

    def latest_data(self, kind: str) -> Mapping[str, Any]:
        """Data of the latest event of a kind; empty if there is none, or if the store cannot be read."""
        try:
            found = self._store.events(kind=kind, latest=1)
        except (CrosscalError, OSError) as error:
            self._failed(error)
            return {}
        return found[0].data if found else {}

    def thin(self) -> None:
        """Thin old records out."""
        self._tried(lambda: self._store.thin(self._clock.utc()))

    def _tried(self, write: Callable[[], object]) -> None:
        try:
            write()
        except (CrosscalError, OSError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        now_s = self._clock.monotonic()
        said_at_s = self._said_at_s.get("store")
        if said_at_s is not None and now_s - said_at_s < _QUIET_S:
            return
        self._said_at_s["store"] = now_s
        text = f"the store takes nothing: {error}; reading goes on"
        logger.error("alarm, store: %s", text)
        raised = RaisedAlarm(time_s=self._clock.utc(), kind="store", text=text)
        self.alarms.append(raised)
        self.raised += 1
        self.command({**raised.to_json(), "board": self._board, "data": {}})
