"""Read-backs of cells as evidence, on a board whose surrogate is exact, so that bounds are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exact_surrogate import FULL_SCALE_A, exact_calibrator, measured, scored

from crosscal.core.errors import InputError, RangeError, ShapeError
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration import read_back
from crosscal.runtime.recalibration.breaks.naming import BreakKind
from crosscal.runtime.recalibration.cell_law import CellLaw, ReadBackLaw
from crosscal.runtime.recalibration.posterior import CELLS, GAIN, RecalibrationLevel
from crosscal.runtime.recalibration.read_back import informed_by_read_back
from crosscal.runtime.recalibration.vectors import informative_vectors

ROWS, COLUMNS, NOISE = 10, 14, 3e-4
SCATTER, READ_ERROR, AMPLIFIER = 0.05, 0.004, 0.01
KNOTS_S = np.array([16.6e-6, 50e-6, 100e-6])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12)


def cell_law(column: np.ndarray | None = None) -> CellLaw:
    return CellLaw(
        knots_s=KNOTS_S,
        programming=np.full(3, SCATTER),
        offset=0.0,
        gain=0.0,
        noise=NOISE,
        read_back=ReadBackLaw(
            curve=np.zeros(3),
            row=np.zeros(ROWS),
            column=np.zeros(COLUMNS) if column is None else column,
            offset=np.zeros(COLUMNS),
            relative=READ_ERROR,
            absolute_s=0.0,
        ),
    )


@pytest.fixture
def calibrator(rng: np.random.Generator) -> ProgrammedCalibrator:
    """Calibrator of a board that programs to 5 %, its readings' variance that of such a board."""
    target_s = rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS))
    scattered = SCATTER * float(np.sqrt((target_s**2).sum(axis=0).mean())) * 0.32 / FULL_SCALE_A
    return replace(exact_calibrator(target_s, scattered), cell_law=cell_law())


def written(calibrator: ProgrammedCalibrator, rng: np.random.Generator) -> np.ndarray:
    return calibrator.conductance_s * (1.0 + SCATTER * rng.standard_normal((ROWS, COLUMNS)))


