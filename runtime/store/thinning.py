"""Thinning of old sentinel readings and temperatures: one an hour after a week, one a day after a quarter.

Readings that raised an alarm stay, as do all calibrations, decisions and alarms.
"""

from __future__ import annotations

import sqlite3

from crosscal.core.physical_constants import DAY_S, HOUR_S

_RULES = ((7 * DAY_S, HOUR_S), (90 * DAY_S, DAY_S))
"""(age, spacing): at one sentinel a minute, 8 vectors and 64 columns, a year then takes 27 MB."""

_PAGES_AT_ONCE = 512  # 2 MB: some milliseconds, between two wishes of a reader


def thin(database: sqlite3.Connection, now_s: float) -> int:
    """Remove what is older than the rules keep, inside a transaction; returns the number of rows removed.

    Args:
        database: writable.
        now_s: the present; a clock that runs ahead of the records removes nothing more than the latest
            record's own time allows.
    """
    removed = 0
    for table, kept in (("sentinels", "alarm IS NOT NULL"), ("temperatures", "0")):
        latest = database.execute(f"SELECT max(time_s) FROM {table}").fetchone()[0]
        if latest is None:
            continue
        for age_s, spacing_s in _RULES:
            before_s = min(now_s, latest) - age_s
            removed += database.execute(
                f"DELETE FROM {table} WHERE time_s < :before_s AND NOT ({kept}) AND rowid NOT IN "
                f"(SELECT min(rowid) FROM {table} WHERE time_s < :before_s "
                "GROUP BY CAST(time_s / :spacing_s AS INTEGER))",
                {"before_s": before_s, "spacing_s": spacing_s},
            ).rowcount
    return removed


def give_back_pages(database: sqlite3.Connection) -> None:
    """Shrink the file by what was removed, a few megabytes at a time, so that nobody waits long."""
    database.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
