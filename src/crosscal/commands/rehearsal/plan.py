"""Plan of a rehearsal, and the figures that come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.network.fingerprint import fingerprint
from crosscal.daemon.settings import Drift
from crosscal.simulated_bench import load_settings

ORACLE, DAEMON, BETWEEN, ONCE, NONE = "oracle", "daemon", "between", "once", "none"
INTERVAL, THRESHOLD = "interval", "threshold"


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalPlan:
    """A rehearsal.

    Attributes:
        bench: profile or bench.toml.
        calibrator: file trained for it.
        duration_s: of the month [s].
        reads: scored reads in it.
        swing_c: amplitude of the daily swing of temperature [°C].
        drift: settings of the daemon.
        seed: of matrix and vectors.
    """

    bench: str
    calibrator: Path
    duration_s: float
    reads: int
    swing_c: float
    drift: Drift
    seed: int

    @property
    def times_s(self) -> np.ndarray:
        """Times of the scored reads [s]."""
        return np.linspace(0.0, self.duration_s, self.reads + 1)[1:]

    @property
    def fingerprint(self) -> str:
        """Tells rehearsals of other boards, calibrators or settings apart."""
        run = self.duration_s, self.reads, self.swing_c, self.drift, self.seed
        return fingerprint(board_fingerprint(self.bench), run, self.calibrator)[:16]


def board_fingerprint(bench: str) -> str:
    """Tell boards apart by all their settings: a file may have changed since its name was last used."""
    return fingerprint(load_settings(bench))


@dataclass(slots=True)
class Figures:
    """Results of a part of a rehearsal, or of all of it.

    Attributes:
        nmse: errors of the scored reads, by policy.
        board_share: of board time, by policy that uses some.
        counts: recalibrations, sentinels, alarms, bytes of the store, and vectors, of the daemon.
    """

    nmse: dict[str, list[float]] = field(default_factory=dict)
    board_share: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, policy: str, error: float) -> None:
        """Note the error of a scored read."""
        self.nmse.setdefault(policy, []).append(error)

    def mean(self, policy: str) -> float:
        """Time-averaged error."""
        return float(np.mean(self.nmse[policy]))

    def join(self, part: Figures) -> None:
        """Add another part's figures."""
        self.nmse |= part.nmse
        self.board_share |= part.board_share
        self.counts |= part.counts

    def to_json(self) -> dict[str, Any]:
        """Return all as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Figures:
        """Read what `to_json` gave."""
        return cls(**{name: dict(document[name]) for name in ("nmse", "board_share", "counts")})
