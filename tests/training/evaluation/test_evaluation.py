"""Evaluation: every method on the same vectors, nothing bad scored as good, one report for all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from support.random_board import RandomBoard, RandomBoardPort

import crosscal
from crosscal.core.errors import IncompatibleBoardError, InputError, ShapeError, TrainingError
from crosscal.core.run_file import Run, read_run
from crosscal.training import (
    CollectionPlan,
    Evaluation,
    Measurements,
    TrainingPlan,
    collect,
    evaluate,
    export_calibrator,
    fit_affine,
    paper_rows,
    score,
    train,
    write_report,
)
from crosscal.training.evaluation.report import to_json

ROWS, COLUMNS = 4, 3
TEST_INPUTS = "random:110,sine:20,dc:20,fir:20"


def collected(path: Path, matrices: int, vectors: int, inputs: str, seed: int, **port: Any) -> Run:
    board = RandomBoard.drawn(ROWS, COLUMNS, np.random.default_rng(31))
    collect(
        RandomBoardPort(board, **port),
        path,
        CollectionPlan(matrices=matrices, vectors=vectors, inputs=inputs, seed=seed),
    )
    return read_run(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def training_run(folder: Path) -> Run:
    return collected(folder / "training.h5", 20, 16, "random", 1)


@pytest.fixture(scope="module")
def test_run(folder: Path) -> Run:
    return collected(folder / "test.h5", 5, 170, TEST_INPUTS, 2)


@pytest.fixture(scope="module")
def calibrator(folder: Path, training_run: Run) -> crosscal.runtime.Calibrator:
    result = train(
        TrainingPlan(calibrator="concatsquash", seed=1, max_epochs=3), Measurements.from_run(training_run)
    )
    export_calibrator(result, folder / "calibrator.onnx")
    return crosscal.load_calibrator(folder / "calibrator.onnx")


@pytest.fixture(scope="module")
def evaluation(calibrator: crosscal.runtime.Calibrator, test_run: Run) -> Evaluation:
    return evaluate(calibrator, test_run, reference_nmse=np.full(5, 1e-3))


def test_every_kind_of_input_is_scored_for_every_method(evaluation: Evaluation) -> None:
    methods = ["nothing", "affine K=8", "affine K=32", "affine K=100", "calibrator"]
    assert {kind.kind: list(kind.scores) for kind in evaluation.kinds} == dict.fromkeys(
        ("random", "sine", "dc", "fir"), methods
    )
    assert evaluation.skipped == ()


def test_vectors_known_to_the_baselines_are_scored_for_no_one(evaluation: Evaluation, test_run: Run) -> None:
    random = evaluation.kinds[0]
    assert random.vectors == slice(100, 110)
    data = Measurements.from_run(test_run)
    ideal_a = data.ideal_a
    fits = [fit_affine(data.current_a[k, :32], ideal_a[k, :32]) for k in range(5)]
    estimate_a = np.stack([fit(data.current_a[k, 100:110]) for k, fit in enumerate(fits)])
    expected = score(estimate_a, ideal_a[:, 100:110], data.usable[:, 100:110], full_scale_a=1.0)
    assert random.scores["affine K=32"].nmse == pytest.approx(expected.nmse, rel=1e-12)


def test_what_is_scored_is_what_the_runtime_answers(
    evaluation: Evaluation, calibrator: crosscal.runtime.Calibrator, test_run: Run
) -> None:
    # Sinusoidal inputs have levels that the random ones of training have not.
    answer_a = calibrator.program(test_run.target_s[3])(test_run.current_a[3], allow_extrapolation=True)
    np.testing.assert_array_equal(evaluation.calibrated_a[3], answer_a)


def test_the_linear_gaussian_reference_is_compared_with_on_random_inputs_alone(
    evaluation: Evaluation,
) -> None:
    random, sine = evaluation.kinds[0].scores["calibrator"], evaluation.kinds[1].scores["calibrator"]
    assert random.reference_ratio == pytest.approx(random.nmse / 1e-3)
    assert sine.reference_ratio is None


def test_a_short_run_has_fewer_baselines_and_says_which(
    calibrator: crosscal.runtime.Calibrator, training_run: Run
) -> None:
    found = evaluate(calibrator, training_run)
    assert found.skipped == ("affine K=32", "affine K=100")
    assert found.kinds[0].vectors == slice(8, 16)


def test_saturated_and_missing_readings_are_counted_and_change_no_score(
    calibrator: crosscal.runtime.Calibrator, test_run: Run
) -> None:
    status, current_a = test_run.status.copy(), test_run.current_a.copy()
    status[0, 105, 1] = 1
    current_a[0, 105, 1] = 1e-3
    status[2, 3, 0] = 4
    current_a[2, 3, 0] = np.nan
    spoilt = evaluate(calibrator, replace(test_run, status=status, current_a=current_a))
    scores = spoilt.kinds[0].scores
    assert {entry.vectors_excluded for entry in scores.values()} == {1}
    assert np.isnan(spoilt.calibrated_a[0, 105]).all()
    whole = evaluate(calibrator, test_run)
    kept = np.ones((5, 10), dtype=bool)
    kept[0, 5] = False
    ideal_a = Measurements.from_run(test_run).ideal_a[:, 100:110]
    expected = score(whole.calibrated_a[:, 100:110], ideal_a, kept, full_scale_a=1.0)
    assert scores["calibrator"].nmse == pytest.approx(expected.nmse, rel=1e-12)


def test_a_run_without_a_single_usable_vector_is_refused(
    calibrator: crosscal.runtime.Calibrator, test_run: Run
) -> None:
    dead = replace(test_run, status=np.full_like(test_run.status, 4))
    with pytest.raises(TrainingError, match="saturated or missing"):
        evaluate(calibrator, dead)


def test_a_calibrator_of_another_size_is_one_clear_error(
    calibrator: crosscal.runtime.Calibrator, tmp_path: Path
) -> None:
    board = RandomBoard.drawn(COLUMNS, ROWS, np.random.default_rng(1))
    collect(RandomBoardPort(board), tmp_path / "other.h5", CollectionPlan(matrices=2, vectors=4, seed=1))
    with pytest.raises(IncompatibleBoardError, match=r"got a run of a 3×4 board; allowed: 4×3"):
        evaluate(calibrator, read_run(tmp_path / "other.h5"))


def test_references_that_do_not_belong_to_the_run_are_refused(
    calibrator: crosscal.runtime.Calibrator, test_run: Run
) -> None:
    with pytest.raises(ShapeError, match=r"\(5,\), one for each matrix"):
        evaluate(calibrator, test_run, reference_nmse=np.ones(4))


def test_the_report_is_complete_and_plain_json(evaluation: Evaluation, tmp_path: Path) -> None:
    files = write_report(evaluation, tmp_path / "out")
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (document["format"], document["format_version"]) == ("crosscal-report", 1)
    assert (document["rows"], document["columns"], document["matrices"]) == (4, 3, 5)
    assert document["run"]["inputs"] == TEST_INPUTS
    assert document["provenance"]["seed"] == 1
    entry = document["inputs"]["random"]["calibrator"]
    assert set(entry) >= {
        "mse_ma2",
        "nmse",
        "effective_bits",
        "rmse_percent_of_full_scale",
        "reference_ratio",
    }
    assert np.mean(entry["nmse_by_matrix"]) == pytest.approx(entry["nmse"])
    assert np.mean(np.square(entry["rmse_by_column_a"])) * 1e6 == pytest.approx(entry["mse_ma2"])
    assert {path.name for path in files} == {path.name for path in (tmp_path / "out").iterdir()}


def test_pictures_show_something_in_every_file(evaluation: Evaluation, tmp_path: Path) -> None:
    pictures = [path for path in write_report(evaluation, tmp_path) if path.suffix == ".png"]
    assert {path.stem for path in pictures} == {
        *(f"calibrated_against_ideal_{kind}" for kind in ("random", "sine", "dc", "fir")),
        "error_by_column",
        "error_over_array",
        "methods",
    }
    for path in pictures:
        pixels = matplotlib.image.imread(path)[:, :, :3]
        assert pixels.shape[1] > 800
        inked = np.mean(np.ptp(pixels.reshape(-1, 3), axis=1) > 0.3)
        assert inked > 1e-4, f"{path.name} holds no colour"


def test_inputs_that_drive_all_rows_alike_give_no_picture_over_the_array(
    calibrator: crosscal.runtime.Calibrator, tmp_path: Path
) -> None:
    run = collected(tmp_path / "dc.h5", 2, 20, "dc", 3)
    names = {path.stem for path in write_report(evaluate(calibrator, run), tmp_path / "out")}
    assert "error_over_array" not in names
    assert "error_by_column" in names


def test_json_has_no_infinity_even_for_a_perfect_estimate(evaluation: Evaluation) -> None:
    perfect = replace(evaluation.kinds[0].scores["nothing"], nmse=0.0, effective_bits=np.inf)
    kind = replace(evaluation.kinds[0], scores={"nothing": perfect})
    json.dumps(to_json(replace(evaluation, kinds=(kind,))), allow_nan=False)


def test_the_paper_s_table_has_its_rows_beside_ours(
    calibrator: crosscal.runtime.Calibrator, training_run: Run, evaluation: Evaluation
) -> None:
    on_training = evaluate(calibrator, training_run)
    rows = paper_rows({"concatsquash": (on_training, evaluation), "again": (on_training, evaluation)})
    by_row = {
        name: [row.method for row in rows if row.row == name] for name in dict.fromkeys(r.row for r in rows)
    }
    fits = ["affine K=8", "affine K=32", "affine K=100"]
    assert by_row == {
        "training": ["published", "affine K=8", "concatsquash", "again"],
        **{name: ["published", *fits, "concatsquash", "again"] for name in ("validation", "sine", "dc")},
        "fir": [*fits, "concatsquash", "again"],
    }
    published = [round(row.factor, 1) for row in rows if row.method == "published"]
    assert published == [948.8, 819.6, 9.6, 10.0]
    ours = next(row for row in rows if (row.row, row.method) == ("dc", "concatsquash"))
    scores = next(kind.scores for kind in evaluation.kinds if kind.kind == "dc")
    assert ours.factor == pytest.approx(scores["nothing"].mse_ma2 / scores["calibrator"].mse_ma2)
    assert ours.nmse == scores["calibrator"].nmse
    assert ours.nmse_geometric == scores["calibrator"].nmse_geometric
    assert (ours.nmse_low, ours.nmse_high) == (scores["calibrator"].nmse_low, scores["calibrator"].nmse_high)
    assert ours.coverage is None, "this kind states none"


def test_estimates_of_other_methods_are_scored_beside_a_calibrator(
    calibrator: crosscal.runtime.Calibrator, test_run: Run
) -> None:
    ideal_a = np.einsum("kvn,knm->kvm", test_run.voltage_v, test_run.target_s)
    found = evaluate(calibrator, test_run, others_a={"half": 0.5 * test_run.current_a + 0.5 * ideal_a})
    scores = found.kinds[0].scores
    assert scores["half"].nmse == pytest.approx(0.25 * scores["nothing"].nmse)
    assert list(scores)[-1] == "calibrator"


def test_the_paper_s_table_asks_for_the_inputs_it_lacks(
    calibrator: crosscal.runtime.Calibrator, training_run: Run
) -> None:
    on_training = evaluate(calibrator, training_run)
    with pytest.raises(InputError, match="without sine inputs"):
        paper_rows({"concatsquash": (on_training, on_training)})
    with pytest.raises(InputError, match="no evaluation"):
        paper_rows({})


def test_the_reference_of_random_inputs_is_drawn_in_their_row_alone():
    from crosscal.training.evaluation.pictures import _methods

    kinds = [SimpleNamespace(kind=name, scores={}) for name in ("random", "sine", "dc")]
    evaluation = SimpleNamespace(
        kinds=kinds, reference_nmse=np.array([1e-4, 3e-4]), calibrator="affine", title="", data=None
    )
    (line,) = _methods(evaluation).axes[0].get_lines()
    assert line.get_xdata().tolist() == pytest.approx([2e-4, 2e-4])
    assert line.get_ydata().tolist() == [-0.4, 0.4]
