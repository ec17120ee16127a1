"""PyVISA backend `@crosscal`: `pyvisa.ResourceManager("bench.toml@crosscal")`, or a profile's name."""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import Any, SupportsInt

from pyvisa import constants, rname
from pyvisa.constants import (
    AccessModes,
    StatusCode,
)
from pyvisa.errors import VisaIOError
from pyvisa.util import LibraryPath

from crosscal.core.errors import BoardConnectionError, wanted
from crosscal.simulated_bench.building import build_bench
from crosscal.simulated_bench.instrument.powered_bench import PoweredBoard
from crosscal.simulated_bench.instrument.settings_source import SettingsSource
from crosscal.simulated_bench.instrument.visa_events import RequestWatcher
from crosscal.simulated_bench.instrument.visa_locks import ResourceLocks
from crosscal.simulated_bench.instrument.visa_operations import ServiceRequest, SessionLibrary
from crosscal.simulated_bench.instrument.visa_resources import board_resources, canonical_case
from crosscal.simulated_bench.instrument.visa_sessions import SESSION_CLASSES, BoardSession

DEFAULT_BENCH = "lab-16x12"
"""What `@crosscal` alone opens."""


class CrosscalVisaLibrary(SessionLibrary):
    """A VISA library with one simulated board behind every resource name of its `[visa]` table.

    The board is switched on with the first resource manager and gone when that one is closed: the next finds
    a fresh board. So does the next session after the settings have changed, if no other is open. Every
    session has its own output queue; sessions may be used from several threads.

    Attributes:
        board: the board, for tests that look behind the instrument.
        stays_on: leave the board on when its resource manager is closed, for as long as this library lives.
    """

    board: PoweredBoard
    stays_on: bool

    @staticmethod
    def get_library_paths() -> tuple[LibraryPath]:
        """Name the bench that is used when none is."""
        return (LibraryPath(DEFAULT_BENCH),)

    @staticmethod
    def get_debug_info() -> dict[str, str]:
        """Return the lines that `pyvisa-info` prints."""
        return {"Version": version("crosscal")}

    def _init(self) -> None:
        self._table = threading.RLock()
        self.stays_on = False
        self.sessions: dict[Any, Any] = {}
        self._source = SettingsSource(str(self.library_path))
        self._power_on()

    def _power_on(self) -> None:
        settings = self._source.load()
        self._resources = board_resources(settings, origin=str(self._source))
        self._locks = ResourceLocks()
        self._events_on: set[int] = set()
        self._watchers: dict[int, RequestWatcher] = {}
        self.board = PoweredBoard(build_bench(settings))
        self._fresh = True

    def _follow_settings(self) -> None:
        """Switch a fresh board on if its settings have changed: an old truth is never answered in silence.

        Raises:
            SettingsError: the file is gone, or can no longer be read.
            BoardConnectionError: it has changed while sessions are open on the board.
        """
        with self._table:
            if not self._source.changed():
                return
            if any(isinstance(opened, BoardSession) for opened in self.sessions.values()):
                raise BoardConnectionError(
                    wanted(
                        got=f"{self._source}, changed since its board was switched on",
                        allowed="one board at a time for one file",
                        remedy="close every board and session that is open on it, then open it again",
                    )
                )
            self._power_on()
            self._fresh = False

    def open_default_resource_manager(self) -> tuple[Any, StatusCode]:
        """Switch the board on, and open the resource manager."""
        if not (self._fresh or self.stays_on):
            self.sessions = {}
            self._power_on()
        self._fresh = False
        return super().open_default_resource_manager()

    def list_resources(self, session: Any, query: str = "?*::INSTR") -> tuple[str, ...]:
        """List the board's resource names that match a VISA regular expression."""
        self._follow_settings()
        found = rname.filter(self._resources, query)
        if not found:
            self._fail(session, StatusCode.error_resource_not_found)
        return tuple(found)

    def open(
        self,
        session: Any,
        resource_name: str,
        access_mode: AccessModes = AccessModes.no_lock,
        open_timeout: SupportsInt = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[Any, StatusCode]:
        """Open a session on one of the board's resource names; any other is an error at once."""
        self._follow_settings()
        name = self._resource(session, resource_name)
        parsed = rname.parse_resource_name(name)
        opened = SESSION_CLASSES[(parsed.interface_type_const, parsed.resource_class)](session, name, parsed)
        opened.connect(self.board)
        with self._table:
            handle = self._register(opened)
        if access_mode != AccessModes.no_lock:
            kind = (
                constants.Lock.exclusive
                if access_mode & AccessModes.exclusive_lock
                else constants.Lock.shared
            )
            try:
                self.lock(handle, kind, int(open_timeout), None)
            except VisaIOError:
                self.close(handle)
                raise
        return handle, self._succeed(handle, StatusCode.success)

    def close(self, session: Any) -> StatusCode:
        """Close a session, an event, or the resource manager."""
        self._stop_watching(session)
        with self._table:
            closed = self.sessions.pop(session, None)
            self._events_on.discard(session)
            self._last_status_in_session.pop(session, None)
        if closed is None:
            return StatusCode.error_invalid_object
        if isinstance(closed, BoardSession):
            self._locks.forget(closed.resource, session)
            closed.link.close()
        elif not isinstance(closed, ServiceRequest) and not self.stays_on:
            # The resource manager: the board is switched off with it.
            self.board.switch_off()
        return StatusCode.success

    def parse_resource_extended(self, session: Any, resource_name: str) -> tuple[Any, StatusCode]:
        """Parse a resource name, whatever its case."""
        return super().parse_resource_extended(session, canonical_case(resource_name))

    def _resource(self, session: Any, resource_name: str) -> str:
        """Find the canonical name of one of the board's resources, whatever its case."""
        try:
            wanted_name = str(rname.parse_resource_name(canonical_case(resource_name))).casefold()
        except rname.InvalidResourceName:
            self._fail(session, StatusCode.error_invalid_resource_name)
        found = next((name for name in self._resources if name.casefold() == wanted_name), None)
        if found is None:
            self._fail(session, StatusCode.error_resource_not_found)
        return found
