"""Designed vectors: they leave less unknown than a fixed table, and stay within what the board can drive."""

from __future__ import annotations

import numpy as np
import pytest
from exact_surrogate import exact_calibrator, exact_tensors, measured, scored

from crosscal.runtime.recalibration.cell_model import cell_sensitivity, standardised_inputs
from crosscal.runtime.recalibration.design import designed_vectors
from crosscal.runtime.recalibration.known_inputs import telling_vectors
from crosscal.runtime.recalibration.linearisation import Linearisation
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, OFFSET, ColumnPosterior
from crosscal.runtime.recalibration.vectors import InputWindow, informative_vectors

ROWS, COLUMNS, NOISE = 12, 16, 1e-3
WINDOW = InputWindow(low_v=0.1, high_v=0.5)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(51)


@pytest.fixture
def target_s(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS))


def prior(deviations: np.ndarray) -> np.ndarray:
    """Covariance of cells of these deviations, (N,), alike in all columns; gains and offsets known."""
    variances = np.concatenate([np.full(CELLS, 1e-8), deviations**2])
    return np.broadcast_to(np.diag(variances), (COLUMNS, ROWS + CELLS, ROWS + CELLS))


def linear(target_s: np.ndarray) -> Linearisation:
    return Linearisation.about(exact_tensors(target_s, NOISE), None, None)


def left_of_reads(target_s: np.ndarray, covariance: np.ndarray, voltage_v: np.ndarray) -> float:
    """Mean variance of ordinary readings by what these vectors leave unknown, from the formula itself."""
    tensors = exact_tensors(target_s, NOISE)
    seen = cell_sensitivity(tensors, standardised_inputs(tensors, voltage_v))
    known = np.linalg.inv(covariance) + seen.swapaxes(1, 2) @ seen / NOISE**2
    fresh_v = np.random.default_rng(1).uniform(0.1, 0.5, (400, ROWS))
    fresh = cell_sensitivity(tensors, standardised_inputs(tensors, fresh_v))
    return float(np.einsum("mku,muw,mkw->", fresh, np.linalg.inv(known), fresh, optimize=True))


@pytest.mark.parametrize("count", [3, 8, 12])
def test_designed_vectors_leave_less_than_a_table_does(rng, target_s, count):
    # A quarter of the rows are far less certain than the others.
    covariance = prior(np.where(np.arange(ROWS) < ROWS // 4, 0.05, 0.005))
    designed_v = designed_vectors(count, linear(target_s), covariance, NOISE, window=WINDOW, rng=rng)
    table_v = [informative_vectors(count, ROWS, low_v=0.1, high_v=0.5, rng=rng) for _ in range(5)]
    left = left_of_reads(target_s, covariance, designed_v)
    assert left < 0.9 * np.median([left_of_reads(target_s, covariance, each_v) for each_v in table_v])


def test_currents_stay_like_ordinary_ones(rng, target_s):
    covariance = prior(np.full(ROWS, 0.01))
    covariance = covariance + np.diag(
        [0.0, 1.0, *np.zeros(ROWS)]
    )  # gains unknown: all inputs high would tell
    voltage_v = designed_vectors(6, linear(target_s), covariance, NOISE, window=WINDOW, rng=rng)
    current_a = voltage_v @ target_s
    ordinary_a = rng.uniform(0.1, 0.5, (1000, ROWS)) @ target_s
    assert (np.abs(current_a - ordinary_a.mean(axis=0)) <= 3.1 * ordinary_a.std(axis=0)).all()


@pytest.mark.parametrize(
    "window",
    [
        InputWindow(low_v=0.1, high_v=0.5, step_v=0.0125),
        InputWindow(low_v=0.1, high_v=0.5, levels_v=(0.1, 0.5)),
        InputWindow(low_v=0.1, high_v=0.5, levels_v=(0.1, 0.25, 0.5)),
    ],
)
def test_vectors_are_those_that_the_board_drives(rng, target_s, window):
    voltage_v = designed_vectors(
        5, linear(target_s), prior(np.full(ROWS, 0.01)), NOISE, window=window, rng=rng
    )
    assert (voltage_v >= 0.1).all()
    assert (voltage_v <= 0.5).all()
    np.testing.assert_allclose(window.driven(voltage_v), voltage_v, atol=1e-12)
    assert np.linalg.matrix_rank(voltage_v - voltage_v.mean(axis=0)) == 4


def test_a_second_batch_asks_for_what_the_first_has_left(rng, target_s):
    real_s = target_s * (1 + 0.05 * rng.standard_normal(target_s.shape))
    calibrator = exact_calibrator(target_s, NOISE)
    first_v = telling_vectors(calibrator, 6, window=WINDOW, rng=rng)
    once = calibrator.recalibrated(first_v, measured(real_s, first_v, NOISE, rng))
    errors = {}
    for name, second_v in {
        "designed": telling_vectors(once, 6, window=WINDOW, rng=rng),
        "the same again": first_v,
    }.items():
        known_v = np.concatenate([first_v, second_v])
        twice = calibrator.recalibrated(known_v, measured(real_s, known_v, NOISE, rng))
        errors[name], _ = scored(twice, real_s, NOISE, rng)
    assert errors["designed"] < 0.6 * errors["the same again"]


def test_cells_are_asked_for_even_where_gains_alone_were_found(rng, target_s):
    covariance = np.zeros((COLUMNS, ROWS + CELLS, ROWS + CELLS))
    covariance[:, OFFSET, OFFSET] = covariance[:, GAIN, GAIN] = 1e-6
    posterior = ColumnPosterior(mean=np.zeros((COLUMNS, ROWS + CELLS)), covariance=covariance, noise=NOISE)
    once = exact_calibrator(target_s, NOISE).with_posterior(posterior)
    voltage_v = telling_vectors(once, ROWS, window=WINDOW, rng=rng)
    assert np.linalg.matrix_rank(voltage_v - voltage_v.mean(axis=0)) == ROWS - 1
