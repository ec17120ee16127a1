"""Stated deviations against errors that are known: ratio, coverage, the matrix furthest off."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import crosscal
from crosscal.core.run_file import read_run
from crosscal.pytest_plugin import BenchForTest
from crosscal.training import CollectionPlan, Measurements, collect, deviation_test, evaluate
from crosscal.training.evaluation.stated_deviations import errors_beside_deviations

MATRICES, VECTORS, ROWS, COLUMNS = 5, 400, 3, 4
STATED_A = 1e-6


def evaluated(scatter: np.ndarray) -> SimpleNamespace:
    """Score estimates whose errors are normal, of `scatter` stated deviations in each matrix."""
    rng = np.random.default_rng(1)
    data = Measurements(
        conductance_s=rng.uniform(10e-6, 100e-6, (MATRICES, ROWS, COLUMNS)),
        voltage_v=rng.uniform(0.1, 0.5, (MATRICES, VECTORS, ROWS)),
        current_a=np.zeros((MATRICES, VECTORS, COLUMNS)),
        usable=np.ones((MATRICES, VECTORS), dtype=bool),
    )
    error_a = STATED_A * scatter[:, None, None] * rng.standard_normal((MATRICES, VECTORS, COLUMNS))
    return SimpleNamespace(
        data=data,
        calibrated_a=data.ideal_a + error_a,
        deviation_a=np.full_like(error_a, STATED_A),
    )


def test_errors_as_large_as_stated_are_found_so_and_covered():
    found = deviation_test(evaluated(np.ones(MATRICES)))
    assert found.ratio == pytest.approx(1.0, abs=0.03)
    # Student's intervals around normal errors: a little narrow in the middle, a little wide at the end.
    np.testing.assert_allclose(found.coverage, (0.47, 0.90, 0.994), atol=0.012)
    assert found.readings == MATRICES * VECTORS


def test_the_smallest_and_the_largest_deviations_are_tested_apart():
    rng = np.random.default_rng(2)
    stated_a = np.exp(rng.uniform(-3.0, 3.0, (4, 500, 3)))
    order = np.argsort(stated_a, axis=None)
    wrong = rng.standard_normal(stated_a.size)
    wrong[order[:600]] *= 1.5
    wrong[order[-600:]] *= 0.5
    ideal_a = rng.standard_normal(stated_a.shape)
    estimate_a = ideal_a + wrong.reshape(stated_a.shape) * stated_a
    found = errors_beside_deviations(estimate_a, ideal_a, stated_a)
    # 600 normal numbers tell their deviation to 3 %.
    assert found.tenths == pytest.approx((1.5, 0.5), rel=0.12)
    assert found.to_json()["error_over_deviation_of_tenths"] == list(found.tenths)


def test_the_matrix_that_is_furthest_off_is_named():
    found = deviation_test(evaluated(np.array([1.0, 1.0, 3.0, 1.0, 0.5])))
    np.testing.assert_allclose(found.ratio_by_matrix, [1.0, 1.0, 3.0, 1.0, 0.5], rtol=0.06)
    assert "matrix 3)" in str(found)
    assert found.to_json()["error_over_deviation_by_matrix"][2] == found.ratio_by_matrix[2]


@pytest.mark.parametrize(
    ("scatter", "verdict"), [(0.6, "is too large"), (0.9, "holds"), (1.15, "holds"), (1.6, "is too small")]
)
def test_a_deviation_that_errors_leave_is_said_to_be_off(scatter: float, verdict: str):
    found = deviation_test(evaluated(np.full(MATRICES, scatter)))
    assert found.fits
    assert found.verdict == verdict
    assert str(found).endswith(f"the deviation {verdict}")


def test_errors_of_twice_the_deviation_are_no_fit():
    assert not deviation_test(evaluated(np.full(MATRICES, 2.2))).fits


def test_readings_without_a_stated_deviation_are_left_out():
    evaluation = evaluated(np.ones(MATRICES))
    evaluation.deviation_a[:, 20:] = np.nan
    found = deviation_test(evaluation)
    assert found.readings == 5 * 20


def test_a_matrix_without_usable_vectors_has_no_ratio():
    evaluation = evaluated(np.ones(MATRICES))
    evaluation.deviation_a[1] = np.nan
    found = deviation_test(evaluation)
    assert np.isnan(found.ratio_by_matrix[1])
    assert found.to_json()["error_over_deviation_by_matrix"][1] is None
    assert "matrix 2)" not in str(found)


def test_nothing_is_tested_where_nothing_was_stated_or_asked_for():
    evaluation = evaluated(np.ones(MATRICES))
    evaluation.deviation_a[:] = np.nan
    assert deviation_test(evaluation) is None
    evaluation.deviation_a = None
    assert deviation_test(evaluation) is None


@pytest.mark.crosscal_bench("lab-12x16")
def test_an_evaluation_asks_for_as_many_deviations_of_each_matrix_as_told(
    crosscal_bench: BenchForTest, tmp_path: Path
):
    with crosscal_bench.open_board() as board:
        plan = CollectionPlan(matrices=2, vectors=30, inputs="random:20,dc:10", seed=1)
        collect(board, tmp_path / "run.h5", plan)
    run = read_run(tmp_path / "run.h5")
    calibrator = crosscal.load_calibrator(str(files("crosscal") / "shipped" / "demo.onnx"))
    first = evaluate(calibrator, run).kinds[0].vectors.start
    for deviations, expected in ((0, (0, 0)), (3, (3, 3)), (None, (20 - first, 10))):
        evaluation = evaluate(calibrator, run, deviations=deviations)
        assert evaluation.deviation_a is not None
        stated = np.isfinite(evaluation.deviation_a).all(axis=-1)
        for kind, count in zip(evaluation.kinds, expected, strict=True):
            start = kind.vectors.start
            assert stated[:, start : start + count].all()
            tested = deviation_test(evaluation, kind)
            assert tested.readings == 2 * count if count else tested is None
        assert stated.sum() == 2 * sum(expected)
