"""What a suite adds to an evaluation: ridge regression, the cost of a read, the error over the array."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.errors import FileFormatError
from crosscal.training import (
    BoardResult,
    Measurements,
    MethodScore,
    Score,
    deviation_cell,
    label_of,
    nmse_cell,
    read_scores,
    read_weight_errors,
    reference_ratio_cell,
    scientific,
    suite_remarks,
    write_scores,
    write_suite_report,
    write_weight_errors,
)
from crosscal.training.evaluation.weight_error import weight_error_percent
from crosscal.training.suite.ridge import _left_out_error, fit_ridge, ridge_per_matrix


def measurements(rng: np.random.Generator, *, matrices: int = 3, vectors: int = 40) -> Measurements:
    conductance_s = rng.uniform(16.6e-6, 100e-6, (matrices, 5, 3))
    voltage_v = rng.uniform(0.1, 0.5, (matrices, vectors, 5))
    return Measurements(
        conductance_s=conductance_s,
        voltage_v=voltage_v,
        current_a=voltage_v @ conductance_s,
        usable=np.ones((matrices, vectors), dtype=bool),
    )


def test_ridge_undoes_a_mix_of_columns_that_no_gain_per_column_can() -> None:
    rng = np.random.default_rng(1)
    ideal_a = rng.uniform(1e-5, 1e-4, (60, 4))
    mix = np.eye(4) + 0.3 * rng.standard_normal((4, 4))
    current_a = ideal_a @ mix + 2e-6
    fit = fit_ridge(current_a[:30], ideal_a[:30])
    np.testing.assert_allclose(fit(current_a[30:]), ideal_a[30:], rtol=1e-5)


def test_ridge_falls_back_to_the_mean_where_currents_say_nothing() -> None:
    """Fewer vectors than columns, nothing but noise: an unregularised fit would be exact, and worthless."""
    rng = np.random.default_rng(2)
    ideal_a, noise_a = rng.normal(0.0, 1e-6, (2, 400, 12))
    fit = fit_ridge(noise_a[:10], ideal_a[:10])
    error = np.mean((fit(noise_a[10:]) - ideal_a[10:]) ** 2) / np.mean(ideal_a[10:] ** 2)
    assert error < 1.5


def test_the_left_out_error_is_that_of_fits_without_each_vector() -> None:
    rng = np.random.default_rng(3)
    x, y, strength = rng.standard_normal((9, 4)), rng.standard_normal((9, 2)), 0.7
    left, singular, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    wanted = y - y.mean(axis=0)
    found = _left_out_error(left, singular, wanted, left.T @ wanted, strength)
    errors = []
    for k in range(9):
        kept = np.arange(9) != k
        # An unpenalised constant beside penalised weights, fitted to the others.
        design = np.column_stack([np.ones(8), x[kept]])
        penalty = strength * np.diag([0.0, 1.0, 1.0, 1.0, 1.0])
        fit = np.linalg.solve(design.T @ design + penalty, design.T @ y[kept])
        errors.append((np.concatenate([[1.0], x[k]]) @ fit - y[k]) ** 2)
    assert found == pytest.approx(np.mean(errors), rel=1e-9)


def test_ridge_per_matrix_learns_from_usable_known_vectors_alone() -> None:
    data = measurements(np.random.default_rng(4))
    spoilt = data.current_a.copy()
    spoilt[0, :12] = np.nan
    spoilt[1, 3] = 1.0
    usable = data.usable.copy()
    usable[0, :12] = usable[1, 3] = False
    fitted = ridge_per_matrix(
        Measurements(
            conductance_s=data.conductance_s, voltage_v=data.voltage_v, current_a=spoilt, usable=usable
        ),
        12,
    )
    np.testing.assert_array_equal(fitted[0], spoilt[0])
    np.testing.assert_allclose(fitted[1, 4:], data.ideal_a[1, 4:], rtol=1e-6)


def test_the_error_over_the_array_is_the_error_of_the_weights() -> None:
    rng = np.random.default_rng(5)
    data = measurements(rng)
    planted_s = rng.normal(0.0, 1e-6, (5, 3))
    offset_a = rng.normal(0.0, 1e-5, (3, 1, 3))
    found = weight_error_percent(data, data.ideal_a + data.voltage_v @ planted_s + offset_a)
    assert found is not None
    np.testing.assert_allclose(found, 100.0 * planted_s / data.conductance_s.mean(), rtol=1e-6, atol=1e-9)


def test_there_is_no_error_over_the_array_where_all_rows_are_driven_alike() -> None:
    data = measurements(np.random.default_rng(6))
    alike = Measurements(
        conductance_s=data.conductance_s,
        voltage_v=np.repeat(data.voltage_v[:, :, :1], 5, axis=2),
        current_a=data.current_a,
        usable=data.usable,
    )
    assert weight_error_percent(alike, alike.current_a) is None


def test_errors_over_the_array_come_back_by_any_label(tmp_path: Path) -> None:
    errors = {"ridge K=100": np.arange(6.0).reshape(2, 3), "file": np.ones((2, 3))}
    write_weight_errors(errors, tmp_path / "e.npz")
    found = read_weight_errors(tmp_path / "e.npz")
    assert list(found) == list(errors)
    for label, error in errors.items():
        np.testing.assert_array_equal(found[label], error)


def scored(method: str, known: int, nmse: float) -> MethodScore:
    score = Score(
        mse_ma2=nmse,
        nmse=nmse,
        effective_bits=1.0,
        rmse_percent_of_full_scale=1.0,
        reference_ratio=nmse / 1e-3,
        vectors_scored=10,
        vectors_excluded=0,
    )
    return MethodScore(method=method, known_vectors=known, score=score, multiply_accumulates=7)


def result(*scores: MethodScore, **failures: str) -> BoardResult:
    return BoardResult(
        board="b",
        bench={
            "array": {"rows": 2, "columns": 3},
            "wires": {"row_ohm": 1.0, "column_ohm": 1.0},
            "device": {"law": "ohmic"},
            "noise": {"read_relative": 1e-3},
            "programming": {"residual_error": 0.0},
            "front_end": {"profile": "ideal"},
        },
        matrices=1,
        training_matrices=2,
        reference_nmse=1e-3,
        scores=scores,
        failures=failures,
    )


def test_scores_come_back_as_they_were_written_and_others_are_refused(tmp_path: Path) -> None:
    scores = (scored("nothing", 0, 2.0), scored("ridge", 100, 0.1))
    write_scores(scores, tmp_path / "s.json")
    assert read_scores(tmp_path / "s.json") == scores
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
    (tmp_path / "s.json").write_text('[{"method": "ridge"}]')
    with pytest.raises(FileFormatError, match=r"s\.json"):
        read_scores(tmp_path / "s.json")


def test_a_calibrator_worse_than_plain_fits_and_a_failure_are_pointed_out(tmp_path: Path) -> None:
    found = result(
        scored("nothing", 0, 2.0),
        scored("affine", 8, 0.2),
        scored("good", 0, 0.1),
        scored("bad", 0, 0.3),
        odd="no",
    )
    said = suite_remarks([found], ["good", "bad", "odd"])
    assert len(said) == 2
    assert "odd failed: no" in said[0]
    assert "bad" in said[1]
    assert "0.2" in said[1]
    assert nmse_cell(found, "odd", 0) == "failed"
    assert reference_ratio_cell(found, "good", 0) == "100"
    assert nmse_cell(found, "ridge", 100) == ""
    (_, _, markdown) = write_suite_report([found], ["good", "bad", "odd"], tmp_path)
    assert "| b | 2×3 | 1.00e-3 | 2.00e0 | 2.00e-1 |" in markdown.read_text()


def test_what_misleads_after_recalibration_and_in_stated_deviations_is_pointed_out() -> None:
    found = result(
        scored("nothing", 0, 2.0),
        scored("affine", 8, 0.2),
        replace(scored("ours", 0, 0.1), error_over_deviation=1.1),
        replace(scored("ours recalibrated", 8, 0.101), error_over_deviation=1.3),
        scored("ours recalibrated", 32, 0.15),
        scored("poor", 0, 0.19),
        scored("poor recalibrated", 8, 0.3),
        scored("affine recalibrated", 8, 0.9),
    )
    said = suite_remarks([found], ["ours", "poor", "affine"])
    assert [remark.split(",")[0].removeprefix("b: ") for remark in said] == [
        "ours recalibrated K=32",
        "ours recalibrated K=8 errs by 1.30 of the standard deviations that it states",
        "poor recalibrated K=8",
        "poor recalibrated K=8",
    ]
    assert [deviation_cell(found, "ours", 0), deviation_cell(found, "poor", 0)] == ["1.10", ""]


@pytest.mark.parametrize(
    ("method", "known", "label"),
    [("nothing", 0, "raw"), ("affine", 8, "affine K=8"), ("affine", 0, "affine trained"), ("x", 0, "x")],
)
def test_labels_tell_the_trained_affine_from_the_fits(method: str, known: int, label: str) -> None:
    assert label_of(method, known) == label


def test_exponents_are_no_longer_than_they_must_be() -> None:
    assert [scientific(value) for value in (2.414e-3, 0.0, 123.4, 1e-12)] == [
        "2.41e-3",
        "0.00e0",
        "1.23e2",
        "1.00e-12",
    ]
