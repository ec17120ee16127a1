"""PyVISA backend `@crosscal`: `pyvisa.ResourceManager("bench.toml@crosscal")`, or a profile's name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NoReturn, SupportsInt, TypeVar

from pyvisa import constants, rname
from pyvisa.constants import (
    AccessModes,
    BufferOperation,
    EventAttribute,
    EventMechanism,
    EventType,
    ResourceAttribute,
    StatusCode,
)
from pyvisa.errors import VisaIOError
from pyvisa.util import LibraryPath
from pyvisa_sim.highlevel import SimVisaLibrary

from crosscal.core.errors import BoardConnectionError, wanted
from crosscal.simulated_bench.building import build_bench
from crosscal.simulated_bench.instrument.powered_bench import PoweredBoard
from crosscal.simulated_bench.instrument.settings_source import SettingsSource
from crosscal.simulated_bench.instrument.visa_events import RequestWatcher
from crosscal.simulated_bench.instrument.visa_locks import ResourceLocks
from crosscal.simulated_bench.instrument.visa_resources import board_resources, canonical_case
from crosscal.simulated_bench.instrument.visa_sessions import SESSION_CLASSES, BoardSession, seconds

DEFAULT_BENCH = "lab-16x12"
"""What `@crosscal` alone opens."""

DISCARDS = (
    BufferOperation.discard_read_buffer
    | BufferOperation.discard_read_buffer_no_io
    | BufferOperation.discard_receive_buffer
    | BufferOperation.discard_receive_buffer2
)

T = TypeVar("T")


class CrosscalVisaLibrary(SimVisaLibrary):
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
        elif not isinstance(closed, _ServiceRequest) and not self.stays_on:
            # The resource manager: the board is switched off with it.
            self.board.switch_off()
        return StatusCode.success

    def read(self, session: Any, count: int) -> tuple[bytes, StatusCode]:
        """Read at most `count` bytes."""
        data, status = self._use(session, lambda opened: opened.read(count))
        return data, self._finish(session, status)

    def write(self, session: Any, data: bytes) -> tuple[int, StatusCode]:
        """Write bytes."""
        count, status = self._use(session, lambda opened: opened.write(data))
        return count, self._finish(session, status)

    def read_stb(self, session: Any) -> tuple[int, StatusCode]:
        """Poll the status byte."""
        value, status = self._use(session, lambda opened: opened.status_byte())
        return value, self._finish(session, status)

    def assert_trigger(self, session: Any, protocol: constants.TriggerProtocol) -> StatusCode:
        """Trigger the board; there is the one protocol."""
        if protocol != constants.TriggerProtocol.default:
            self._fail(session, StatusCode.error_invalid_protocol)
        return self._finish(session, self._use(session, lambda opened: opened.trigger()))

    def clear(self, session: Any) -> StatusCode:
        """Clear the device."""
        return self._finish(session, self._use(session, lambda opened: opened.clear()))

    def flush(self, session: Any, mask: BufferOperation) -> StatusCode:
        """Flush buffers: nothing waits to be written; a stream's received bytes can be discarded."""
        if mask & DISCARDS:
            self._use(session, lambda opened: opened.discard_received())
        return self._succeed(session, StatusCode.success)

    def lock(
        self, session: Any, lock_type: constants.Lock, timeout: int, requested_key: str | None = None
    ) -> tuple[str, StatusCode]:
        """Lock the resource for this session, or for those that give the same key."""
        opened = self._session(session)
        key = self._locks.take(
            opened.resource,
            session,
            exclusive=lock_type == constants.Lock.exclusive,
            requested_key=requested_key,
            timeout_s=seconds(timeout),
        )
        if key is None:
            self._fail(session, StatusCode.error_resource_locked)
        return key, self._succeed(session, StatusCode.success)

    def unlock(self, session: Any) -> StatusCode:
        """Undo the session's last lock."""
        if not self._locks.release(self._session(session).resource, session):
            self._fail(session, StatusCode.error_session_not_locked)
        return self._succeed(session, StatusCode.success)

    def enable_event(
        self, session: Any, event_type: EventType, mechanism: EventMechanism, context: None = None
    ) -> StatusCode:
        """Queue service requests for `wait_on_event`, or call the installed handlers."""
        del context
        opened = self._session(session)
        if event_type != EventType.service_request or not opened.message_based:
            self._fail(session, StatusCode.error_invalid_event)
        if mechanism == EventMechanism.handler:
            self._watch_requests(session, opened)
        elif mechanism == EventMechanism.queue:
            with self._table:
                self._events_on.add(session)
        else:
            self._fail(session, StatusCode.error_nonsupported_mechanism)
        return self._succeed(session, StatusCode.success)

    def _watch_requests(self, session: Any, opened: BoardSession) -> None:
        if not self.handlers[session]:
            self._fail(session, StatusCode.error_handler_not_installed)

        def call_handlers() -> None:
            for handler, user_handle, _, event_type in list(self.handlers[session]):
                with self._table:
                    event = self._register(_ServiceRequest())  # pyright: ignore[reportCallIssue,reportArgumentType]
                handler(session, event_type, event, user_handle)

        with self._table:
            if session not in self._watchers:
                self._watchers[session] = RequestWatcher(opened.link, call_handlers)

    def disable_event(self, session: Any, event_type: EventType, mechanism: EventMechanism) -> None:
        """Stop queueing service requests, or calling handlers."""
        if event_type not in (EventType.service_request, EventType.all_enabled):
            return
        if mechanism in (EventMechanism.queue, EventMechanism.all):
            with self._table:
                self._events_on.discard(session)
        if mechanism in (EventMechanism.handler, EventMechanism.all):
            self._stop_watching(session)

    def _stop_watching(self, session: Any) -> None:
        with self._table:
            watcher = self._watchers.pop(session, None)
        if watcher is not None:
            watcher.stop()

    def discard_events(self, session: Any, event_type: EventType, mechanism: EventMechanism) -> None:
        """Forget a service request that was not waited for."""
        del mechanism
        opened = self.sessions.get(session)
        known = event_type in (EventType.service_request, EventType.all_enabled)
        # PyVISA discards before it closes, also what is no session any more.
        if known and isinstance(opened, BoardSession):
            opened.link.forget_request()

    def wait_on_event(
        self, session: Any, in_event_type: EventType, timeout: int
    ) -> tuple[EventType, Any, StatusCode]:
        """Wait until the board requests service."""
        if session not in self._events_on:
            self._fail(session, StatusCode.error_not_enabled)
        if in_event_type not in (EventType.service_request, EventType.all_enabled):
            self._fail(session, StatusCode.error_invalid_event)
        if not self._use(session, lambda opened: opened.link.wait_for_request(seconds(timeout))):
            self._fail(session, StatusCode.error_timeout)
        with self._table:
            handle = self._register(_ServiceRequest())  # pyright: ignore[reportCallIssue,reportArgumentType]
        return EventType.service_request, handle, self._succeed(session, StatusCode.success)

    def install_handler(
        self, session: Any, event_type: EventType, handler: Any, user_handle: Any
    ) -> tuple[Any, Any, Any, StatusCode]:
        """Accept a handler of service requests; it is called once the event is enabled."""
        opened = self._session(session)
        if event_type != EventType.service_request or not opened.message_based:
            self._fail(session, StatusCode.error_invalid_event)
        return handler, user_handle, handler, self._succeed(session, StatusCode.success)

    def uninstall_handler(
        self, session: Any, event_type: EventType, handler: Any, user_handle: Any = None
    ) -> StatusCode:
        """Take a handler back; PyVISA has removed it from its list."""
        del event_type, handler, user_handle
        return self._succeed(session, StatusCode.success)

    def gpib_control_ren(self, session: Any, mode: constants.RENLineOperation) -> StatusCode:
        """Take the board to remote or local, without effect on it."""
        del mode
        self._session(session)
        return self._succeed(session, StatusCode.success)

    def get_attribute(self, session: Any, attribute: Any) -> tuple[Any, StatusCode]:
        """Answer an attribute of a session or an event."""
        opened = self.sessions.get(session)
        if attribute == ResourceAttribute.resource_lock_state and isinstance(opened, BoardSession):
            return self._locks.mode(opened.resource), self._succeed(session, StatusCode.success)
        value, status = super().get_attribute(session, attribute)
        return value, self._finish(session, status)

    def set_attribute(self, session: Any, attribute: Any, attribute_state: Any) -> StatusCode:
        """Set an attribute of a session."""
        return self._finish(session, super().set_attribute(session, attribute, attribute_state))

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

    def _session(self, session: Any) -> BoardSession:
        opened = self.sessions.get(session)
        if not isinstance(opened, BoardSession):
            self._fail(session, StatusCode.error_invalid_object)
        return opened

    def _use(self, session: Any, action: Callable[[BoardSession], T]) -> T:
        """Do something on a session that no other session's lock keeps out."""
        opened = self._session(session)
        if not self._locks.admits(opened.resource, session):
            self._fail(session, StatusCode.error_resource_locked)
        try:
            return action(opened)
        except BoardConnectionError as error:
            self._last_status_in_session[session] = StatusCode.error_connection_lost
            raise VisaIOError(StatusCode.error_connection_lost) from error

    def _finish(self, session: Any, status: StatusCode) -> StatusCode:
        if status < 0:
            self._fail(session, status)
        return self._succeed(session, status)

    def _succeed(self, session: Any, status: StatusCode) -> StatusCode:
        # Not through `handle_return_value`: it warns by a set that threads on one session would share.
        self._last_status = status
        self._last_status_in_session[session] = status
        return status

    def _fail(self, session: Any, status: StatusCode) -> NoReturn:
        self._last_status = status
        self._last_status_in_session[session] = status
        raise VisaIOError(status)


class _ServiceRequest:
    """A service request that was waited for."""

    def get_attribute(self, attribute: Any) -> tuple[Any, StatusCode]:
        if attribute == EventAttribute.event_type:
            return EventType.service_request, StatusCode.success
        return 0, StatusCode.error_nonsupported_attribute
