"""The store: one folder with a database in WAL mode and the files of all committed calibrations.

At any kill the last committed calibration is whole: its file is on the disk before the row that names it, and
the row before the commit returns. One process writes; any number read meanwhile.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from crosscal.core.errors import StoreError, wanted
from crosscal.runtime.store import queries
from crosscal.runtime.store.calibration_log import CalibrationLog
from crosscal.runtime.store.database import NAME, connect, explained, transaction
from crosscal.runtime.store.observation_log import ObservationLog
from crosscal.runtime.store.records import (
    RollbackRequest,
)
from crosscal.runtime.store.schema import create_tables, require_known
from crosscal.runtime.store.thinning import give_back_pages, thin
from crosscal.runtime.store.writer_lock import WriterLock

DEFAULT_LIMIT_BYTES = 4 << 30
"""Room for a thousand calibrations of some megabytes; sentinels take 27 MB a year."""


class Store(CalibrationLog, ObservationLog):
    """A store that is open; a context manager. Any thread may use it, one at a time.

    All times are seconds since 1970 in UTC and come from the caller's clock. They need not increase: records
    are in the order in which they were written.
    """

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


def _absent(folder: Path) -> StoreError:
    return StoreError(
        wanted(
            got=f"{folder}, where there is no store",
            allowed="a folder that crosscal daemon has written",
            remedy="give the folder named by `store` in daemon.toml",
        )
    )
