"""Recalibration of a programmed matrix from K known vectors, in closed form: offsets, gains, and the cells.

`I_real − F(v; G) ≈ J δG`, column by column, with δG normal around zero: a linear-Gaussian model. Its
posterior helps from K much smaller than N on, and is the next recalibration's prior. Answers of the
calibrator still refer to the target matrix, however the device has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.array_types import Currents, Float, Vectors
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.recalibration.breaks.finding import (
    Breaks,
    broken_row_errors,
    broken_rows,
    calm_reads,
    find_breaks,
    row_variance,
    unexplained_variance,
)
from crosscal.runtime.recalibration.breaks.naming import name_breaks
from crosscal.runtime.recalibration.cell_model import standardised_inputs
from crosscal.runtime.recalibration.conditioning import ColumnReads, SharedErrors, Spread, condition
from crosscal.runtime.recalibration.evolution import Evolution, grown_covariance
from crosscal.runtime.recalibration.level_choice import LevelFound, choose_level, noise_has_grown
from crosscal.runtime.recalibration.linearisation import Linearisation, SurrogateAt, posterior_tensors
from crosscal.runtime.recalibration.outliers import find_outliers
from crosscal.runtime.recalibration.posterior import (
    CELLS,
    OFFSET,
    ColumnPosterior,
    DriveErrors,
    RecalibrationLevel,
)
from crosscal.runtime.recalibration.report import RecalibrationReport
from crosscal.runtime.validation import known_readings

_MORE_STEPS = 2
"""Times that readings are learned from again, about the cells found before: Gauss-Newton steps. They end by
themselves; there is none where cells lie within a percent of their targets."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recalibration:
    """Result of a recalibration.

    Attributes:
        tensors: those that reads use from now on.
        posterior: prior for the next time; None when nothing was learned and nothing known before.
        report: its level, and the readings behind it.
    """

    tensors: InverseTensors
    posterior: ColumnPosterior | None
    report: RecalibrationReport


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Readings:
    """Readings of known vectors.

    Attributes:
        voltage_v: inputs [V], (K, N). z: the same standardised.
        scaled: currents, (K, M). present: whether there is a reading, (K, M).
        stated: standard deviation of a reading that the calibrator was made with.
        drive: errors of the inputs, as they were known before.
    """

    voltage_v: Vectors
    z: np.ndarray
    scaled: np.ndarray
    present: np.ndarray
    stated: float
    drive: DriveErrors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lesson:
    """Findings of readings about one linearisation.

    Attributes:
        posterior: None when nothing was learned and nothing known before.
        found: level, its spreads and the evidence. spread: with the noise that is believed.
        present: readings that were learned from, (K, M). outliers: left out.
        breaks: of cells and rows.
        missed: variance of readings of columns that remain unexplained, (M,); 0 of others.
    """

    posterior: ColumnPosterior | None
    found: LevelFound
    spread: Spread
    present: np.ndarray
    outliers: int
    breaks: Breaks
    missed: np.ndarray


