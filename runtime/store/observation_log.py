"""Observations of a store: readings of sentinels, temperatures and events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from crosscal.core.array_types import Float
from crosscal.runtime.store import queries
from crosscal.runtime.store.open_store import OpenStore
from crosscal.runtime.store.records import (
    Event,
    SentinelRecord,
    Temperature,
)
from crosscal.runtime.store.row_values import json_text


class ObservationLog(OpenStore):
    """Readings of sentinels, temperatures and events, in the order in which they were written."""

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
                data=json_text(record.data),
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
                self._database, "events", time_s=time_s, kind=kind, text=text, data=json_text(data or {})
            )

    def record_temperature(self, temperature_c: float, *, time_s: float) -> None:
        """Append a temperature.

        Raises:
            StoreFullError: no room, or beyond the limit on size.
        """
        with self._writing():
            self._require_room(16)
            queries.insert(self._database, "temperatures", time_s=time_s, temperature_c=temperature_c)

    def keep_noise(self, matrix: str, content: bytes) -> None:
        """Keep what was learned of the board's noise, in place of what was kept before.

        Args:
            matrix: names the matrix that the board holds, in hexadecimal digits.
            content: for `noise` to return.

        Raises:
            StoreFullError: no room, or beyond the limit on size. StoreError: it cannot be written.
        """
        with self._writing():
            self._require_room(len(content))
            self._noise.write(matrix, content)

    def forget_noise(self) -> None:
        """Remove it.

        Raises:
            StoreError: it cannot be removed.
        """
        with self._writing():
            self._noise.remove()

    def noise(self, matrix: str) -> bytes | None:
        """What was kept of the noise of a board with this matrix; None if nothing was.

        Raises:
            StoreError: it is damaged.
        """
        with self._reading():
            return self._noise.read(matrix)

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
