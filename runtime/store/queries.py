"""Queries of a store's database."""

from __future__ import annotations

import sqlite3
from typing import Any


def insert(database: sqlite3.Connection, table: str, **values: Any) -> int:
    """Append a row and give its number."""
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))
    return int(cursor.lastrowid or 0)


def rows(database: sqlite3.Connection, table: str, names: str = "*") -> list[dict[str, Any]]:
    """All rows of a table, oldest first."""
    return _dicts(database.execute(f"SELECT {names} FROM {table} ORDER BY rowid"))


def calibration_row(database: sqlite3.Connection, version: int) -> dict[str, Any] | None:
    """Row of a version; None if there is none."""
    found = _dicts(database.execute("SELECT * FROM calibrations WHERE version = ?", (version,)))
    return found[0] if found else None


def current_version(database: sqlite3.Connection) -> int | None:
    """Version of the latest activation; None before the first."""
    found = database.execute("SELECT version FROM activations ORDER BY number DESC LIMIT 1").fetchone()
    return None if found is None else int(found[0])


def pending_request(database: sqlite3.Connection) -> dict[str, Any] | None:
    """Latest request newer than all that were taken; None if there is none."""
    found = _dicts(
        database.execute(
            "SELECT number, time_s, version FROM requests WHERE number > "
            "(SELECT coalesce(max(request), 0) FROM activations) ORDER BY number DESC LIMIT 1"
        )
    )
    return found[0] if found else None


def span(
    database: sqlite3.Connection,
    table: str,
    since_s: float | None,
    until_s: float | None,
    latest: int | None,
    kind: str | None = None,
) -> list[dict[str, Any]]:
    """Rows of a span of time in the order they were written; the latest few, or one kind, if asked."""
    wishes: list[tuple[str, Any]] = [("time_s >= ?", since_s), ("time_s <= ?", until_s), ("kind = ?", kind)]
    chosen = [(clause, value) for clause, value in wishes if value is not None]
    where = " AND ".join(clause for clause, _ in chosen) or "1"
    limit = -1 if latest is None else latest
    found = _dicts(
        database.execute(
            f"SELECT * FROM {table} WHERE {where} ORDER BY rowid DESC LIMIT ?",
            (*(value for _, value in chosen), limit),
        )
    )
    return found[::-1]


def count(database: sqlite3.Connection, table: str) -> int:
    """Number of rows."""
    return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def size_bytes(database: sqlite3.Connection) -> int:
    """Size of the database."""
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    page_bytes = database.execute("PRAGMA page_size").fetchone()[0]
    return int(pages * page_bytes)


def _dicts(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
