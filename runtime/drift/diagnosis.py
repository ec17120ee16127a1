"""Diagnosis of a change: Bayesian comparison of its kinds by the residuals of known vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.runtime.drift.hypotheses import Evidence
from crosscal.runtime.drift.prediction import Prediction
from crosscal.runtime.programmed import ProgrammedCalibrator


class Change(StrEnum):
    """Kind of a change; remedies differ."""

    NOTHING = "nothing"
    GAIN = "gain"
    TEMPERATURE = "temperature"
    OFFSETS = "offsets"
    RELAXATION = "relaxation"
    COLUMN = "column"
    ROW = "row"
    CELL = "cell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The most probable kind of change.

    Attributes:
        change: its kind.
        where: the row, the column, or both, counted from 0; empty for a change of the whole array.
        size: relative change; of offsets, relative to full scale.
        probability: of this kind, among all.
        probabilities: of every kind.
    """

    change: Change
    where: tuple[int, ...]
    size: float
    probability: float
    probabilities: Mapping[Change, float]


def diagnose(
    programmed: ProgrammedCalibrator,
    voltage_v: Vectors,
    current_a: Currents,
    *,
    usable: np.ndarray | None = None,
    temperature_change_c: float | None = None,
    temperature_slope: tuple[float, float] = (0.0, 3e-3),
) -> Diagnosis:
    """Name the change since a calibrator was made.

    Args:
        programmed: the calibrator, as it was before the change.
        voltage_v: known inputs [V], (K, N); 8 tell kinds apart, a single cell takes about as many as it has
            rows.
        current_a: measured currents [A], (K, M), not calibrated.
        usable: False for a saturated or faulty reading, (K, M).
        temperature_change_c: since the calibration; None where the board reports none.
        temperature_slope: relative change of currents per degree and its standard deviation, as
            `DriftMonitor.learned` has it.

    Raises:
        ShapeError, RangeError, InputError: arrays that do not go together, or not one usable reading.
    """
    prediction = Prediction.of(programmed, np.asarray(voltage_v, dtype=np.float64))
    residual, present = prediction.residual(current_a, usable)
    evidence = Evidence.of(prediction, residual, present)
    warmer = None if temperature_change_c is None else (temperature_change_c, *temperature_slope)
    found = {Change(name): one for name, one in evidence.all_kinds(warmer).items()}
    logs = np.array([one.log for one in found.values()])
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    probabilities = {change: float(share) for change, share in zip(found, shares, strict=True)}
    best = max(probabilities, key=lambda change: probabilities[change])
    return Diagnosis(
        change=best,
        where=found[best].where,
        size=found[best].size,
        probability=probabilities[best],
        probabilities=probabilities,
    )
