"""Finding of a reading of the sentinels, for decisions, people and the store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from crosscal.runtime.drift import Diagnosis, SentinelReading


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """Result of a reading of the sentinels.

    Attributes:
        residual: whitened, (S, M); NaN where a reading is missing.
        statistic: of the test, relative to its threshold.
        nmse: error of calibrated sentinel currents relative to the variance of ideal ones.
        temperature_c: None without a thermometer.
        alarm: kind of change that noise does not explain; empty if there is none.
        text: for people, of what asks for a recalibration; empty if nothing does.
        data: plain JSON values.
        diagnosis: of an alarm that asks for a recalibration; None without one.
    """

    residual: np.ndarray
    statistic: float
    nmse: float | None
    temperature_c: float | None
    alarm: str = ""
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None

    @classmethod
    def of(
        cls,
        reading: SentinelReading,
        *,
        worse: str,
        diagnosis: Diagnosis | None,
        tolerable: bool,
        temperature_c: float | None,
    ) -> Self:
        """Put together the evidence of a reading.

        Args:
            reading: as the monitor took it.
            worse: for people, of an error that has grown; empty if it has not.
            diagnosis: of the monitor's alarm; None without one.
            tolerable: whether the change found has not made the error larger.
            temperature_c: None without a thermometer.
        """
        return cls(
            residual=reading.z,
            statistic=reading.statistic,
            nmse=_finite(reading.nmse),
            temperature_c=temperature_c,
            alarm="" if diagnosis is None else str(diagnosis.change),
            text=worse if diagnosis is None or tolerable else _described(diagnosis),
            data=_data(reading, diagnosis),
            diagnosis=None if tolerable else diagnosis,
        )


def _described(diagnosis: Diagnosis) -> str:
    lines = {1: "{0}", 2: "row {0}, column {1}"}.get(len(diagnosis.where), "")
    place = lines.format(*(index + 1 for index in diagnosis.where))
    where = f" {place}" if place else ""
    return f"{diagnosis.change}{where} changed by {100 * diagnosis.size:.2g} %"


def _data(reading: SentinelReading, diagnosis: Diagnosis | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "gain_change": _finite(reading.gain_change),
        "relative_change": _finite(reading.relative_change),
    }
    if diagnosis is not None:
        data |= {
            "change": str(diagnosis.change),
            "where": [index + 1 for index in diagnosis.where],
            "size": _finite(diagnosis.size),
            "probability": _finite(diagnosis.probability),
        }
    return data


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
