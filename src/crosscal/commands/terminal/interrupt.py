"""Ctrl-C that cannot be lost.

Python drops an exception that is raised while a destructor or a weak reference's callback happens to run, a
KeyboardInterrupt too; in a long loop that is no rare place to be. So the signal is also remembered, and asked
for between steps. The signals to terminate and of a terminal that closes are taken as the same request: they
too must leave a board at 0 V.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a program by default; Windows has no SIGHUP."""


def interrupt_on_termination() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does: a board that was opened is closed."""
    for number in ENDING:
        # One that is ignored stays so: nohup ignores SIGHUP on purpose.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def keeping(notice: Callable[[], str | None]) -> Iterator[None]:
    """Leave a note about the work that is kept on an interrupt, for the last line of the command.

    Of nested ones the outermost has the word: it knows how to go on.

    Args:
        notice: gives the sentence, or None if nothing is kept.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        sentence = notice()
        if sentence is not None:
            interrupt.__notes__ = [sentence]
        raise


def kept_in(folder: Path, parts: str) -> str:
    """Phrase what an interrupted command leaves in a folder, such as `finished chips`."""
    return f"{parts} are kept in {folder}: the same command goes on from there"


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
    unraisable = sys.unraisablehook

    def on_lost(lost: sys.UnraisableHookArgs) -> None:
        # `check` raises it again: no traceback in the terminal tells of the place where it was lost.
        if not (requested.is_set() and lost.exc_type is KeyboardInterrupt):
            unraisable(lost)

    caught = [number for number in (signal.SIGINT, *ENDING) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in caught}
    sys.unraisablehook = on_lost
    try:
        yield check
    finally:
        sys.unraisablehook = unraisable
        for number, handler in before.items():
            signal.signal(number, handler)
