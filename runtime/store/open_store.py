"""An open store: its database, its lock, and threads that take turns."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from crosscal.core.errors import StoreError, wanted
from crosscal.runtime.store import queries
from crosscal.runtime.store.calibration_files import CalibrationFiles
from crosscal.runtime.store.database import explained, full, whole_rows
from crosscal.runtime.store.noise_file import NoiseFile
from crosscal.runtime.store.writer_lock import WriterLock


class OpenStore:
    """A store that is open; a context manager. Any thread may use it, one at a time."""

    def __init__(
        self, folder: Path, database: sqlite3.Connection, lock: WriterLock | None, limit_bytes: int
    ) -> None:
        self._folder, self._database, self._lock = folder, database, lock
        self._files, self._limit_bytes = CalibrationFiles(folder), limit_bytes
        self._noise = NoiseFile(folder)
        self._turn = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and let another process write."""
        with self._turn:
            self._database.close()
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder

    @property
    def size_bytes(self) -> int:
        """Database and files together."""
        with self._reading():
            return queries.size_bytes(self._database) + self._files.size_bytes + self._noise.size_bytes

    def _require_room(self, more_bytes: int) -> None:
        if self.size_bytes + more_bytes > self._limit_bytes:
            raise full(self._folder, limit_bytes=self._limit_bytes)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._turn, explained(self._folder), whole_rows(self._folder):
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._lock is None:
            raise StoreError(
                wanted(
                    got=f"a write to {self._folder}, which is open to look at",
                    allowed="writing by Store.open alone",
                    remedy="let the daemon write",
                )
            )
        with self._turn, explained(self._folder):
            yield
