"""Tables of a store's database, and the check that a file is one of ours, of a version that we read."""

from __future__ import annotations

import sqlite3

from crosscal.core.errors import StoreError, wanted

APPLICATION = 0x58434C53
"""Marks the database as ours (`PRAGMA application_id`): "XCLS"."""

SCHEMA_VERSION = 1  # of tables and columns (`PRAGMA user_version`)

_TABLES = """
CREATE TABLE calibrations (
    version INTEGER PRIMARY KEY AUTOINCREMENT, time_s REAL NOT NULL, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, meta TEXT NOT NULL, checksum TEXT NOT NULL);
CREATE TABLE activations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, time_s REAL NOT NULL,
    version INTEGER NOT NULL REFERENCES calibrations(version), reason TEXT NOT NULL,
    request INTEGER UNIQUE REFERENCES requests(number));
CREATE TABLE requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT, time_s REAL NOT NULL,
    version INTEGER NOT NULL REFERENCES calibrations(version));
CREATE TABLE sentinels (
    number INTEGER PRIMARY KEY AUTOINCREMENT, time_s REAL NOT NULL, version INTEGER NOT NULL,
    vectors INTEGER NOT NULL, columns INTEGER NOT NULL, residual BLOB NOT NULL, statistic REAL NOT NULL,
    nmse REAL, temperature_c REAL, alarm TEXT, data TEXT NOT NULL);
CREATE INDEX sentinels_by_time ON sentinels(time_s);
CREATE TABLE temperatures (time_s REAL NOT NULL, temperature_c REAL NOT NULL);
CREATE INDEX temperatures_by_time ON temperatures(time_s);
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, time_s REAL NOT NULL, kind TEXT NOT NULL,
    text TEXT NOT NULL, data TEXT NOT NULL);
"""

_APPEND_ONLY = ("calibrations", "activations", "requests", "events")


def create_tables(database: sqlite3.Connection) -> None:
    """Make an empty database ours, whole or not at all."""
    if database.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
        return
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    database.execute("PRAGMA journal_mode = WAL")
    guards = "".join(
        f"CREATE TRIGGER {table}_never_{verb.lower()} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'append-only'); END;\n"
        for table in _APPEND_ONLY
        for verb in ("UPDATE", "DELETE")
    )
    database.executescript(
        f"BEGIN IMMEDIATE;\n{_TABLES}{guards}PRAGMA application_id = {APPLICATION};\n"
        f"PRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
    )


def require_known(database: sqlite3.Connection, path: object) -> None:
    """Refuse a database of another program, or of a newer version.

    Raises:
        StoreError: saying which.
    """
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION:
        raise StoreError(
            wanted(
                got=f"a database in {path} that is no store of crosscal",
                allowed="a store that crosscal daemon made",
                remedy="give the folder named by `store` in daemon.toml",
            )
        )
    if version > SCHEMA_VERSION:
        raise StoreError(
            wanted(
                got=f"a store of version {version} in {path}",
                allowed=f"up to {SCHEMA_VERSION}",
                remedy="update crosscal, or give another folder",
            )
        )