def read(real_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return real_s * (1.0 + READ_ERROR * rng.standard_normal(real_s.shape))


def test_a_read_back_makes_answers_sharp_and_they_still_refer_to_the_target(calibrator, rng):
    real_s = written(calibrator, rng)
    informed = calibrator.with_read_back(read(real_s, rng))
    (alone_a, _), (informed_a, ratio) = (
        scored(calibrator, real_s, NOISE, rng),
        scored(informed, real_s, NOISE, rng),
    )
    assert informed_a < 0.2 * alone_a
    assert 0.8 < ratio < 1.25
    np.testing.assert_array_equal(informed.conductance_s, calibrator.conductance_s)


def test_a_fresh_read_back_is_weighed_against_programming_as_two_normal_numbers_are(calibrator, rng):
    target_s = calibrator.conductance_s
    observed = read(written(calibrator, rng), rng) / target_s - 1.0
    found = informed_by_read_back(cell_law(), target_s, target_s * (1.0 + observed))
    share = SCATTER**2 / (SCATTER**2 + READ_ERROR**2)
    np.testing.assert_allclose(found.mean[:, CELLS:], (share * observed).T, rtol=1e-9)
    variance = np.diagonal(found.covariance, axis1=1, axis2=2)[:, CELLS:]
    np.testing.assert_allclose(variance, share * READ_ERROR**2, rtol=1e-9)


def test_learned_errors_of_amplifiers_are_taken_out(calibrator, rng):
    column = AMPLIFIER * rng.standard_normal(COLUMNS)
    knowing = replace(calibrator, cell_law=cell_law(column))
    real_s = written(calibrator, rng)
    told_s = read(real_s, rng) + calibrator.conductance_s * column
    blind_a, knowing_a = (
        scored(one.with_read_back(told_s), real_s, NOISE, rng)[0] for one in (calibrator, knowing)
    )
    assert knowing_a < 0.6 * blind_a


def test_several_read_backs_average_as_far_as_they_differ(calibrator, rng):
    target_s, real_s = calibrator.conductance_s, written(calibrator, rng)
    once, often = (
        informed_by_read_back(cell_law(), target_s, np.stack([read(real_s, rng) for _ in range(times)]))
        for times in (1, 16)
    )
    error = [
        np.sqrt(np.mean((one.mean[:, CELLS:].T - (real_s / target_s - 1.0)) ** 2)) for one in (once, often)
    ]
    assert error[1] < 0.35 * error[0]
    same_s = read(real_s, rng)
    again = informed_by_read_back(cell_law(), target_s, np.stack([same_s] * 16))
    alone = informed_by_read_back(cell_law(), target_s, same_s)
    # An error that is the same each time does not average out.
    np.testing.assert_allclose(again.covariance, alone.covariance)


def test_a_cell_without_a_read_back_keeps_what_programming_lets_expect(calibrator, rng):
    target_s = calibrator.conductance_s
    told_s = read(written(calibrator, rng), rng)
    told_s[3, 5] = np.nan
    told_s[:, 2] = np.nan
    found = informed_by_read_back(cell_law(), target_s, told_s)
    assert found.mean[5, CELLS + 3] == 0.0
    np.testing.assert_allclose(found.covariance[5, CELLS + 3, CELLS + 3], SCATTER**2)
    assert not found.mean[2].any()
    assert found.mean[6, CELLS:].all()


def test_a_stated_deviation_takes_the_place_of_the_learned_one(calibrator, rng):
    target_s = calibrator.conductance_s
    told_s = read(written(calibrator, rng), rng)
    rough = informed_by_read_back(cell_law(), target_s, told_s, 10 * SCATTER * target_s)
    np.testing.assert_allclose(rough.mean[:, CELLS:], (told_s / target_s - 1.0).T / 101.0, rtol=1e-9)
    unlearned = replace(cell_law(), read_back=None)
    informed_by_read_back(unlearned, target_s, told_s, 1e-7)
    with pytest.raises(InputError, match="read_back_std_s"):
        informed_by_read_back(unlearned, target_s, told_s)


@pytest.mark.parametrize("deviations", [3.0, read_back.MOST_DEVIATIONS, 6.0])
def test_a_broken_cell_is_believed_and_the_others_stay_sharp(calibrator, rng, monkeypatch, deviations):
    monkeypatch.setattr(read_back, "MOST_DEVIATIONS", deviations)
    real_s = written(calibrator, rng)
    whole_a, _ = scored(calibrator.with_read_back(read(real_s, rng)), real_s, NOISE, rng)
    real_s[2, 3], real_s[7, 9] = 0.0, 3.0 * real_s[7, 9]
    broken_a, ratio = scored(calibrator.with_read_back(read(real_s, rng)), real_s, NOISE, rng)
    assert broken_a < 1.3 * whole_a
    assert 0.8 < ratio < 1.25


def test_cells_that_a_read_back_shows_broken_are_named_with_the_next_vectors(calibrator, rng):
    real_s = written(calibrator, rng)
    real_s[2, 3], real_s[7, 9] = 0.0, 3.5 * calibrator.conductance_s[7, 9]
    voltage_v = informative_vectors(6, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    informed = calibrator.with_read_back(read(real_s, rng))
    report = informed.recalibrated(voltage_v, measured(real_s, voltage_v, NOISE, rng)).report
    assert report is not None
    assert [(cell.row, cell.column, cell.kind) for cell in report.broken_cells] == [
        (3, 4, BreakKind.OPEN),
        (8, 10, BreakKind.SHORT),
    ]


@pytest.mark.parametrize("scatter", [0.05, 0.3])
def test_no_cell_is_named_broken_where_all_have_moved(calibrator, rng, scatter):
    real_s = calibrator.conductance_s * (1.0 + scatter * rng.standard_normal((ROWS, COLUMNS)))
    real_s = np.maximum(real_s, 1e-6)
    voltage_v = informative_vectors(20, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    informed = calibrator.with_read_back(read(real_s, rng))
    report = informed.recalibrated(voltage_v, measured(real_s, voltage_v, NOISE, rng)).report
    assert report is not None
    assert not report.broken_cells


def test_cells_that_have_all_changed_are_believed(calibrator, rng):
    real_s = calibrator.conductance_s * (1.0 + 0.3 * rng.standard_normal((ROWS, COLUMNS)))
    real_s = np.maximum(real_s, 1e-6)
    informed_a, ratio = scored(calibrator.with_read_back(read(real_s, rng)), real_s, NOISE, rng)
    alone_a, _ = scored(calibrator, real_s, NOISE, rng)
    assert informed_a < 0.1 * alone_a
    assert ratio < 1.25


def test_a_read_back_and_known_vectors_do_not_count_the_same_change_twice(calibrator, rng):
    real_s = 0.9 * written(calibrator, rng)
    voltage_v = informative_vectors(12, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    current_a, told_s = measured(real_s, voltage_v, NOISE, rng), read(real_s, rng)
    vectors_first = calibrator.recalibrated(voltage_v, current_a).with_read_back(told_s)
    read_back_first = calibrator.with_read_back(told_s).recalibrated(voltage_v, current_a)
    assert vectors_first.posterior is not None
    total = vectors_first.posterior.mean[:, GAIN, None] + vectors_first.posterior.mean[:, CELLS:]
    true = (real_s / calibrator.conductance_s - 1.0).T
    assert np.sqrt(np.mean((total - true) ** 2)) < 2.0 * READ_ERROR
    for both in (vectors_first, read_back_first):
        assert (
            scored(both, real_s, NOISE, rng)[0]
            < 1.1 * scored(calibrator.with_read_back(told_s), real_s, NOISE, rng)[0]
        )


def test_known_vectors_build_on_the_law_of_programming_alone(calibrator, rng):
    """Without evidence of any further change the law's own deviations are the prior of the cells."""
    real_s = written(calibrator, rng)
    voltage_v = informative_vectors(6, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    learned = calibrator.recalibrated(voltage_v, measured(real_s, voltage_v, NOISE, rng))
    assert learned.report is not None
    assert learned.report.level is RecalibrationLevel.CELLS
    (alone_a, _), (learned_a, ratio) = (
        scored(calibrator, real_s, NOISE, rng),
        scored(learned, real_s, NOISE, rng),
    )
    assert learned_a < 0.8 * alone_a
    assert 0.8 < ratio < 1.25


@pytest.mark.parametrize(
    ("given", "deviation", "error", "said"),
    [
        (np.ones((ROWS, COLUMNS + 1)), None, ShapeError, r"\(10, 14\), or \(R, 10, 14\)"),
        (np.ones((ROWS, COLUMNS)), 0.0, RangeError, "0, negative or not finite"),
        (np.ones((ROWS, COLUMNS)), np.ones(3), ShapeError, "one number, or"),
        (np.ones((ROWS, COLUMNS), dtype=complex), None, InputError, "read-backs"),
    ],
)
def test_read_backs_that_cannot_be_used_are_refused(calibrator, given, deviation, error, said):
    with pytest.raises(error, match=said):
        calibrator.with_read_back(given, deviation)


def test_a_calibrator_that_learned_no_law_says_how_to_get_one(calibrator):
    with pytest.raises(InputError, match="crosscal train"):
        replace(calibrator, cell_law=None).with_read_back(calibrator.conductance_s)
