"""The store: one folder with a database in WAL mode and the files of all committed calibrations.

At any kill the last committed calibration is whole: its file is on the disk before the row that names it, and
the row before the commit returns. One process writes; any number read meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from crosscal.core.array_types import Float
from crosscal.core.errors import InputError, StoreError, wanted
from crosscal.runtime.store import queries
from crosscal.runtime.store.calibration_files import CalibrationFiles
from crosscal.runtime.store.database import NAME, connect, explained, full, on_disk, transaction
from crosscal.runtime.store.records import (
    Activation,
    CalibrationVersion,
    Event,
    RollbackRequest,
    SentinelRecord,
    Temperature,
)
from crosscal.runtime.store.schema import create_tables, require_known
from crosscal.runtime.store.thinning import give_back_pages, thin
from crosscal.runtime.store.writer_lock import WriterLock

DEFAULT_LIMIT_BYTES = 4 << 30
"""Room for a thousand calibrations of some megabytes; sentinels take 27 MB a year."""


class Store:
    """A store that is open; a context manager. Any thread may use it, one at a time.

    All times are seconds since 1970 in UTC and come from the caller's clock. They need not increase: records
    are in the order in which they were written.
    """

    def __init__(
        self, folder: Path, database: sqlite3.Connection, lock: WriterLock | None, limit_bytes: int
    ) -> None:
        self._folder, self._database, self._lock = folder, database, lock
        self._files, self._limit_bytes = CalibrationFiles(folder), limit_bytes
        self._turn = threading.RLock()

    @classmethod
    def open(
        cls, path: str | PathLike[str], *, create: bool = True, limit_bytes: int = DEFAULT_LIMIT_BYTES
    ) -> Store:
        """Open a store to write it; what a writer that was killed left half done is cleared away.

        Args:
            path: its folder.
            create: make a new one where there is none.
            limit_bytes: size of database and files together beyond which nothing more is written.

        Raises:
            StoreBusyError: another process is writing it.
            StoreError: it is damaged, of a newer version, not a store, or there is none.
            StoreFullError: no room to create it.
        """
        folder = Path(path)
        if not create and not (folder / NAME).exists():
            raise _absent(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = WriterLock(folder)
        except OSError as error:
            raise StoreError(
                f"got a store {folder} that cannot be opened ({error.strerror}); allowed: a folder that its "
                "daemon may write; check its owner and rights, or give another"
            ) from error
        store = None
        try:
            with explained(folder):
                store = cls(folder, connect(folder, writable=True), lock, limit_bytes)
                store._begin()
            return store
        except BaseException:
            if store is not None:
                store._database.close()
            lock.release()
            raise

    @classmethod
    def read_only(cls, path: str | PathLike[str]) -> Store:
        """Open a store to look at, also while its daemon writes it.

        Raises:
            StoreError: there is none, it is damaged, of a newer version, or not a store.
        """
        folder = Path(path)
        if not (folder / NAME).exists():
            raise _absent(folder)
        with explained(folder):
            database = connect(folder, writable=False)
            try:
                require_known(database, folder)
            except BaseException:
                database.close()
                raise
        return cls(folder, database, None, 0)

    @classmethod
    def request_rollback(cls, path: str | PathLike[str], version: int, *, time_s: float) -> RollbackRequest:
        """Ask the daemon of a store to go back to a version; needs no lock, and no daemon that runs.

        Raises:
            InputError: there is no such version.
            StoreError: the version's file is damaged, or as for `read_only`. StoreFullError: no room.
        """
        with cls.read_only(path) as store:
            store.calibration(version)
        folder = Path(path)
        with explained(folder):
            database = connect(folder, writable=True)
            try:
                with transaction(database):
                    number = queries.insert(database, "requests", time_s=time_s, version=version)
            finally:
                database.close()
        return RollbackRequest(number=number, time_s=time_s, version=version)

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

    # ── calibrations ──

    def commit_calibration(
        self, content: bytes, meta: Mapping[str, Any], *, time_s: float, activate: bool = True
    ) -> int:
        """Commit a calibration: when this returns it is on the disk, and it is the current one.

        Args:
            content: the calibrator file.
            meta: plain JSON values: reason, fingerprint of the target, errors before and after.
            time_s: the present.
            activate: make it the current one.

        Returns:
            Its version, from 1.

        Raises:
            StoreFullError: no room, or beyond the limit on size; the last commit stays the current one.
        """
        text = _json(meta)
        with self._writing():
            self._require_room(len(content) + len(text))
            sha256 = self._files.write(content)
            with on_disk(self._database), transaction(self._database):
                version = queries.insert(
                    self._database,
                    "calibrations",
                    time_s=time_s,
                    sha256=sha256,
                    size_bytes=len(content),
                    meta=text,
                    checksum=_checksum(time_s, sha256, len(content), text),
                )
                if activate:
                    queries.insert(
                        self._database, "activations", time_s=time_s, version=version, reason="commit"
                    )
            self._files.committed(sha256)
        return version

    def current(self) -> CalibrationVersion | None:
        """The version that reads are calibrated with; None before the first commit."""
        with self._reading():
            version = queries.current_version(self._database)
            return None if version is None else self._version(version)

    def version(self, version: int) -> CalibrationVersion:
        """A version's facts.

        Raises:
            InputError: there is no such version. StoreError: its row is damaged.
        """
        with self._reading():
            return self._version(version)

    def calibration(self, version: int) -> bytes:
        """A version's calibrator file, checked.

        Raises:
            InputError: there is no such version. StoreError: it is damaged.
        """
        return self._files.read(self.version(version).sha256)

    def versions(self) -> list[CalibrationVersion]:
        """All versions, oldest first."""
        with self._reading():
            return [self._checked(row) for row in queries.rows(self._database, "calibrations")]

    def activations(self) -> list[Activation]:
        """Which version was active from when on, oldest first."""
        with self._reading():
            return [
                Activation(time_s=row["time_s"], version=row["version"], reason=row["reason"])
                for row in queries.rows(self._database, "activations")
            ]

    def pending_rollback(self) -> RollbackRequest | None:
        """The latest request that was not taken yet, newer than any that was."""
        with self._reading():
            row = queries.pending_request(self._database)
            return None if row is None else RollbackRequest(**row)

    def take_rollback(self, request: RollbackRequest, *, time_s: float) -> None:
        """Make the requested version the current one.

        Raises:
            StoreError: its file is damaged; the current version stays.
        """
        self.calibration(request.version)
        with self._writing(), on_disk(self._database), transaction(self._database):
            queries.insert(
                self._database,
                "activations",
                time_s=time_s,
                version=request.version,
                reason="rollback",
                request=request.number,
            )

    # ── records ──

    def record_sentinel(self, record: SentinelRecord) -> None:
        """Append a reading of the sentinel vectors.

        Raises:
            StoreFullError: no room, or beyond the limit on size.
        """
        small = np.ascontiguousarray(np.clip(record.residual, -6e4, 6e4), dtype="<f2")
        with self._writing():
            self._require_room(small.nbytes)
            queries.insert(
                self._database,
                "sentinels",
                time_s=record.time_s,
                version=record.version,
                vectors=small.shape[0],
                columns=small.shape[1],
                residual=small.tobytes(),
                statistic=record.statistic,
                nmse=record.nmse,
                temperature_c=record.temperature_c,
                alarm=record.alarm,
                data=_json(record.data),
            )

    def record_event(
        self, kind: str, text: str, data: Mapping[str, Any] | None = None, *, time_s: float
    ) -> None:
        """Append a decision, an alarm or a change of state.

        Raises:
            StoreFullError: no room. The limit on size does not hold back events: alarms must get through.
        """
        with self._writing():
            queries.insert(
                self._database, "events", time_s=time_s, kind=kind, text=text, data=_json(data or {})
            )

    def record_temperature(self, temperature_c: float, *, time_s: float) -> None:
        """Append a temperature.

        Raises:
            StoreFullError: no room, or beyond the limit on size.
        """
        with self._writing():
            self._require_room(16)
            queries.insert(self._database, "temperatures", time_s=time_s, temperature_c=temperature_c)

    def sentinels(
        self, *, since_s: float | None = None, until_s: float | None = None, latest: int | None = None
    ) -> list[SentinelRecord]:
        """Readings of the sentinels of a span of time, oldest first; of them the latest few if asked."""
        with self._reading():
            found = queries.span(self._database, "sentinels", since_s, until_s, latest)
            return [_sentinel(row) for row in found]

    def temperatures(
        self, *, since_s: float | None = None, until_s: float | None = None
    ) -> list[Temperature]:
        """Temperatures of a span of time, oldest first."""
        with self._reading():
            found = queries.span(self._database, "temperatures", since_s, until_s, None)
            return [Temperature(time_s=row["time_s"], temperature_c=row["temperature_c"]) for row in found]

    def events(
        self,
        *,
        since_s: float | None = None,
        until_s: float | None = None,
        kind: str | None = None,
        latest: int | None = None,
    ) -> list[Event]:
        """Events of a span of time, oldest first; of one kind, or the latest few, if asked."""
        with self._reading():
            found = queries.span(self._database, "events", since_s, until_s, latest, kind)
            return [
                Event(time_s=row["time_s"], kind=row["kind"], text=row["text"], data=json.loads(row["data"]))
                for row in found
            ]

    # ── upkeep ──

    @property
    def size_bytes(self) -> int:
        """Database and calibrator files together."""
        with self._reading():
            return queries.size_bytes(self._database) + self._files.size_bytes

    def thin(self, now_s: float) -> int:
        """Thin out old sentinel readings and temperatures; returns how many were removed."""
        with self._writing():
            with transaction(self._database):
                removed = thin(self._database, now_s)
            give_back_pages(self._database)
        return removed

    def integrity(self) -> list[str]:
        """Check everything: the database's pages, every row's checksum, every calibrator file.

        Returns:
            Faults, a line each; empty if there is none.
        """
        with self._reading():
            problems = [row[0] for row in self._database.execute("PRAGMA integrity_check") if row[0] != "ok"]
            rows = queries.rows(self._database, "calibrations")
        for row in rows:
            try:
                self._files.read(self._checked(row).sha256)
            except StoreError as error:
                problems.append(str(error))
        return problems

    def _begin(self) -> None:
        create = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if create:
            create_tables(self._database)
        require_known(self._database, self._folder)
        damage = self._database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise StoreError(
                wanted(
                    got=f"a damaged database in {self._folder} ({' '.join(damage.split())})",
                    allowed="one that this program has written whole",
                    remedy="restore the folder from a copy, or move it away and begin a new store",
                )
            )
        self._files.create()
        self._files.remove_all_but(
            row["sha256"] for row in queries.rows(self._database, "calibrations", "sha256")
        )

    def _require_room(self, more_bytes: int) -> None:
        if self.size_bytes + more_bytes > self._limit_bytes:
            raise full(self._folder, limit_bytes=self._limit_bytes)

    def _version(self, version: int) -> CalibrationVersion:
        row = queries.calibration_row(self._database, version)
        if row is None:
            known = queries.count(self._database, "calibrations")
            raise InputError(
                wanted(
                    got=f"version {version}",
                    allowed=f"1 to {known}" if known else "none: nothing was committed yet",
                    remedy=f"see crosscal history {self._folder}",
                )
            )
        return self._checked(row)

    def _checked(self, row: Mapping[str, Any]) -> CalibrationVersion:
        facts = (row["time_s"], row["sha256"], row["size_bytes"], row["meta"])
        if _checksum(*facts) != row["checksum"]:
            raise StoreError(
                wanted(
                    got=f"version {row['version']} in {self._folder}, changed since it was committed",
                    allowed="rows as they were written",
                    remedy="restore the folder from a copy",
                )
            )
        time_s, sha256, size_bytes, meta = facts
        return CalibrationVersion(
            version=row["version"], time_s=time_s, sha256=sha256, size_bytes=size_bytes, meta=json.loads(meta)
        )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._turn, explained(self._folder):
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


def _absent(folder: Path) -> StoreError:
    return StoreError(
        wanted(
            got=f"{folder}, where there is no store",
            allowed="a folder that crosscal daemon has written",
            remedy="give the folder named by `store` in daemon.toml",
        )
    )


def _checksum(*facts: Any) -> str:
    return hashlib.sha256(_json(facts).encode()).hexdigest()


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"got facts that are no JSON ({error}); allowed: finite plain values") from error


def _sentinel(row: Mapping[str, Any]) -> SentinelRecord:
    residual = np.frombuffer(row["residual"], dtype="<f2").astype(np.float64)
    shaped: Float[np.ndarray, "vectors columns"] = residual.reshape(row["vectors"], row["columns"])
    return SentinelRecord(
        time_s=row["time_s"],
        version=row["version"],
        residual=shaped,
        statistic=row["statistic"],
        nmse=row["nmse"],
        temperature_c=row["temperature_c"],
        alarm=row["alarm"],
        data=json.loads(row["data"]),
    )
