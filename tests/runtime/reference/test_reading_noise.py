"""Noise of readings by the time they take: closed forms, and stated deviations of averaged readings."""

from dataclasses import replace

import exact_surrogate
import numpy as np
import pytest
from exact_surrogate import FULL_SCALE_A, exact_calibrator, exact_tensors

from crosscal.core.errors import InputError, RangeError
from crosscal.runtime import CellLaw, ReadingNoise
from crosscal.runtime.recalibration.vectors import informative_vectors
from crosscal.runtime.reference.reading_noise import averaged, cell_squares, lagged

ROWS, COLUMNS, NOISE = 10, 14, 2e-3
SPACING_S = 1.2e-3
PER_FOLD = 4e-5
LAW = ReadingNoise(
    white=NOISE**2, cell_per_fold=PER_FOLD, fastest_s=SPACING_S, reading_s=1e-3, spacing_s=SPACING_S
)
FOLDS = np.exp(np.arange(0.25, np.log(1e7), 0.5))
"""Correlation times of the cells drawn here, relative to the spacing, two for each factor e."""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def cells_of(averages: int, readings: int, state: list, rng: np.random.Generator) -> np.ndarray:
    """Relative changes of the cells in readings of so many averages, (R, N, M); the state goes on."""
    means = np.zeros((readings, ROWS, COLUMNS))
    keep = np.exp(-1.0 / FOLDS)[:, None, None]
    for r in range(readings):
        for _ in range(averages):
            fresh = rng.standard_normal(state[0].shape)
            state[0] = keep * state[0] + np.sqrt(0.5 * PER_FOLD * (1.0 - keep**2)) * fresh
            means[r] += state[0].sum(axis=0) / averages
    return means


def measured_a(conductance_s, voltage_v, averages, state, rng):
    changed_s = conductance_s * (1.0 + cells_of(averages, len(voltage_v), state, rng))
    current_a = np.einsum("bn,bnm->bm", voltage_v, changed_s)
    white_a = FULL_SCALE_A * NOISE / np.sqrt(averages)
    return current_a + white_a * rng.standard_normal(current_a.shape)


@pytest.fixture
def cells_s(rng) -> np.ndarray:
    return rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS))


def calibrator_of(cells_s, reading_noise):
    law = CellLaw(
        knots_s=np.array([16.6e-6, 100e-6]),
        programming=np.full(2, 0.02),
        offset=1e-5,
        gain=1e-5,
        noise=NOISE,
        read_back=None,
        reading_noise=reading_noise,
    )
    return replace(exact_calibrator(cells_s, NOISE), cell_law=law)


def test_variance_of_a_window_is_the_mean_of_its_correlations():
    steps = (np.arange(2000) + 0.5) / 2000
    by_hand = np.exp(-3.0 * np.abs(steps[:, None] - steps)).mean()
    assert averaged(np.array(3.0)) == pytest.approx(by_hand, rel=1e-3)
    apart = np.exp(-3.0 * np.abs(steps[:, None] + 2.0 - steps)).mean()
    assert np.exp(-6.0) * lagged(np.array(3.0)) == pytest.approx(apart, rel=1e-3)


def test_averages_take_the_white_part_by_their_number_and_little_of_the_slow(cells_s):
    tensors = exact_tensors(cells_s, NOISE)
    white = replace(LAW, cell_per_fold=0.0)
    np.testing.assert_allclose(white.removed(tensors, before=1.0, after=10.0), 0.9 * NOISE**2)
    together = replace(LAW, spacing_s=LAW.reading_s)
    slow = together.removed(tensors, before=1.0, after=10.0) - 0.9 * NOISE**2
    by_reading = together.covariance(10)
    of_cell = PER_FOLD * (by_reading[0, 0] - by_reading.mean())
    # Sums over correlation times that stand for 0.5 folds each, from other places.
    np.testing.assert_allclose(slow, cell_squares(tensors) * of_cell, rtol=0.02)


