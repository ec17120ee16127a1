"""Tall arrays read in passes, on a board whose surrogate is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exact_surrogate import FULL_SCALE_A, exact_calibrator, exact_tensors

from crosscal.core.errors import InputError, RangeError, ShapeError
from crosscal.core.readout import row_groups, vectors_in_passes
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.pass_tensors import pass_tensors
from crosscal.runtime.passes import ProgrammedPasses, plan_passes
from crosscal.runtime.recalibration.cell_model import standardised_inputs
from crosscal.runtime.recalibration.posterior import CELLS, ColumnPosterior, DriveErrors

ROWS, COLUMNS, NOISE = 16, 10, 3e-4


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(40)


@pytest.fixture
def target_s(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS))


def measured(
    target_s: np.ndarray, voltage_v: np.ndarray, passes: int, rng: np.random.Generator
) -> np.ndarray:
    current_a = vectors_in_passes(voltage_v, passes) @ target_s
    current_a += NOISE * FULL_SCALE_A * rng.standard_normal(current_a.shape)
    return current_a.reshape(len(voltage_v), passes, COLUMNS)


@pytest.mark.parametrize(("rows", "passes"), [(7, 1), (7, 2), (7, 3), (7, 7), (1, 1)])
def test_every_row_is_driven_in_one_pass(rows, passes):
    groups = row_groups(rows, passes)
    assert len(groups) == passes
    assert sorted(np.concatenate(groups)) == list(range(rows))
    voltage_v = np.arange(1.0, 1.0 + 2 * rows).reshape(2, rows)
    driven_v = vectors_in_passes(voltage_v, passes)
    np.testing.assert_array_equal(driven_v.reshape(2, passes, rows).sum(axis=1), voltage_v)


@pytest.mark.parametrize("passes", [0, ROWS + 1])
def test_an_impossible_number_of_passes_is_refused(passes):
    with pytest.raises(RangeError, match="1 to 16"):
        row_groups(ROWS, passes)


def test_the_surrogate_of_driven_rows_is_the_whole_one_with_the_others_at_rest(rng, target_s):
    tensors = replace(
        exact_tensors(target_s, NOISE),
        polynomial=0.02 * rng.uniform(0.5, 1.0, (3, ROWS, COLUMNS)),
        coupling=0.003 * rng.standard_normal((2, ROWS, COLUMNS)),
        moment=np.stack([np.ones(ROWS), np.linspace(-1, 1, ROWS)]),
        quadratic=0.002 * rng.standard_normal((ROWS, COLUMNS)),
        column_terms=0.001 * rng.standard_normal((2, COLUMNS)),
    )
    driven = row_groups(ROWS, 3)[1]
    z = np.full((4, ROWS), standardised_inputs(tensors, np.zeros((1, 1)))[0, 0])
    z[:, driven] = rng.uniform(-1.7, 1.7, (4, len(driven)))
    part = pass_tensors(tensors, driven)
    np.testing.assert_allclose(part.predicted(z[:, driven]), tensors.predicted(z), rtol=1e-11)


def test_two_passes_tell_the_inputs_that_one_does_not(rng, target_s):
    # Wires let a part of each cell's current arrive: readings no longer are the answers themselves.
    arriving_s = target_s * rng.uniform(0.7, 1.0, (ROWS, COLUMNS))
    plain = exact_calibrator(arriving_s, NOISE)
    tensors = replace(exact_tensors(arriving_s, NOISE), conductance=target_s)
    calibrator = replace(
        plain, conductance_s=target_s, correction=InverseCorrection(tensors, plain.correction.trim)
    )
    voltage_v = rng.uniform(0.1, 0.5, (300, ROWS))
    ideal_a = voltage_v @ target_s
    nmse, ratios = [], []
    for passes in (1, 2):
        read = ProgrammedPasses(calibrator, passes)
        current_a = measured(arriving_s, voltage_v, passes, rng)
        found_a, deviation_a = read.with_uncertainty(current_a, allow_extrapolation=True)
        nmse.append(np.mean((found_a - ideal_a) ** 2) / np.mean((ideal_a - ideal_a.mean(axis=0)) ** 2))
        ratios.append(np.sqrt(np.mean(((found_a - ideal_a) / deviation_a) ** 2)))
    assert nmse[1] < nmse[0] / 5.0
    assert 0.8 < ratios[1] < 1.25
    plans = plan_passes(calibrator, rng, most=2)
    np.testing.assert_allclose([plan.nmse for plan in plans], nmse, rtol=0.2)
    assert [plan.passes for plan in plan_passes(calibrator, rng, nmse=2.0 * nmse[1])] == [1, 2]


def test_passes_of_a_recalibrated_matrix_state_and_plan_errors_of_driven_inputs(rng):
    rows, columns, drive_v = 12, 8, 2e-3
    target_s = rng.uniform(16.6e-6, 100e-6, (rows, columns))
    noise = float(np.hypot(NOISE, drive_v * np.sqrt((target_s**2).sum(axis=0).mean()) / FULL_SCALE_A))

    def driven_a(voltage_v: np.ndarray, passes: int) -> np.ndarray:
        given_v = vectors_in_passes(voltage_v + drive_v * rng.standard_normal(voltage_v.shape), passes)
        current_a = given_v @ target_s
        current_a += NOISE * FULL_SCALE_A * rng.standard_normal(current_a.shape)
        return current_a.reshape(len(voltage_v), passes, columns)

    plain = exact_calibrator(target_s, noise).correction
    known_v = rng.uniform(0.1, 0.5, (80, rows))
    # Cells are known but for a ten-thousandth: what is left is the inputs' own.
    known = ColumnPosterior(
        mean=np.zeros((columns, rows + CELLS)),
        covariance=np.broadcast_to(1e-8 * np.eye(rows + CELLS), (columns, *[rows + CELLS] * 2)),
        noise=noise,
        drive=DriveErrors.untaken(drive_v, rows),
    )
    done = plain.recalibrated(
        known_v, driven_a(known_v, 1)[:, 0], np.ones((80, columns), dtype=bool), None, prior=known
    )
    calibrator = replace(exact_calibrator(target_s, noise), correction=done.correction)
    voltage_v = rng.uniform(0.1, 0.5, (300, rows))
    ideal_a = voltage_v @ target_s
    read = ProgrammedPasses(calibrator, 2)
    found_a, deviation_a = read.with_uncertainty(driven_a(voltage_v, 2), allow_extrapolation=True)
    assert 0.8 < np.sqrt(np.mean(((found_a - ideal_a) / deviation_a) ** 2)) < 1.25
    nmse = np.mean((found_a - ideal_a) ** 2) / np.mean((ideal_a - ideal_a.mean(axis=0)) ** 2)
    assert 0.7 < read.expected_nmse(rng) / nmse < 1.4


@pytest.mark.parametrize("wrong", [np.full(ROWS - 1, 1e-4), np.full((ROWS, 1), 1e-4), -1e-4])
def test_impossible_errors_of_driven_inputs_are_refused(wrong, target_s):
    with pytest.raises(ShapeError, match="drive_variance"):
        replace(exact_tensors(target_s, NOISE), drive_variance=wrong)


def test_one_vector_is_read_as_a_batch_of_one_is(rng, target_s):
    read = ProgrammedPasses(exact_calibrator(target_s, NOISE), 2)
    current_a = measured(target_s, rng.uniform(0.1, 0.5, (1, ROWS)), 2, rng)
    np.testing.assert_array_equal(read(current_a[0]), read(current_a)[0])


def test_what_cannot_be_read_in_passes_is_refused(rng, target_s):
    calibrator = exact_calibrator(target_s, NOISE)
    read, voltage_v = ProgrammedPasses(calibrator, 2), rng.uniform(0.1, 0.5, (3, ROWS))
    with pytest.raises(ShapeError, match=r"board.read\(v, passes=2\)"):
        read(measured(target_s, voltage_v, 4, rng))
    current_a = measured(target_s, voltage_v, 2, rng)
    with pytest.raises(RangeError, match="vector 1, pass 1"):
        read(current_a[:, ::-1] + 0.05 * FULL_SCALE_A * rng.standard_normal(current_a.shape))
    current_a[1, 1, 3] = np.nan
    with pytest.raises(RangeError, match="no readings"):
        read(current_a)
    positive = replace(exact_tensors(target_s, NOISE), expansion=np.array([0.3, 0.05]))
    with pytest.raises(RangeError, match="down to 0 V"):
        pass_tensors(positive, row_groups(ROWS, 2)[0])
    plain = AffineCorrection(gain=np.ones(COLUMNS), offset_a=np.zeros(COLUMNS))
    with pytest.raises(InputError, match="structured, whitebox"):
        ProgrammedPasses(replace(calibrator, correction=plain), 2)
