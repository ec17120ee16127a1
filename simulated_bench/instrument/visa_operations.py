"""VISA operations on open sessions: transfers, locks, service requests, attributes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from pyvisa import constants
from pyvisa.constants import (
    BufferOperation,
    EventAttribute,
    EventMechanism,
    EventType,
    ResourceAttribute,
    StatusCode,
)
from pyvisa.errors import VisaIOError
from pyvisa_sim.highlevel import SimVisaLibrary

from crosscal.core.errors import BoardConnectionError
from crosscal.simulated_bench.instrument.visa_events import RequestWatcher
from crosscal.simulated_bench.instrument.visa_locks import ResourceLocks
from crosscal.simulated_bench.instrument.visa_sessions import BoardSession, seconds

DISCARDS = (
    BufferOperation.discard_read_buffer
    | BufferOperation.discard_read_buffer_no_io
    | BufferOperation.discard_receive_buffer
    | BufferOperation.discard_receive_buffer2
)

T = TypeVar("T")


class SessionLibrary(SimVisaLibrary):
    """Operations on sessions, whichever board is behind them; see `CrosscalVisaLibrary`."""

    _table: threading.RLock
    _locks: ResourceLocks
    _events_on: set[int]
    _watchers: dict[int, RequestWatcher]

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
                    event = self._register(ServiceRequest())  # pyright: ignore[reportCallIssue,reportArgumentType]
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
            handle = self._register(ServiceRequest())  # pyright: ignore[reportCallIssue,reportArgumentType]
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


class ServiceRequest:
    """A service request that was waited for."""

    def get_attribute(self, attribute: Any) -> tuple[Any, StatusCode]:
        if attribute == EventAttribute.event_type:
            return EventType.service_request, StatusCode.success
        return 0, StatusCode.error_nonsupported_attribute
