"""Service requests by handler: a thread that waits for them and calls back, one for each session."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from crosscal.core.errors import BoardConnectionError
from crosscal.firmware_models.serving import BoardLink

logger = logging.getLogger(__name__)

LOOK_S = 0.2
"""How often a thread looks whether it should end: only closing a session waits for it."""


class RequestWatcher:
    """Waits for service requests of one link until it is stopped.

    Args:
        link: of the session.
        call: called for each request, in a thread of its own; errors of a handler are logged.
    """

    def __init__(self, link: BoardLink, call: Callable[[], object]) -> None:
        self._link = link
        self._call = call
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="crosscal-requests", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a handler may stop its own."""
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self._link.wait_for_request(LOOK_S):
                    continue
            except BoardConnectionError:
                return
            if self._stopping.is_set():
                return
            try:
                self._call()
            except Exception:
                logger.exception("a handler of service requests failed")
