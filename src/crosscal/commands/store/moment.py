"""Moments on the command line, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import click


class Moment(click.ParamType):
    """A moment in ISO 8601, seconds since 1970 within the command; without a zone it is UTC."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(
                f"got {value!r}; allowed: a moment such as 2026-11-30 or 2026-11-30T08:15:00Z, UTC unless it "
                "names another zone",
                param,
                ctx,
            )
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