def recalibrate(
    original: InverseTensors,
    voltage_v: Vectors,
    current_a: Currents,
    *,
    usable: np.ndarray | None = None,
    posterior: ColumnPosterior | None = None,
    age_s: float | None = None,
    first_prior: ColumnPosterior | None = None,
    surrogate_at: SurrogateAt | None = None,
    drive_noise_v: float = 0.0,
) -> Recalibration:
    """Learn the present cells, gains and offsets of a programmed matrix from known vectors.

    Args:
        original: of the target matrix, as compiled when it was programmed (also when it was recalibrated
            since).
        voltage_v: known inputs [V], (K, N); `informative_vectors` makes good ones. K = 1 is enough for
            offsets.
        current_a: measured currents [A], (K, M).
        usable: False for a saturated or missing reading, (K, M); NaN is taken as missing in any case.
        posterior: of the last recalibration of this programming; None for the first.
        age_s: time since the matrix was programmed; None where it is not known, and recalibrations then
            count as equally far apart.
        first_prior: knowledge of the matrix before anything of it was measured, by the law of the board's
            cells; used where there is no `posterior`.
        surrogate_at: computes surrogates of cells that lie far from their targets; None: they are scaled.
        drive_noise_v: standard deviation of inputs as driven [V], where no earlier knowledge says it.

    Returns:
        New tensors and their posterior. Without evidence of a change, the tensors are the old ones.

    Raises:
        ShapeError: arrays that do not go together, or not with the matrix.
        RangeError: inputs that are not finite or outside the trained range.
        InputError: no usable reading at all.
    """
    rows, columns = original.conductance.shape
    voltage_v, current_a, present = known_readings(voltage_v, current_a, usable, (rows, columns))
    known_before = first_prior if posterior is None else posterior
    if known_before is not None:
        known_before.require_unknowns(columns, rows + CELLS)
    readings = _Readings(
        voltage_v=voltage_v,
        z=standardised_inputs(original, voltage_v),
        scaled=(np.where(present, current_a, 0.0) - original.current_shift) * original.current_scale,
        present=present,
        stated=float(np.sqrt(np.median(original.variance))),
        drive=(known_before and known_before.drive) or DriveErrors.untaken(drive_noise_v, rows),
    )
    about = Linearisation.about(original, None if known_before is None else known_before.mean, surrogate_at)
    lesson = _learned(readings, about, posterior, first_prior, age_s)
    for _ in range(_MORE_STEPS):
        learned = lesson.posterior
        there = Linearisation.about(original, None if learned is None else learned.mean, surrogate_at)
        if there.near(about):
            break
        about = there
        lesson = _learned(readings, about, posterior, first_prior, age_s)
    learned = lesson.posterior
    return Recalibration(
        tensors=original if learned is None else posterior_tensors(original, learned, surrogate_at),
        posterior=learned,
        report=_report(lesson, original, readings, first_prior, first=posterior is None),
    )


def _learned(
    readings: _Readings,
    about: Linearisation,
    posterior: ColumnPosterior | None,
    first_prior: ColumnPosterior | None,
    age_s: float | None,
) -> _Lesson:
    """Learn from readings by their linearisation; all else as for `recalibrate`."""
    known_before = first_prior if posterior is None else posterior
    sensitivity = about.sensitivity(readings.z)
    columns, _, unknowns = sensitivity.shape
    mean = np.zeros((columns, unknowns)) if known_before is None else known_before.mean
    known = np.einsum("mku,mu->km", sensitivity, about.beyond(mean), optimize=True)
    residual = readings.scaled - about.tensors.predicted(readings.z) - known
    stated = readings.stated
    outliers = find_outliers(residual, readings.present, stated)
    present = readings.present & ~outliers
    reads = ColumnReads(sensitivity=sensitivity, residual=residual.T, present=np.ascontiguousarray(present.T))
    before, evolution = None, None
    # A broken cell says nothing of how much all cells have changed.
    calm = calm_reads(reads)
    if posterior is not None:
        before, evolution = grown_covariance(calm, posterior, age_s)
    elif first_prior is not None:
        before, stated = first_prior.covariance, first_prior.noise
    found = choose_level(calm, before, stated)
    level, spread, _ = found
    rows_broken = broken_rows(reads, _prior(spread, before, columns, unknowns), spread.noise)
    if (rows_broken > 0.5).any():
        before = row_variance(rows_broken, columns) + (0.0 if before is None else before)
        found = choose_level(calm_reads(reads), before, stated)
        level, spread, _ = found
    if evolution is None:
        evolution = Evolution.begun(spread.noise, age_s)
    else:
        spread = replace(spread, noise=evolution.believed_noise(spread.noise))
    prior = _prior(spread, before, columns, unknowns)
    breaks = find_breaks(reads, prior, spread.noise, rows_broken)
    shared = SharedErrors(drive=readings.drive, ways=about.ways(), at=_with_one(readings.z))
    learned, missed = posterior, np.zeros(columns)
    if level is not RecalibrationLevel.NOTHING or known_before is not None or breaks.any:
        shift, covariance = condition(reads, breaks.widened(prior), spread.noise, shared)
        drive = shared.drive
        if breaks.any or drive.row_v2.any():
            slopes = about.with_unknowns(mean + shift).linear / about.tensors.expansion[1]
            missed, drive = _left_by_breaks(reads, reads.rest(shift), slopes, breaks, drive, spread.noise)
            # Such a column answers to something else than its inputs, by about as much.
            covariance[:, OFFSET, OFFSET] += missed
        learned = ColumnPosterior(
            mean=mean + shift,
            covariance=covariance,
            noise=spread.noise,
            evolution=evolution,
            drive=drive,
        )
    elif noise_has_grown(spread.noise, stated, int(present.sum())):
        nothing = np.zeros((columns, unknowns, unknowns))
        learned = ColumnPosterior(
            mean=mean, covariance=nothing, noise=spread.noise, evolution=evolution, drive=readings.drive
        )
    return _Lesson(
        posterior=learned,
        found=found,
        spread=spread,
        present=present,
        outliers=int(outliers.sum()),
        breaks=breaks,
        missed=missed,
    )


