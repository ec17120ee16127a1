"""Connection to a store's database: how it is opened, and what its errors mean."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from crosscal.core.errors import CrosscalError, StoreError, StoreFullError, wanted

NAME = "history.sqlite"

_BUSY_S = 10.0
"""Longest wait for another process's write, which takes milliseconds."""

_JOURNAL_BYTES = 4 << 20  # SQLite writes the journal back after a thousand pages of 4 KiB: more need not stay

_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
"""An error when writing is a disk without room far more often than one that is broken."""


NO_ROOM_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Of the operating system, when a file is written."""


def connect(folder: Path, *, writable: bool) -> sqlite3.Connection:
    """Open the database of a store.

    Args:
        folder: the store.
        writable: whether to write; otherwise nothing of the store is changed, and its writer may go on.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    path = folder / NAME
    if writable:
        return _opened(
            str(path),
            "PRAGMA synchronous = NORMAL",
            "PRAGMA foreign_keys = ON",
            f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}",
            uri=False,
        )
    name = f"file:{quote(str(path.resolve()))}"
    try:
        return _read_only(f"{name}?mode=ro")
    except sqlite3.OperationalError:
        # In a folder that cannot be written, without a writer: then nothing changes under us either.
        if path.with_name(f"{NAME}-wal").exists() or not path.exists():
            raise
        return _read_only(f"{name}?immutable=1")


def _read_only(uri: str) -> sqlite3.Connection:
    return _opened(uri, "SELECT count(*) FROM sqlite_master", uri=True)


def _opened(name: str, *statements: str, uri: bool) -> sqlite3.Connection:
    """Connect and execute; a connection that fails there, since the file is none of SQLite's, is closed."""
    database = sqlite3.connect(name, uri=uri, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        for statement in statements:
            database.execute(statement).fetchall()
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn errors of the database into errors of the store.

    Raises:
        StoreFullError: there is no room; nothing of what was to be written is there.
        StoreError: it is damaged, or cannot be read or written.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code in _FULL:
            raise full(folder) from error
        primary = None if code is None else code & 0xFF
        if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _damaged(folder, error) from error
        raise StoreError(
            wanted(
                got=f"an error of the database in {folder} ({_line(error)})",
                allowed="a store that can be read, and written by its daemon",
                remedy="check the folder, its owner and its rights",
            )
        ) from error


@contextmanager
def whole_rows(folder: Path) -> Iterator[None]:
    """Turn errors of values that no row of ours has into errors of the store.

    Raises:
        StoreError: it is damaged.
    """
    try:
        yield
    except CrosscalError:
        raise
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> StoreError:
    return StoreError(
        wanted(
            got=f"a damaged database in {folder} ({_line(error)})",
            allowed="one that this program has written whole",
            remedy="restore the folder from a copy, or move it away and begin a new store",
        )
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def full(folder: Path, *, limit_bytes: int | None = None) -> StoreFullError:
    """Phrase a disk without room, or a store at its limit on size."""
    if limit_bytes is not None:
        return StoreFullError(
            wanted(
                got=f"a store in {folder} that would exceed its limit",
                allowed=f"{limit_bytes / 1e6:.0f} MB; nothing was written",
                remedy="raise the limit, or begin a new store",
            )
        )
    return StoreFullError(
        wanted(
            got=f"no room for the store in {folder}",
            allowed="a disk and a file size limit with room; nothing was written",
            remedy="free some space, or raise the limit (ulimit -f)",
        )
    )


@contextmanager
def on_disk(database: sqlite3.Connection) -> Iterator[None]:
    """Have what the block writes on the disk when it ends, also if the power fails.

    Other records are safe from a kill; a power cut may take the latest seconds of them.
    """
    database.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        database.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Write all of the block or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # After some errors SQLite has rolled back by itself.
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
