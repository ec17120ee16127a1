"""A lab's board that one call holds at a time, and that is brought to 0 V when anything goes wrong."""

from __future__ import annotations

import functools
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from crosscal.core.errors import BoardConnectionError, BoardError, CrosscalError, wanted
from crosscal.core.shutdown import Registration


def resting_first(close: Callable[[Any], object]) -> Callable[[Any], None]:
    """Bring every line to 0 V before a lab's `close` lets go of the board; the second time does nothing."""

    @functools.wraps(close)
    def guarded(self: HeldBoard) -> None:
        if os.getpid() != self._process:
            # A forked child: the board, and its lines, are its parent's.
            return
        with self._lock:
            if self._closed:
                return
            if self._closing:
                close(self)
                return
            self._closing = True
            try:
                self.rest()
            finally:
                try:
                    close(self)
                finally:
                    self._closing, self._closed = False, True
                    self._on_close()

    return guarded


class HeldBoard(ABC):
    """A board that is driven by one thread at a time, in the process that opened it."""

    _lock: threading.RLock
    _closing: bool
    _closed: bool
    _process: int
    _on_close: Callable[[], object]

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """Allocate the state of the base, so that a lab's `__init__` need not call it."""
        self = super().__new__(cls)
        self._lock = threading.RLock()
        self._closing, self._closed = False, False
        self._process, self._on_close = os.getpid(), lambda: None
        return self

    @abstractmethod
    def rest(self) -> None:
        """Bring every line to 0 V; called often, and when anything has gone wrong."""

    @abstractmethod
    def close(self) -> None:
        """Bring every line to 0 V and let go of the board; closing twice is no error."""

    def close_with_program(self) -> None:
        """Close the board at the end of the program, also by a signal, if it is still open then."""
        self._on_close = Registration(self.close).cancel

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _driven(self, what: str) -> Iterator[None]:
        """Hold the board; on any exception bring its lines to 0 V, and say where the exception arose."""
        self._require_own_process()
        with self._lock:
            self._require_open()
            try:
                yield
            except CrosscalError:
                self.rest()
                raise
            except Exception as error:
                self.rest()
                raise BoardError(
                    f"{type(self).__name__}.{what} failed: {type(error).__name__}: {error}; the lines are at "
                    "0 V; mend the board or its class"
                ) from error
            except BaseException:
                self.rest()
                raise

    def _require_own_process(self) -> None:
        if os.getpid() != self._process:
            raise BoardConnectionError(
                wanted(
                    got=f"{self!r} opened by process {self._process}, used by its child {os.getpid()}",
                    allowed="the process that opened the board",
                    remedy="open the board in the process that uses it",
                )
            )

    def _require_open(self) -> None:
        if self._closed:
            raise BoardError(
                wanted(got=f"{self!r}, closed before", allowed="an open board", remedy="open it anew")
            )
