"""Cells that broke, found as the cells that they are, on a board whose surrogate is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exact_surrogate import exact_calibrator, exact_tensors, measured, scored

from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.breaks import finding
from crosscal.runtime.recalibration.breaks.finding import broken_row_errors
from crosscal.runtime.recalibration.breaks.naming import BreakKind
from crosscal.runtime.recalibration.conditioning import ColumnReads
from crosscal.runtime.recalibration.posterior import CELLS
from crosscal.runtime.recalibration.vectors import informative_vectors

ROWS, COLUMNS, NOISE, SCATTER = 12, 16, 5e-4, 0.01


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(70)


@pytest.fixture
def calibrator(rng: np.random.Generator) -> ProgrammedCalibrator:
    return exact_calibrator(rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS)), NOISE)


def recalibrated(
    calibrator: ProgrammedCalibrator, real_s: np.ndarray, count: int, rng: np.random.Generator
) -> ProgrammedCalibrator:
    voltage_v = informative_vectors(count, ROWS, low_v=0.1, high_v=0.5, rng=rng)
    return calibrator.recalibrated(voltage_v, measured(real_s, voltage_v, NOISE, rng))


def knowing(calibrator: ProgrammedCalibrator, real_s: np.ndarray) -> ProgrammedCalibrator:
    """Calibrator of the same target that knows every cell."""
    exact = exact_calibrator(real_s, NOISE)
    tensors = replace(exact_tensors(real_s, NOISE), conductance=calibrator.conductance_s)
    correction = InverseCorrection(tensors, exact.correction.trim)
    return replace(exact, conductance_s=calibrator.conductance_s, correction=correction)


def scattered(calibrator: ProgrammedCalibrator, rng: np.random.Generator) -> np.ndarray:
    return calibrator.conductance_s * (1.0 + SCATTER * rng.standard_normal((ROWS, COLUMNS)))


@pytest.mark.parametrize("breaks", [1e-6, finding.BREAKS, 1e-3])
@pytest.mark.parametrize(
    ("factor", "kind"), [(0.0, BreakKind.OPEN), (5.0, BreakKind.SHORT), (1.6, BreakKind.MOVED)]
)
def test_a_broken_cell_is_named_and_the_others_stay_sharp(calibrator, rng, monkeypatch, factor, kind, breaks):
    monkeypatch.setattr(finding, "BREAKS", breaks)
    real_s = scattered(calibrator, rng)
    whole_a, _ = scored(recalibrated(calibrator, real_s, 12, rng), real_s, NOISE, rng)
    best_whole_a, _ = scored(knowing(calibrator, real_s), real_s, NOISE, rng)
    real_s[4, 9] = factor * calibrator.conductance_s[4, 9]
    better = recalibrated(calibrator, real_s, 12, rng)
    assert better.report is not None
    (cell,) = better.report.broken_cells
    assert (cell.row, cell.column, cell.kind) == (5, 10, kind)
    assert cell.ratio == pytest.approx(factor, abs=0.1)
    assert cell.probability > 0.9
    assert not better.report.broken_rows
    assert not better.report.broken_columns
    error_a, ratio = scored(better, real_s, NOISE, rng)
    # A broken cell's part of an answer has to come from other columns, for one who knows all cells, too.
    best_a, _ = scored(knowing(calibrator, real_s), real_s, NOISE, rng)
    assert error_a / best_a < 1.3 * whole_a / best_whole_a
    assert 0.8 < ratio < 1.25


def test_a_break_does_not_pass_for_a_change_of_all_cells(calibrator, rng):
    real_s = scattered(calibrator, rng)
    whole = recalibrated(calibrator, real_s, 24, np.random.default_rng(1))
    real_s[0, 0] = 0.0
    broken = recalibrated(calibrator, real_s, 24, np.random.default_rng(1))
    assert whole.report is not None
    assert broken.report is not None
    assert broken.report.spread.cell < 1.5 * whole.report.spread.cell
    assert broken.report.spread.noise < 1.5 * whole.report.spread.noise


def test_an_open_row_and_an_open_column_are_named_as_lines(calibrator, rng):
    real_s = scattered(calibrator, rng)
    real_s[3] = 0.0
    report = recalibrated(calibrator, real_s, 24, rng).report
    assert report is not None
    assert [(row.line, row.kind) for row in report.broken_rows] == [(4, BreakKind.OPEN)]
    assert report.broken_cells == ()
    real_s = scattered(calibrator, rng)
    real_s[:, 6] = 0.0
    report = recalibrated(calibrator, real_s, 24, rng).report
    assert report is not None
    assert [(column.line, column.kind) for column in report.broken_columns] == [(7, BreakKind.OPEN)]


def test_two_broken_cells_of_one_column_are_both_found(calibrator, rng):
    real_s = scattered(calibrator, rng)
    real_s[2, 5], real_s[8, 5] = 0.0, 2.5 * real_s[8, 5]
    report = recalibrated(calibrator, real_s, 24, rng).report
    assert report is not None
    assert [(cell.row, cell.column) for cell in report.broken_cells] == [(3, 6), (9, 6)]


@pytest.mark.parametrize("scatter", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("count", [2, 8, 40])
def test_a_whole_board_has_no_broken_cells(calibrator, rng, scatter, count):
    for _ in range(4):
        real_s = calibrator.conductance_s * (1.0 + scatter * rng.standard_normal((ROWS, COLUMNS)))
        report = recalibrated(calibrator, real_s, count, rng).report
        assert report is not None
        assert not report.broken_cells
        assert not report.broken_rows
        assert not report.broken_columns


def test_a_cell_that_breaks_later_is_found_on_top_of_what_was_known(calibrator, rng):
    real_s = scattered(calibrator, rng)
    known = recalibrated(recalibrated(calibrator, real_s, 24, rng), real_s, 24, rng)
    real_s[7, 2] = 0.0
    later = recalibrated(known, real_s, 24, rng)
    assert later.report is not None
    assert [(cell.row, cell.column) for cell in later.report.broken_cells] == [(8, 3)]
    assert 0.8 < scored(later, real_s, NOISE, rng)[1] < 1.25


def test_a_row_that_broke_stays_one_row_at_later_recalibrations(calibrator, rng):
    real_s = scattered(calibrator, rng)
    real_s[3] = 0.0
    once = recalibrated(calibrator, real_s, 24, rng)
    again = recalibrated(once, real_s, 24, rng)
    for one in (once, again):
        assert one.report is not None
        assert [(row.line, row.kind) for row in one.report.broken_rows] == [(4, BreakKind.OPEN)]
        assert not one.report.broken_cells


@pytest.mark.parametrize("walk_s", [1e-6, 2e-6])
def test_small_cells_that_wander_relatively_far_are_not_broken(rng, walk_s):
    target_s = np.where(rng.random((ROWS, COLUMNS)) < 0.5, 5e-6, 100e-6)
    real_s, known = target_s.copy(), exact_calibrator(target_s, NOISE)
    named = 0
    for _ in range(4):
        real_s = np.abs(real_s + walk_s * rng.standard_normal(real_s.shape))
        known = recalibrated(known, real_s, 40, rng)
        assert known.report is not None
        named += len(known.report.broken_cells)
    assert named <= 2


def test_a_broken_row_states_by_how_much_its_columns_go_on_erring_together(rng):
    vectors, noise, wrong_v = 400, 1e-4, 5e-3
    slopes = rng.uniform(0.02, 0.1, (ROWS, COLUMNS))
    error_v = wrong_v * rng.standard_normal(vectors)
    reads = ColumnReads(
        sensitivity=np.zeros((COLUMNS, vectors, ROWS + CELLS)),
        residual=slopes[3][:, None] * error_v + noise * rng.standard_normal((COLUMNS, vectors)),
        present=np.ones((COLUMNS, vectors), dtype=bool),
    )
    reads.residual[0] += 1.0  # a column that nothing explains says nothing of the row
    unknowns = np.zeros((COLUMNS, ROWS + CELLS))
    broken = np.arange(ROWS) == 3
    unexplained = np.eye(COLUMNS)[0]
    found_v2 = broken_row_errors(reads, reads.rest(unknowns), slopes, unexplained, broken, noise)
    assert np.sqrt(found_v2[3]) == pytest.approx(wrong_v, rel=0.15)
    assert not np.delete(found_v2, 3).any()