def _left_by_breaks(
    reads: ColumnReads,
    rest: np.ndarray,
    slopes: Float[np.ndarray, "rows columns"],
    breaks: Breaks,
    drive: DriveErrors,
    noise: float,
) -> tuple[np.ndarray, DriveErrors]:
    """Variance (M,) of columns that breaks leave unexplained, and errors of inputs with those of broken rows.

    Args:
        reads, rest, slopes, noise: as for `broken_row_errors`.
        breaks: found now. drive: errors of inputs, those of rows that broke earlier among them.
    """
    missed = np.zeros(len(rest))
    if breaks.any:
        # A column of large currents reads more of the drivers' errors than others.
        driven = drive.noise_v**2 * (slopes**2).sum(axis=0)
        missed = unexplained_variance(reads, rest, noise**2 + driven)
    broken = (breaks.row_probability > 0.5) | (drive.row_v2 > 0.0)
    return missed, replace(drive, row_v2=broken_row_errors(reads, rest, slopes, missed, broken, noise))


def _report(
    lesson: _Lesson,
    original: InverseTensors,
    readings: _Readings,
    first_prior: ColumnPosterior | None,
    *,
    first: bool,
) -> RecalibrationReport:
    """Report on a lesson; `first`: nothing of the matrix was measured before."""
    learned, broken = lesson.posterior, None
    if learned is not None:
        usual = _usual(first_prior, lesson.spread, *learned.mean.shape)
        broken = name_breaks(lesson.breaks, learned, lesson.missed > 0.0, usual, original.conductance)
    return RecalibrationReport.of(
        _with_expected(lesson.found, first_prior if first else None),
        readings.voltage_v,
        lesson.present,
        outliers=lesson.outliers,
        broken=broken,
    )


def _prior(spread: Spread, before: np.ndarray | None, columns: int, unknowns: int) -> np.ndarray:
    """Covariance (M, U, U) of what may have changed and of what was not known before."""
    prior = np.broadcast_to(np.diag(spread.variances(unknowns)), (columns, unknowns, unknowns))
    return prior if before is None else before + prior


def _usual(
    first_prior: ColumnPosterior | None, spread: Spread, columns: int, unknowns: int
) -> Float[np.ndarray, "columns rows"]:
    """Standard deviation of a cell's relative error by the board's law, or by what is seen of all cells."""
    if first_prior is None:
        return np.full((columns, unknowns - CELLS), spread.cell)
    return np.sqrt(np.diagonal(first_prior.covariance, axis1=1, axis2=2)[:, CELLS:])


def _with_expected(found: LevelFound, prior: ColumnPosterior | None) -> LevelFound:
    """Count cells' errors that were expected before anything was measured among those found."""
    if prior is None:
        return found
    _, spread, evidence = found
    expected = np.diagonal(prior.covariance, axis1=1, axis2=2)[:, CELLS:].mean()
    return (
        RecalibrationLevel.CELLS,
        replace(spread, cell=float(np.hypot(spread.cell, np.sqrt(expected)))),
        evidence,
    )


def _with_one(z: np.ndarray) -> np.ndarray:
    """Put a one before every vector, (K, N + 1)."""
    return np.concatenate([np.ones((len(z), 1)), z], axis=1)
