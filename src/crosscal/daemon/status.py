"""Status of a daemon as other threads see it: a snapshot that is replaced, never changed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.hardware.calibrated_hardware import CalibratedHardware
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import DaemonSettings
from crosscal.daemon.states import State
from crosscal.daemon.upkeep.condition import Condition
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.runtime.recalibration.posterior import CELLS, GAIN

_ALIVE_S = 60.0
"""Longest silence that counts as alive: a board that answers nothing takes some timeouts of 5 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What there is to say at one moment.

    Attributes:
        document: answer of `/status`.
        metrics: numbers for `/metrics`, by name.
        drift_map: whitened residuals of the last sentinels, rms by column, (M,); None before the first.
        cell_map: relative change of each cell since it was programmed, (N, M), as recalibrations have learned
            it; None where they tell no cells apart.
        last_read_a: calibrated currents of the last vector read [A], (M,); None before the first.
    """

    document: Mapping[str, Any]
    metrics: Mapping[str, float]
    drift_map: np.ndarray | None = None
    cell_map: np.ndarray | None = None
    last_read_a: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        *,
        state: State,
        fault: str,
        settings: DaemonSettings,
        resource: str,
        upkeep: Upkeep,
        journal: Journal,
        hardware: CalibratedHardware | None,
        clients: int,
        clock: DaemonClock,
    ) -> Self:
        """Gather it; called by the board thread alone."""
        condition, finding, time = upkeep.condition, upkeep.latest, upkeep.board_time
        age_s = upkeep.age_s
        drift = {
            "statistic": None if finding is None else finding.statistic,
            "nmse": None if finding is None else finding.nmse,
            "kind": "" if finding is None else finding.alarm,
            "temperature_c": None if finding is None else finding.temperature_c,
            "next_in_s": max(0.0, upkeep.next_due_s - clock.monotonic()),
        }
        document = {
            "state": str(state),
            "fault": fault,
            "board": settings.board,
            "proxy": resource,
            "calibrator": settings.calibrator_path.name,
            "version": condition.version,
            "in_doubt": bool(condition.doubt),
            "doubt": condition.doubt,
            "age_s": age_s,
            "drift": drift,
            "alarms": [alarm.to_json() for alarm in journal.alarms],
            "clients": clients,
            "board_share": 0.0 if time is None else time.share_used,
        }
        metrics = {
            "reads": 0.0 if hardware is None else float(hardware.reads),
            "alarms": float(journal.raised),
            "clients": float(clients),
            "board_seconds": 0.0 if time is None else time.spent_s,
        }
        last = None if hardware is None else hardware.latest
        return cls(
            document=document,
            metrics=metrics,
            drift_map=None if finding is None else np.sqrt(np.nanmean(finding.residual**2, axis=0)),
            cell_map=_cell_map(condition),
            last_read_a=None
            if last is None or hardware is None
            else np.array(last.calibrated_a[-hardware.facts.columns :]),
        )


def _cell_map(condition: Condition) -> np.ndarray | None:
    posterior = None if condition.compiled is None else condition.compiled.programmed.posterior
    if posterior is None or not posterior.cells_known:
        return None
    return (posterior.mean[:, GAIN, None] + posterior.mean[:, CELLS:]).T


@dataclass(slots=True)
class StatusBoard:
    """Where the board thread leaves its snapshot for others."""

    _snapshot: Snapshot | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _beat_s: float = field(default=float("-inf"))
    history: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=1000))

    def show(self, snapshot: Snapshot) -> None:
        """Replace the snapshot."""
        with self._changed:
            self._snapshot = snapshot
            self._changed.notify_all()

    def wait_for(self, wish: Callable[[Snapshot], bool], timeout_s: float) -> Snapshot | None:
        """Wait for a snapshot that fulfils a wish; None if none came in time."""

        def fulfilled() -> bool:
            return self._snapshot is not None and wish(self._snapshot)

        with self._changed:
            return self._snapshot if self._changed.wait_for(fulfilled, timeout_s) else None

    def beat(self, now_s: float) -> None:
        """Note a sign of life of the board thread."""
        self._beat_s = now_s

    def alive(self, now_s: float) -> bool:
        """Whether the board thread gave a sign of life lately."""
        return now_s - self._beat_s <= _ALIVE_S

    @property
    def snapshot(self) -> Snapshot | None:
        """The latest; None before the first."""
        return self._snapshot
