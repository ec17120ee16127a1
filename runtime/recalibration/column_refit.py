"""Gain and offset per column behind a calibrator that knows nothing of cells: the smallest recalibration.

`ideal ≈ calibrated + offset + gain error · calibrated`, with normal priors on both. Their widths, and that of
the noise, are those that make the known vectors most probable over all columns. Few vectors then move
little, many come to least squares, and where the evidence is for no change nothing is changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.core.errors import RangeError, ShapeError, wanted
from crosscal.runtime.recalibration.conditioning import ColumnReads, condition
from crosscal.runtime.recalibration.evolution import Evolution, grown_covariance
from crosscal.runtime.recalibration.level_choice import LEAST_NOISE, choose_level
from crosscal.runtime.recalibration.outliers import find_outliers
from crosscal.runtime.recalibration.posterior import CELLS, OFFSET, ColumnPosterior, RecalibrationLevel
from crosscal.runtime.recalibration.report import RecalibrationReport

FEWEST_VECTORS = 2  # a gain and an offset are two unknowns of each column


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnRefit:
    """Result of a refit.

    Attributes:
        posterior: of offsets [A] and gain errors; None when nothing was learned and nothing known before.
        report: its level, and the readings behind it.
    """

    posterior: ColumnPosterior | None
    report: RecalibrationReport


def refit_columns(
    voltage_v: Vectors,
    calibrated_a: Currents,
    ideal_a: Currents,
    present: np.ndarray,
    *,
    posterior: ColumnPosterior | None,
    age_s: float | None = None,
) -> ColumnRefit:
    """Learn the gain and the offset that each column of calibrated currents needs.

    Args:
        voltage_v: known inputs [V], (K, N).
        calibrated_a: measured currents after the calibration as programmed [A], (K, M).
        ideal_a: ideal currents [A], (K, M).
        present: whether there is a reading, (K, M).
        posterior: of the last refit; None for the first.
        age_s: time since the matrix was programmed; None where it is not known.

    Raises:
        ShapeError: fewer than two vectors.
        RangeError: vectors that are all alike. Either way, an error of every vector could not be told
            from an error of these.
    """
    if len(voltage_v) < FEWEST_VECTORS:
        raise ShapeError(
            wanted(
                got=f"{len(voltage_v)} known vectors",
                allowed=f"{FEWEST_VECTORS} or more, as a gain and an offset are fitted",
                remedy="measure more vectors",
            )
        )
    scale = 1.0 / float(np.abs(ideal_a).max() or 1.0)
    units = np.array([scale, 1.0])
    y, wanted_y = np.where(present, calibrated_a, 0.0).T * scale, ideal_a.T * scale
    sensitivity = np.stack([np.ones_like(y), y], axis=2)
    mean = np.zeros((len(y), CELLS)) if posterior is None else posterior.mean * units
    residual = np.where(present.T, wanted_y - y - (sensitivity @ mean[:, :, None])[:, :, 0], 0.0)
    outliers = find_outliers(residual.T, present, LEAST_NOISE)
    present = present & ~outliers
    residual = np.where(present.T, residual, 0.0)
    reads = ColumnReads(sensitivity=sensitivity, residual=residual, present=np.ascontiguousarray(present.T))
    before, evolution = None, None
    if posterior is not None:
        before, evolution = grown_covariance(reads, _in_units(posterior, units), age_s)
    apparent = np.sqrt((residual**2).sum() / present.sum())
    found = choose_level(reads, before, max(float(apparent), LEAST_NOISE))
    level, spread, _ = found
    report = RecalibrationReport.of(found, voltage_v, present, outliers=int(outliers.sum()))
    if report.independent_vectors < FEWEST_VECTORS:
        raise RangeError(
            wanted(
                got=f"{present.any(axis=1).sum()} known vectors with readings that are all alike",
                allowed="vectors that differ, so that gain and offset can be told apart",
                remedy="use vectors of different directions, such as informative_vectors makes",
            )
        )
    if level is RecalibrationLevel.NOTHING and posterior is None:
        return ColumnRefit(posterior=None, report=report)
    if evolution is None:
        evolution = Evolution.begun(spread.noise, age_s)
    else:
        spread = replace(spread, noise=evolution.believed_noise(spread.noise))
    prior = np.broadcast_to(np.diag(spread.variances(CELLS)), (len(y), CELLS, CELLS))
    shift, covariance = condition(reads, prior if before is None else before + prior, spread.noise)
    learned = ColumnPosterior(
        mean=(mean + shift) / units,
        covariance=covariance / np.outer(units, units),
        noise=spread.noise / float(units[OFFSET]),
        evolution=_with_first_noise(evolution, 1.0 / float(units[OFFSET])),
    )
    return ColumnRefit(posterior=learned, report=report)


def _in_units(posterior: ColumnPosterior, units: np.ndarray) -> ColumnPosterior:
    """Lengths relative to full scale instead of amperes."""
    return replace(
        posterior,
        mean=posterior.mean * units,
        covariance=posterior.covariance * np.outer(units, units),
        noise=posterior.noise * float(units[OFFSET]),
        evolution=_with_first_noise(posterior.evolution, float(units[OFFSET])),
    )


def _with_first_noise(evolution: Evolution | None, unit: float) -> Evolution | None:
    return None if evolution is None else replace(evolution, first_noise=evolution.first_noise * unit)