@pytest.mark.parametrize("averages", [1, 10])
def test_stated_deviations_of_averaged_readings_are_honest_where_cells_fluctuate(cells_s, averages, rng):
    state = [np.sqrt(0.5 * PER_FOLD) * rng.standard_normal((len(FOLDS), ROWS, COLUMNS))]
    known_v = informative_vectors(48, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    known_a = measured_a(cells_s, known_v, averages, state, rng)
    fresh_v = rng.uniform(0.1, 0.5, (60, ROWS))
    fresh_a = measured_a(cells_s, fresh_v, 10, state, rng)
    middle_s = 0.5 * SPACING_S * (48 * averages + 60 * 10)
    ratios = []
    for noise in (LAW, None):
        alike = calibrator_of(cells_s, noise).at(averages=averages).recalibrated(known_v, known_a)
        reads = alike.at(averages=10, later_s=middle_s)
        found_a, deviation_a = reads.with_uncertainty(fresh_a, allow_extrapolation=True)
        ratios.append(np.sqrt(np.mean(((found_a - fresh_v @ cells_s) / deviation_a) ** 2)))
    assert 0.8 < ratios[0] < 1.25
    assert ratios[1] > 1.25  # noise that is taken for white


def test_deviations_of_white_readings_fall_as_the_root_of_their_averages(cells_s, rng):
    programmed = calibrator_of(cells_s, replace(LAW, cell_per_fold=0.0))
    voltage_v = rng.uniform(0.1, 0.5, (40, ROWS))
    current_a = voltage_v @ cells_s
    once, often = (
        one.with_uncertainty(current_a, allow_extrapolation=True)[1].mean()
        for one in (programmed, programmed.at(averages=100))
    )
    assert often == pytest.approx(once / 10.0, rel=0.1)
    back = programmed.at(averages=100).at(averages=1)
    np.testing.assert_allclose(back.with_uncertainty(current_a)[1].mean(), once, rtol=1e-6)


def test_a_later_read_states_more_of_cells_that_fluctuate(cells_s, rng):
    state = [np.zeros((len(FOLDS), ROWS, COLUMNS))]
    known_v = informative_vectors(32, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    known_a = measured_a(cells_s, known_v, 1, state, rng)
    programmed = calibrator_of(cells_s, LAW).recalibrated(known_v, known_a)
    current_a = rng.uniform(0.1, 0.5, (20, ROWS)) @ cells_s
    soon, later = (
        programmed.at(later_s=time_s).with_uncertainty(current_a, allow_extrapolation=True)[1].mean()
        for time_s in (0.01, 3600.0)
    )
    assert later > 1.5 * soon
    np.testing.assert_array_equal(
        programmed.posterior.covariance, programmed.at(later_s=9.0).posterior.covariance
    )


def test_averaging_stops_to_pay_where_cells_fluctuate_more_than_readings(cells_s):
    tensors = exact_tensors(cells_s, NOISE)
    enough = LAW.enough_averages(tensors, most=1024, learned=64)
    assert 1 < enough < 1024
    assert replace(LAW, cell_per_fold=0.0).enough_averages(tensors, most=1024, learned=64) == 1024


def test_a_file_keeps_the_law_and_one_of_before_is_white():
    law = calibrator_of(np.full((ROWS, COLUMNS), 5e-5), LAW).cell_law
    assert CellLaw.from_json(law.to_json(), rows=ROWS, columns=COLUMNS).reading_noise == LAW
    before = {name: value for name, value in law.to_json().items() if name != "reading_noise"}
    assert CellLaw.from_json(before, rows=ROWS, columns=COLUMNS).reading_noise is None


def test_impossible_conditions_are_refused(cells_s):
    with pytest.raises(RangeError, match="averages"):
        calibrator_of(cells_s, LAW).at(averages=0)
    with pytest.raises(RangeError, match="later"):
        calibrator_of(cells_s, LAW).at(later_s=-1.0)
    with pytest.raises(InputError, match="does not know its noise"):
        exact_surrogate.exact_calibrator(cells_s, NOISE).at(averages=2)
    with pytest.raises(RangeError, match="above 0"):
        replace(LAW, reading_s=-1.0)
