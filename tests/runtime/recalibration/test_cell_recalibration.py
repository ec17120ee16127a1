"""Recalibration on boards whose surrogate is exact, ohmic cells and no wires, so that bounds are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from exact_surrogate import DEVIATION_V, FULL_SCALE_A, MIDDLE_V
from exact_surrogate import exact_tensors as tensors_of

from crosscal.core.errors import InputError, RangeError, ShapeError
from crosscal.runtime.inverse.inverse import Inverse
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.recalibration.cell_model import cell_sensitivity, standardised_inputs, with_changes
from crosscal.runtime.recalibration.cell_recalibration import recalibrate
from crosscal.runtime.recalibration.conditioning import ColumnReads, Evidence, SharedErrors, Spread, condition
from crosscal.runtime.recalibration.linearisation import Linearisation, posterior_tensors
from crosscal.runtime.recalibration.posterior import (
    CELLS,
    GAIN,
    ColumnPosterior,
    DriveErrors,
    RecalibrationLevel,
)
from crosscal.runtime.recalibration.vectors import informative_vectors

ROWS, COLUMNS = 12, 17
LOW_V, HIGH_V = 0.1, 0.5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def target_s(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS))


def noisy(current_a: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    return current_a + noise * FULL_SCALE_A * rng.standard_normal(current_a.shape)


def squared_error(tensors: InverseTensors, voltage_v: np.ndarray, current_a: np.ndarray) -> float:
    ideal_a = voltage_v @ tensors.conductance
    return float(np.mean((Inverse(tensors).read(current_a).calibrated_a - ideal_a) ** 2))


def test_model_predicts_what_cells_carry_and_how_readings_answer_to_them(rng, target_s):
    tensors = tensors_of(target_s, 1e-3)
    voltage_v = rng.uniform(LOW_V, HIGH_V, (4, ROWS))
    z = standardised_inputs(tensors, voltage_v)
    np.testing.assert_allclose(tensors.predicted(z) * FULL_SCALE_A, voltage_v @ target_s, rtol=1e-12)
    carried = voltage_v[:, :, None] * target_s / FULL_SCALE_A
    sensitivity = cell_sensitivity(tensors, z)
    np.testing.assert_allclose(sensitivity[:, :, CELLS:], carried.transpose(2, 0, 1), rtol=1e-9)
    np.testing.assert_array_equal(sensitivity[:, :, 0], 1.0)


def test_sensitivities_are_those_of_the_changed_surrogate(rng, target_s):
    tensors = replace(
        tensors_of(target_s, 1e-3),
        polynomial=0.02 * rng.uniform(0.5, 1.0, (3, ROWS, COLUMNS)),
        coupling=0.003 * rng.standard_normal((2, ROWS, COLUMNS)),
        moment=np.stack([np.ones(ROWS), np.linspace(-1, 1, ROWS)]),
        quadratic=0.002 * rng.standard_normal((ROWS, COLUMNS)),
        column_terms=0.001 * rng.standard_normal((2, COLUMNS)),
    )
    z = rng.uniform(-1.7, 1.7, (3, ROWS))
    direction = rng.standard_normal((ROWS, COLUMNS))
    shift = rng.standard_normal(COLUMNS)

    def changed(step: float) -> np.ndarray:
        surrogate = with_changes(tensors, step * shift, step * direction, tensors.variance, np.ones(1))
        return surrogate.predicted(z)

    shared = rng.standard_normal(COLUMNS)
    along = np.concatenate([shift[:, None], shared[:, None], direction.T - shared[:, None]], axis=1)
    expected = np.einsum("mbn,mn->bm", cell_sensitivity(tensors, z), along)
    np.testing.assert_allclose((changed(1e-6) - changed(-1e-6)) / 2e-6, expected, rtol=1e-5, atol=1e-7)


def test_what_inputs_leave_open_follows_the_change(rng, target_s):
    """As a surrogate is fitted: input variance that the linear prediction leaves, and the bias it adds."""
    noise = 0.02
    tensors = replace(
        tensors_of(target_s, noise),
        polynomial=0.02 * rng.uniform(0.5, 1.0, (3, ROWS, COLUMNS)),
        coupling=0.003 * rng.standard_normal((2, ROWS, COLUMNS)),
        moment=np.stack([np.ones(ROWS), np.linspace(-1, 1, ROWS)]),
    )

    def condensed(linear: np.ndarray, factor: np.ndarray, variance: float) -> tuple[np.ndarray, np.ndarray]:
        covariance = np.linalg.inv(linear @ linear.T / variance + np.eye(ROWS))
        prediction_bias = np.diagonal(covariance) @ (tensors.polynomial[1] * factor)
        for moment, coupling in zip(tensors.moment, tensors.coupling * factor, strict=True):
            prediction_bias += np.einsum(
                "nm,nk,km->m", tensors.loading * factor * moment[:, None], covariance, coupling
            )
        return np.diagonal(covariance), prediction_bias

    input_variance, prediction_bias = condensed(tensors.linear, np.ones_like(target_s), noise**2)
    factor = 1 + 0.3 * rng.standard_normal(target_s.shape)
    changed = with_changes(
        replace(tensors, input_variance=input_variance, prediction_bias=prediction_bias),
        np.zeros(COLUMNS),
        factor - 1,
        np.full(COLUMNS, 4 * noise**2),
        np.ones(1),
    )
    input_variance, prediction_bias = condensed(tensors.linear * factor, factor, 4 * noise**2)
    np.testing.assert_allclose(changed.input_variance, input_variance, rtol=1e-9)
    np.testing.assert_allclose(changed.prediction_bias, prediction_bias, rtol=1e-9, atol=1e-15)


def test_inputs_are_standardised_through_a_bent_expansion(rng, target_s):
    bent = replace(tensors_of(target_s, 1e-3), expansion=np.array([0.3, 0.1, 0.01, 0.004]))
    z = rng.uniform(-1.7, 1.7, (5, ROWS))
    voltage_v = np.polynomial.polynomial.polyval(z, bent.expansion)
    np.testing.assert_allclose(standardised_inputs(bent, voltage_v), z, atol=1e-9)


def test_cells_come_out_when_vectors_are_many_and_noise_is_small(rng, target_s):
    error = 0.03 * rng.standard_normal(target_s.shape)
    voltage_v = informative_vectors(64, ROWS, low_v=LOW_V, high_v=HIGH_V, rng=rng)
    current_a = noisy(voltage_v @ (target_s * (1 + error)), 1e-6, rng)
    done = recalibrate(tensors_of(target_s, 1e-4), voltage_v, current_a)
    assert done.report.level is RecalibrationLevel.CELLS
    believed = done.posterior.mean[:, CELLS:] + done.posterior.mean[:, GAIN, None]
    np.testing.assert_allclose(believed.T, error, atol=1e-3)


@pytest.mark.parametrize("count", [3, 8, 40])
def test_error_is_within_twice_the_linear_gaussian_bound(count, rng, target_s):
    noise, spread, draws = 1e-3, 0.02, 12
    tensors = tensors_of(target_s, noise)
    fresh_v = rng.uniform(LOW_V, HIGH_V, (60, ROWS))
    got, bound, without = [], [], []
    for _ in range(draws):
        real_s = target_s * (1 + spread * rng.standard_normal(target_s.shape))
        voltage_v = informative_vectors(count, ROWS, low_v=LOW_V, high_v=HIGH_V, rng=rng)
        done = recalibrate(tensors, voltage_v, noisy(voltage_v @ real_s, noise, rng))
        fresh_a = noisy(fresh_v @ real_s, noise, rng)
        got.append(squared_error(done.tensors, fresh_v, fresh_a))
        without.append(squared_error(tensors, fresh_v, fresh_a))
        bound.append(_bound_a2(target_s, voltage_v, fresh_v, noise, spread))
    assert np.mean(got) <= 2.0 * np.mean(bound)
    assert np.mean(got) < np.mean(without)


def _bound_a2(target_s, voltage_v, fresh_v, noise, spread) -> float:
    """Mean squared error of the best estimate when cells have been seen through `voltage_v` alone."""
    columns = target_s.shape[1]
    posterior = []
    for m in range(columns):
        seen = voltage_v * target_s[:, m] / FULL_SCALE_A
        posterior.append(np.linalg.inv(seen.T @ seen / noise**2 + np.eye(ROWS) / spread**2))
    total = 0.0
    slopes = target_s.T * DEVIATION_V / FULL_SCALE_A
    for vector_v in fresh_v:
        carried = (vector_v[:, None] * target_s / FULL_SCALE_A).T
        scatter = np.einsum("mi,mij,mj->m", carried, np.array(posterior), carried)
        covariance = np.linalg.inv((slopes.T / (noise**2 + scatter)) @ slopes + np.eye(ROWS))
        total += np.einsum("nm,nk,km->m", target_s, covariance, target_s).mean() * DEVIATION_V**2
    return total / len(fresh_v)


def test_posterior_is_the_textbook_one(rng):
    prior = np.diag(Spread(cell=0.1, gain=0.05, offset=0.02, noise=0.0).variances(5))
    sensitivity, residual = rng.standard_normal((2, 6, 5)), rng.standard_normal((2, 6))
    reads = ColumnReads(sensitivity=sensitivity, residual=residual, present=np.ones((2, 6), dtype=bool))
    mean, covariance = condition(reads, np.broadcast_to(prior, (2, 5, 5)), 0.3)
    for m in range(2):
        precision = np.linalg.inv(prior) + sensitivity[m].T @ sensitivity[m] / 0.3**2
        np.testing.assert_allclose(covariance[m], np.linalg.inv(precision), rtol=1e-9, atol=1e-14)
        expected = np.linalg.solve(precision, sensitivity[m].T @ residual[m] / 0.3**2)
        np.testing.assert_allclose(mean[m], expected, rtol=1e-9)


@pytest.mark.parametrize("known_before", [False, True])
def test_evidence_is_the_density_of_the_present_residuals(known_before, rng):
    spread = Spread(cell=0.1, gain=0.05, offset=0.02, noise=0.3)
    sensitivity, residual = rng.standard_normal((2, 6, 5)), rng.standard_normal((2, 6))
    present = np.ones((2, 6), dtype=bool)
    present[0, 2] = present[1, 5] = False
    before = np.einsum("mui,mvi->muv", *[rng.standard_normal((2, 5, 5))] * 2) if known_before else None
    reads = ColumnReads(sensitivity=sensitivity, residual=residual, present=present)
    without = Spread(cell=0.0, gain=0.0, offset=0.0, noise=0.3)
    expected = [0.0, 0.0]
    for k, assumed in enumerate((spread, without)):
        for m in range(2):
            prior = np.diag(assumed.variances(5)) + (0.0 if before is None else before[m])
            seen = sensitivity[m, present[m]]
            covariance = seen @ prior @ seen.T + 0.3**2 * np.eye(5)
            density = scipy.stats.multivariate_normal(cov=covariance)
            expected[k] += density.logpdf(residual[m, present[m]])
    evidence = Evidence(reads, before)
    # Constants of the number of readings differ, what one spread has over another does not; the stand-in for
    # a missing reading is not quite without a say, 1e-3 here.
    assert evidence.log(spread) - evidence.log(without) == pytest.approx(expected[0] - expected[1], abs=1e-2)


def test_many_vectors_taken_in_blocks_equal_all_at_once(rng):
    prior = np.broadcast_to(
        np.diag(Spread(cell=0.1, gain=0.02, offset=0.1, noise=0.0).variances(6)), (2, 6, 6)
    )
    sensitivity, residual = rng.standard_normal((2, 150, 6)), rng.standard_normal((2, 150))
    present = rng.uniform(size=(2, 150)) < 0.8
    reads = ColumnReads(sensitivity=sensitivity, residual=residual, present=present)
    mean, covariance = condition(reads, prior, 0.5)
    for m in range(2):
        seen = sensitivity[m, present[m]]
        expected = np.linalg.inv(np.linalg.inv(prior[m]) + seen.T @ seen / 0.5**2)
        # The stand-in for a missing reading, a variance of 1e4, still says 1e-4 of what one reading does.
        np.testing.assert_allclose(covariance[m], expected, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(
            mean[m], expected @ seen.T @ residual[m, present[m]] / 0.5**2, rtol=5e-3, atol=1e-4
        )


def test_two_steps_through_the_posterior_equal_one_with_all_readings(rng):
    prior = np.broadcast_to(
        np.diag(Spread(cell=0.1, gain=0.0, offset=0.1, noise=0.0).variances(5)), (3, 5, 5)
    )
    sensitivity, residual = rng.standard_normal((3, 9, 5)), rng.standard_normal((3, 9))
    present = np.ones((3, 9), dtype=bool)

    def reads(part: slice, shift: np.ndarray) -> ColumnReads:
        known = np.einsum("mkn,mn->mk", sensitivity[:, part], shift)
        return ColumnReads(
            sensitivity=sensitivity[:, part], residual=residual[:, part] - known, present=present[:, part]
        )

    none = np.zeros((3, 5))
    at_once, covariance = condition(reads(slice(0, 9), none), prior, 0.2)
    first, between = condition(reads(slice(0, 4), none), prior, 0.2)
    second, after = condition(reads(slice(4, 9), first), between, 0.2)
    np.testing.assert_allclose(first + second, at_once, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(after, covariance, rtol=1e-9, atol=1e-14)


def test_second_recalibration_builds_on_the_first(rng, target_s):
    noise = 1e-3
    real_s = target_s * (1 + 0.02 * rng.standard_normal(target_s.shape))
    tensors, fresh_v = tensors_of(target_s, noise), rng.uniform(LOW_V, HIGH_V, (200, ROWS))
    fresh_a = noisy(fresh_v @ real_s, noise, rng)
    posterior, errors = None, []
    for _ in range(3):
        voltage_v = informative_vectors(8, ROWS, low_v=LOW_V, high_v=HIGH_V, rng=rng)
        done = recalibrate(tensors, voltage_v, noisy(voltage_v @ real_s, noise, rng), posterior=posterior)
        posterior = done.posterior
        errors.append(squared_error(done.tensors, fresh_v, fresh_a))
    assert errors[2] < errors[0]


def test_nothing_is_changed_on_a_board_that_has_not_changed(rng, target_s):
    tensors = tensors_of(target_s, 1e-3)
    voltage_v = informative_vectors(16, ROWS, low_v=LOW_V, high_v=HIGH_V, rng=rng)
    done = recalibrate(tensors, voltage_v, noisy(voltage_v @ target_s, 1e-3, rng))
    assert done.report.level is RecalibrationLevel.NOTHING
    assert done.tensors is tensors
    assert done.posterior is None


def test_drifted_amplifiers_are_told_from_drifted_cells(rng, target_s):
    gain, offset_a = (
        1 + 0.02 * rng.standard_normal(COLUMNS),
        0.01 * FULL_SCALE_A * rng.standard_normal(COLUMNS),
    )
    voltage_v = informative_vectors(16, ROWS, low_v=LOW_V, high_v=HIGH_V, rng=rng)
    tensors = tensors_of(target_s, 1e-3)
    done = recalibrate(tensors, voltage_v, noisy(voltage_v @ target_s * gain + offset_a, 1e-3, rng))
    assert done.report.level is RecalibrationLevel.COLUMNS
    fresh_v = rng.uniform(LOW_V, HIGH_V, (50, ROWS))
    fresh_a = noisy(fresh_v @ target_s * gain + offset_a, 1e-3, rng)
    assert squared_error(done.tensors, fresh_v, fresh_a) < 0.2 * squared_error(tensors, fresh_v, fresh_a)


def test_missing_readings_count_as_if_they_had_not_been_made(rng, target_s):
    tensors = tensors_of(target_s, 1e-3)
    real_s = target_s * (1 + 0.05 * rng.standard_normal(target_s.shape))
    voltage_v = informative_vectors(14, ROWS, low_v=LOW_V, high_v=HIGH_V, rng=rng)
    current_a = noisy(voltage_v @ real_s, 1e-3, rng)
    missing, saturated = current_a.copy(), current_a.copy()
    missing[3] = np.nan
    saturated[3] = FULL_SCALE_A
    usable = np.ones(current_a.shape, dtype=bool)
    usable[3] = False
    left_out = recalibrate(tensors, np.delete(voltage_v, 3, axis=0), np.delete(current_a, 3, axis=0))
    for done in (
        recalibrate(tensors, voltage_v, missing),
        recalibrate(tensors, voltage_v, saturated, usable=usable),
    ):
        assert done.report.readings_missing == COLUMNS
        np.testing.assert_allclose(done.posterior.mean, left_out.posterior.mean, atol=2e-3)


def test_repeats_of_one_vector_are_counted_as_one_and_do_no_harm(rng, target_s):
    noise = 1e-3
    tensors = tensors_of(target_s, noise)
    real_s = target_s * (1 + 0.02 * rng.standard_normal(target_s.shape))
    voltage_v = np.repeat(rng.uniform(LOW_V, HIGH_V, (1, ROWS)), 10, axis=0)
    done = recalibrate(tensors, voltage_v, noisy(voltage_v @ real_s, noise, rng))
    assert done.report.independent_vectors == 1
    fresh_v = rng.uniform(LOW_V, HIGH_V, (200, ROWS))
    fresh_a = noisy(fresh_v @ real_s, noise, rng)
    assert squared_error(done.tensors, fresh_v, fresh_a) < squared_error(tensors, fresh_v, fresh_a)


def test_unknown_cells_widen_the_stated_deviation(rng, target_s):
    tensors = tensors_of(target_s, 1e-3)
    unknowns = ROWS + CELLS
    variances = Spread(cell=0.05, gain=0.0, offset=0.0, noise=0.0).variances(unknowns)
    posterior = ColumnPosterior(
        mean=np.zeros((COLUMNS, unknowns)),
        covariance=np.broadcast_to(np.diag(variances), (COLUMNS, unknowns, unknowns)),
        noise=1e-3,
    )
    current_a = rng.uniform(LOW_V, HIGH_V, (3, ROWS)) @ target_s
    wide = Inverse(posterior_tensors(tensors, posterior)).read(current_a, deviation=True).deviation_a
    narrow = Inverse(tensors).read(current_a, deviation=True).deviation_a
    assert (wide > 2.0 * narrow).all()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda v, i: (v[:0], i[:0]), ShapeError),
        (lambda v, i: (v[:, :-1], i), ShapeError),
        (lambda v, i: (v, i[:-1]), ShapeError),
        (lambda v, i: (np.where(v > 0.3, np.nan, v), i), RangeError),
        (lambda v, i: (v + 5.0, i), RangeError),
        (lambda v, i: (v, np.full_like(i, np.nan)), InputError),
    ],
)
def test_impossible_readings_are_refused(change, error, rng, target_s):
    voltage_v = informative_vectors(6, ROWS, low_v=LOW_V, high_v=HIGH_V, rng=rng)
    with pytest.raises(error, match="allowed"):
        recalibrate(tensors_of(target_s, 1e-3), *change(voltage_v, voltage_v @ target_s))


def test_belief_of_another_array_is_refused(rng, target_s):
    voltage_v = informative_vectors(6, ROWS, low_v=LOW_V, high_v=HIGH_V, rng=rng)
    other = ColumnPosterior(
        mean=np.zeros((COLUMNS, ROWS)), covariance=np.zeros((COLUMNS, ROWS, ROWS)), noise=1e-3
    )
    with pytest.raises(ShapeError, match="posterior"):
        recalibrate(tensors_of(target_s, 1e-3), voltage_v, voltage_v @ target_s, posterior=other)


def test_errors_of_driven_inputs_widen_deviations_by_what_all_columns_share(rng):
    drive_v = 1e-3
    ratios: dict[float, list[float]] = {0.0: [], drive_v: []}

    def driven_a(voltage_v: np.ndarray, cells_s: np.ndarray) -> np.ndarray:
        return noisy((voltage_v + drive_v * rng.standard_normal(voltage_v.shape)) @ cells_s, 1e-5, rng)

    def error_over_stated(tensors: InverseTensors, cells_s: np.ndarray) -> float:
        voltage_v = rng.uniform(LOW_V, HIGH_V, (60, ROWS))
        reading = Inverse(tensors).read(driven_a(voltage_v, cells_s), deviation=True)
        assert reading.deviation_a is not None
        wrong_a = reading.calibrated_a - voltage_v @ tensors.conductance
        return float(np.sqrt(np.mean((wrong_a / reading.deviation_a) ** 2)))

    for _ in range(6):
        target_s = rng.uniform(16.6e-6, 100e-6, (ROWS, 3 * ROWS))
        cells_s = target_s * (1.0 + 0.1 * rng.standard_normal(target_s.shape))
        # As training leaves it: cells' scatter is noise of single columns.
        scatter_v = 0.1 * np.hypot(MIDDLE_V, DEVIATION_V)
        total = scatter_v * np.sqrt((target_s**2).sum(axis=0).mean()) / FULL_SCALE_A
        tensors = tensors_of(target_s, float(total))
        given_v = rng.uniform(LOW_V, HIGH_V, (40, ROWS))
        given_a = driven_a(given_v, cells_s)
        for known_v, found in ratios.items():
            done = recalibrate(tensors, given_v, given_a, drive_noise_v=known_v)
            found.append(error_over_stated(done.tensors, cells_s))
    # Noise of each column averages out over three times as many as there are inputs.
    assert min(ratios[0.0]) > 1.5
    assert 0.8 < min(ratios[drive_v]) < max(ratios[drive_v]) < 1.25


def test_what_vectors_leave_of_drive_errors_is_followed_block_by_block(rng, target_s):
    tensors = tensors_of(target_s, 1e-3)
    about = Linearisation.about(tensors, None, None)
    voltage_v = rng.uniform(LOW_V, HIGH_V, (130, ROWS))
    z = standardised_inputs(tensors, voltage_v)
    sensitivity = about.sensitivity(z)
    reads = ColumnReads(
        sensitivity=sensitivity,
        residual=np.zeros(sensitivity.shape[:2]),
        present=np.ones(sensitivity.shape[:2], dtype=bool),
    )
    at = np.concatenate([np.ones((len(z), 1)), z], axis=1)
    shared = SharedErrors(drive=DriveErrors.untaken(1e-3, ROWS), ways=about.ways(), at=at)
    prior = np.broadcast_to(np.diag(np.full(ROWS + CELLS, 0.1**2)), (COLUMNS, ROWS + CELLS, ROWS + CELLS))
    condition(reads, prior, 1e-4, shared)
    # So many vectors that the prior says nothing: least squares, inputs regressed on the known ones.
    expected = 1e-6 * np.linalg.inv(at.T @ at)
    np.testing.assert_allclose(shared.drive.taken_v2, expected, atol=0.03 * expected.max())
