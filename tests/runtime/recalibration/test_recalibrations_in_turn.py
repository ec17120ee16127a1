"""Recalibrations in turn: stated errors of cells stay true as a board changes; noise that grew is noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exact_surrogate import FULL_SCALE_A, exact_calibrator

from crosscal.core.errors import RangeError
from crosscal.runtime import ProgrammedCalibrator, RecalibrationLevel
from crosscal.runtime.recalibration.evolution import Evolution
from crosscal.runtime.recalibration.posterior import CELLS, GAIN
from crosscal.runtime.recalibration.vectors import informative_vectors

ROWS, COLUMNS, VECTORS, STEPS, FROM = 24, 24, 16, 22, 8
NOISE, START = 1e-3, 0.01


def _drawn(shape: tuple[int, ...], age: int) -> np.ndarray:
    return np.random.default_rng([99, age]).standard_normal(shape)


LAWS = {
    "each cell walks": lambda error, age: error + 1e-3 * _drawn(error.shape, age),
    "each cell goes its own way": lambda error, _: error + 1e-3 * _drawn(error.shape, 0),
    "with the logarithm of time": lambda error, age: (
        error + 0.02 * np.log((age + 1) / age) * _drawn(error.shape, 0)
    ),
}
"""Relative errors of the cells after another hour, from those before and the age in hours."""


def measured_a(
    real_s: np.ndarray, voltage_v: np.ndarray, noise: float, rng: np.random.Generator
) -> np.ndarray:
    current_a = voltage_v @ real_s
    return current_a + noise * FULL_SCALE_A * rng.standard_normal(current_a.shape)


def known_vectors(rng: np.random.Generator, count: int = VECTORS) -> np.ndarray:
    return informative_vectors(count, ROWS, low_v=0.1, high_v=0.5, rng=rng)


@pytest.mark.parametrize("law", LAWS)
def test_stated_errors_of_cells_stay_true(law: str) -> None:
    rng = np.random.default_rng(3)
    target_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
    error, squares = START * rng.standard_normal(target_s.shape), []
    current = exact_calibrator(target_s, NOISE)
    for step in range(STEPS):
        error = LAWS[law](error, step) if step else error
        known_v = known_vectors(rng)
        real_a = measured_a(target_s * (1.0 + error), known_v, NOISE, rng)
        current = current.recalibrated(known_v, real_a, age_s=3600.0 * (step + 1))
        posterior = current.posterior
        assert posterior is not None
        believed = (posterior.mean[:, GAIN, None] + posterior.mean[:, CELLS:]).T
        covariance = posterior.covariance
        own = np.diagonal(covariance, axis1=1, axis2=2)[:, CELLS:]
        variance = own + covariance[:, GAIN, GAIN, None] + 2.0 * covariance[:, GAIN, CELLS:]
        squares.append(float(((believed - error) ** 2 / variance.T).mean()))
    assert 0.8 <= np.sqrt(np.mean(squares[FROM:])) <= 1.25


def _recalibrated(noise: float, seed: int = 5) -> tuple[ProgrammedCalibrator, ProgrammedCalibrator]:
    rng = np.random.default_rng(seed)
    target_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
    before = exact_calibrator(target_s, NOISE)
    known_v = known_vectors(rng, 32)
    return before, before.recalibrated(known_v, measured_a(target_s, known_v, noise, rng))


@pytest.mark.parametrize("factor", [3.0, 10.0])
def test_noise_that_has_grown_is_believed_although_nothing_else_has_changed(factor: float) -> None:
    before, after = _recalibrated(factor * NOISE)
    assert after.report is not None
    assert after.report.level is after.level is RecalibrationLevel.NOTHING
    assert after.posterior is not None
    assert after.posterior.noise == pytest.approx(factor * NOISE, rel=0.1)
    rng = np.random.default_rng(6)
    fresh_v = rng.uniform(0.1, 0.5, (200, ROWS))
    read_a = measured_a(before.conductance_s, fresh_v, factor * NOISE, rng)

    def quotient(calibrator: ProgrammedCalibrator) -> float:
        calibrated_a, deviation_a = calibrator.with_uncertainty(read_a, allow_extrapolation=True)
        return float(np.sqrt(np.mean(((calibrated_a - fresh_v @ before.conductance_s) / deviation_a) ** 2)))

    assert quotient(before) > 1.5
    assert 0.7 < quotient(after) < 1.25


SUDDEN = {
    "offsets": (0.006, 0.0, 0.0),
    "gains": (0.0, 0.05, 0.0),
    "cells": (0.0, 0.0, 0.05),
    "amplifiers and cells": (0.003, 0.02, 0.02),
}
"""Standard deviations of what changes at once: offsets relative to full scale, gains, cells."""


@pytest.mark.parametrize("change", SUDDEN)
def test_sudden_change_does_not_pass_for_noise(change: str) -> None:
    offset, gain, cell = SUDDEN[change]
    rng = np.random.default_rng(11)
    target_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
    error = START * rng.standard_normal(target_s.shape)
    current, offset_a = exact_calibrator(target_s, NOISE), np.zeros(COLUMNS)
    for step in range(4):
        known_v = known_vectors(rng, 2 * ROWS)
        real_a = measured_a(target_s * (1.0 + error), known_v, NOISE, rng) + offset_a
        current = current.recalibrated(known_v, real_a, age_s=86400.0 * (step + 1))
        assert current.posterior is not None
        assert current.posterior.noise == pytest.approx(NOISE, rel=0.3)
        offset_a += offset * FULL_SCALE_A * rng.standard_normal(COLUMNS)
        error = (1.0 + error) * (1.0 + gain * rng.standard_normal(COLUMNS)) - 1.0
        error += cell * rng.standard_normal(error.shape)


def test_cells_that_walk_are_found_to_although_offsets_jump_every_time() -> None:
    rng = np.random.default_rng(8)
    target_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
    walk, error = 0.02, np.zeros((ROWS, COLUMNS))
    current = exact_calibrator(target_s, NOISE)
    for step in range(8):
        error = error + walk * rng.standard_normal(error.shape)
        known_v = known_vectors(rng, 2 * ROWS)
        offset_a = 0.02 * FULL_SCALE_A * rng.standard_normal(COLUMNS)
        real_a = measured_a(target_s * (1.0 + error), known_v, NOISE, rng) + offset_a
        current = current.recalibrated(known_v, real_a, age_s=3600.0 * 2.7**step)
    assert current.posterior is not None
    evolution = current.posterior.evolution
    assert evolution is not None
    known = np.zeros((COLUMNS, ROWS + CELLS, ROWS + CELLS))
    grown = np.sqrt(evolution.grown(known, span=1.0)[0, CELLS, CELLS])
    assert 0.5 * walk < grown < 2.0 * walk


def test_noise_as_it_was_leaves_a_calibration_as_it_is() -> None:
    _, after = _recalibrated(NOISE)
    assert after.posterior is None


def test_time_that_has_passed_widens_what_is_believed() -> None:
    rng = np.random.default_rng(8)
    target_s = rng.uniform(20e-6, 95e-6, (ROWS, COLUMNS))
    first_v, then_v = known_vectors(rng, 32), known_vectors(rng)
    real_s = target_s * (1.0 + START * rng.standard_normal(target_s.shape))
    first = exact_calibrator(target_s, NOISE).recalibrated(
        first_v, measured_a(real_s, first_v, NOISE, rng), age_s=100.0
    )
    read_a = measured_a(real_s, then_v, NOISE, rng)
    soon, late = (first.recalibrated(then_v, read_a, age_s=age_s) for age_s in (101.0, 1e7))

    def spread(calibrator: ProgrammedCalibrator) -> float:
        assert calibrator.posterior is not None
        return float(np.trace(calibrator.posterior.covariance.sum(axis=0)))

    assert spread(late) > spread(soon)
    with pytest.raises(RangeError, match="an age of -1"):
        first.recalibrated(then_v, read_a, age_s=-1.0)


def test_a_belief_without_an_evolution_goes_on() -> None:
    _, after = _recalibrated(3.0 * NOISE)
    assert after.posterior is not None
    old = after.with_posterior(replace(after.posterior, evolution=None))
    rng = np.random.default_rng(9)
    known_v = known_vectors(rng)
    again = old.recalibrated(known_v, measured_a(after.conductance_s, known_v, NOISE, rng))
    assert again.posterior is not None
    assert isinstance(again.posterior.evolution, Evolution)


def test_what_is_never_measured_does_not_grow_for_ever() -> None:
    """A gain and the mean of its cells look alike in every reading; their difference is not to explode."""
    evolution = Evolution.begun(NOISE, 60.0)
    certain = np.zeros_like(evolution.inflation)
    certain[-1] = 1000.0
    evolution = replace(evolution, inflation=certain)
    covariance = 1e-4 * np.broadcast_to(np.eye(ROWS + CELLS), (COLUMNS, ROWS + CELLS, ROWS + CELLS))
    for _ in range(60):
        covariance = evolution.grown(covariance, 1.0)
    values = np.linalg.eigvalsh(covariance)
    assert values.max() <= 1.0 + 1e-9
    assert values.min() > 0.0
