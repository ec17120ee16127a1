"""Notice to people that kernels are being compiled, as on the first start on a machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PATIENCE_S = 2.0
"""Compilation that nobody is told of [s]: a few kernels of another type now and then. All of them take a
minute."""

TEXT = "compiling kernels: this happens once on a machine, and takes up to a minute …"


class CompileNotice:
    """Says once in a process that kernels are compiled, when that has taken a while.

    Attributes:
        tell: is given the text; None: nobody is told, as in scripts, where it is the script that speaks.
    """

    def __init__(self) -> None:
        self.tell: Callable[[str], object] | None = None
        self._spent_s = 0.0
        self._depth = 0
        self._began_s = 0.0
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def compilation_starts(self) -> None:
        """Begin to wait; compilations inside of another count once."""
        with self._lock:
            self._depth += 1
            if self._depth == 1 and self.tell is not None:
                self._began_s = time.monotonic()
                self._timer = threading.Timer(max(PATIENCE_S - self._spent_s, 0.0), self._say)
                self._timer.daemon = True
                self._timer.start()

    def compilation_ends(self) -> None:
        """Stop waiting."""
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._timer is not None:
                self._timer.cancel()
                self._timer = None
                self._spent_s += time.monotonic() - self._began_s

    def _say(self) -> None:
        with self._lock:
            tell, self.tell = self.tell, None
        if tell is not None:
            tell(TEXT)


NOTICE = CompileNotice()
"""The one of this process; `kernel_cache` tells it of every compilation, the command line sets `tell`."""
