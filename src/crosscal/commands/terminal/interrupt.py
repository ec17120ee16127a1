"""Ctrl-C that cannot be lost.

Python drops an exception that is raised while a destructor or a weak reference's callback happens to run, a
KeyboardInterrupt too; in a long loop that is no rare place to be. So the signal is also remembered, and asked
for between steps. The signal to terminate is taken as the same request: it too must leave a board at 0 V.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Yield a function to call between steps: it raises KeyboardInterrupt if one was asked for and lost."""
    requested = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        requested.set()
        raise KeyboardInterrupt

    def check() -> None:
        if requested.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        # Signals reach the main thread alone.
        yield check
        return
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
