"""Shutdown of boards with the program: at its normal end and after signals, never in a forked child.

A handler is installed only in the main thread, only for signals with their default action, and only while a
board is open. It runs the actions that are registered, restores the default and lets it follow.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger(__name__)

_NAMES = (
    *("SIGHUP", "SIGTERM", "SIGQUIT", "SIGBREAK", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF"),
    *("SIGXCPU", "SIGPOLL", "SIGPWR", "SIGSTKFLT"),
)
"""Signals that end a program by default. Ctrl-C is an exception in Python and needs no handler; SIGKILL can
not be caught; after SIGSEGV and its like no Python code can run."""


class Registration:
    """An action to run once, at the end of this process.

    Args:
        action: such as switching outputs off; errors in it are logged.
    """

    def __init__(self, action: Callable[[], object]) -> None:
        self._action: Callable[[], object] | None = action
        self._process = os.getpid()
        # Registered one by one: later ones run earlier, before those of the libraries that they need.
        atexit.register(self.run)
        _GUARD.add(self)

    def run(self) -> None:
        """Run the action, unless it has run, was cancelled, or belongs to the parent of a forked process."""
        action, self._action = self._action, None
        if action is None:
            return
        self._forget()
        if os.getpid() == self._process:
            action()

    def cancel(self) -> None:
        """Forget the action."""
        self._action = None
        self._forget()

    def _forget(self) -> None:
        atexit.unregister(self.run)
        _GUARD.remove(self)


class _SignalGuard:
    """Handlers of signals, while there is something to do for them."""

    def __init__(self) -> None:
        self._registrations: list[Registration] = []
        self._installed: list[int] = []

    def add(self, registration: Registration) -> None:
        self._registrations.append(registration)
        if not self._installed and _in_main_thread():
            self._install()

    def remove(self, registration: Registration) -> None:
        if registration in self._registrations:
            self._registrations.remove(registration)
        if not self._registrations and _in_main_thread():
            self.restore()

    def restore(self) -> None:
        """Bring default actions back where the handler is still this one."""
        for number in self._installed:
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, signal.SIG_DFL)
        self._installed.clear()

    def forget_parent(self) -> None:
        """Leave a forked child without registrations and handlers of its parent."""
        self._registrations.clear()
        if _in_main_thread():
            self.restore()

    def _install(self) -> None:
        for number in _signals():
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, self._on_signal)
                self._installed.append(number)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        for registration in list(reversed(self._registrations)):
            try:
                registration.run()
            except Exception as error:  # noqa: BLE001  (the others must run as well)
                logger.error("the end of the program by signal %d: %s", number, error)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _signals() -> list[int]:
    numbers = [int(getattr(signal, name)) for name in _NAMES if hasattr(signal, name)]
    if hasattr(signal, "SIGRTMIN"):
        numbers += range(signal.SIGRTMIN, signal.SIGRTMAX + 1)
    return numbers


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


_GUARD = _SignalGuard()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_GUARD.forget_parent)
