"""Calibrations of a store: commits, versions, and the one that reads are calibrated with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from crosscal.core.errors import InputError, StoreError, wanted
from crosscal.runtime.store import queries
from crosscal.runtime.store.database import on_disk, transaction
from crosscal.runtime.store.open_store import OpenStore
from crosscal.runtime.store.records import (
    Activation,
    CalibrationVersion,
    RollbackRequest,
)
from crosscal.runtime.store.row_values import checksum, json_text


class CalibrationLog(OpenStore):
    """Calibrations, of which the latest activated one is the current one."""

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
        text = json_text(meta)
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
                    checksum=checksum(time_s, sha256, len(content), text),
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
        if checksum(*facts) != row["checksum"]:
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
