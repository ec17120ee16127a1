"""Records of a store, as they are read back; times are seconds since 1970 in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from crosscal.core.array_types import Float


def utc_text(time_s: float) -> str:
    """Write a time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationVersion:
    """A committed calibration; it is never changed and never removed.

    Attributes:
        version: counts from 1.
        time_s: of the commit.
        sha256: of the calibrator file, which is also its name.
        size_bytes: of the calibrator file.
        meta: plain JSON values that the writer gave: reason, target, errors before and after.
    """

    version: int
    time_s: float
    sha256: str
    size_bytes: int
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """A version that reads are calibrated with from then on.

    Attributes:
        time_s: when. version: which. reason: `commit` or `rollback`.
    """

    time_s: float
    version: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRequest:
    """A wish for an earlier version, which the daemon takes at its next check.

    Attributes:
        number: counts from 1. time_s: of the wish. version: to go back to.
    """

    number: int
    time_s: float
    version: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentinelRecord:
    """One reading of the sentinel vectors.

    Attributes:
        time_s: when. version: that was active.
        residual: whitened residuals, (S, M), NaN where a reading is missing; kept as float16.
        statistic: of the sequential test, relative to its threshold.
        nmse: error of the calibrated sentinel currents relative to the variance of ideal ones; None if
            not known.
        temperature_c: None where the board reports none.
        alarm: kind of the alarm that this reading raised; None if it raised none.
        data: further plain JSON values.
    """

    time_s: float
    version: int
    residual: Float[np.ndarray, "vectors columns"]
    statistic: float
    nmse: float | None = None
    temperature_c: float | None = None
    alarm: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """A temperature that the board reported."""

    time_s: float
    temperature_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A decision, an alarm, or a change of state.

    Attributes:
        time_s: when. kind: one word, such as `alarm`, `recalibration`, `state`.
        text: for people. data: for programs, plain JSON values.
    """

    time_s: float
    kind: str
    text: str
    data: Mapping[str, Any]
