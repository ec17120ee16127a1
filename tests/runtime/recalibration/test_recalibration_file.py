"""A calibrator file that remembers a recalibration: the same answers later, for its target alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from calibrator_models import Model, affine_model, concatsquash_model
from exact_surrogate import exact_calibrator

from crosscal.core.errors import CalibratorFileError, RangeError, ShapeError
from crosscal.runtime import (
    Calibrator,
    ColumnPosterior,
    RecalibrationLevel,
    write_calibrator,
    write_recalibrated,
)
from crosscal.runtime.file_format.recalibration_record import RecalibrationRecord, target_digest
from crosscal.runtime.recalibration.posterior import DriveErrors

ROWS, COLUMNS = 7, 5
MODELS = [make(ROWS, COLUMNS, np.random.default_rng(1)) for make in (affine_model, concatsquash_model)]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(50)


def written(model: Model, path: Path) -> Calibrator:
    write_calibrator(path, model.content, model.metadata(np.random.default_rng(2)))
    return Calibrator.load(path)


def posterior_of(unknowns: int, rng: np.random.Generator, columns: int = COLUMNS) -> ColumnPosterior:
    factor = 1e-3 * rng.standard_normal((columns, unknowns, unknowns))
    return ColumnPosterior(
        mean=1e-2 * rng.standard_normal((columns, unknowns)),
        covariance=factor @ factor.swapaxes(1, 2),
        noise=1e-3,
        drive=DriveErrors(
            noise_v=1e-4, taken_v2=1e-9 * np.eye(unknowns - 1), row_v2=1e-8 * np.arange(unknowns - 2.0)
        ),
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_a_written_recalibration_answers_as_it_did_before_it_was_written(model: Model, rng, tmp_path: Path):
    calibrator = written(model, tmp_path / "old.onnx")
    target_s, other_s = model.matrix(rng), model.matrix(rng)
    better = calibrator.program(target_s).recalibrated(
        rng.uniform(0.1, 0.5, (12, ROWS)), model.currents(rng, 12)
    )
    write_recalibrated(tmp_path / "new.onnx", tmp_path / "old.onnx", better, facts={"board": "b"})
    again, current_a = Calibrator.load(tmp_path / "new.onnx"), model.currents(rng, 9)
    np.testing.assert_array_equal(again.program(target_s)(current_a), better(current_a))
    # A target that came back from a board in 32 bits is still that target.
    assert again.program(target_s.astype(np.float32)).level is RecalibrationLevel.COLUMNS
    assert again.program(other_s).level is RecalibrationLevel.NOTHING
    np.testing.assert_array_equal(again.program(other_s)(current_a), calibrator.program(other_s)(current_a))
    assert again.recalibration.history == ({"board": "b"},)
    assert "recalibrated 1×" in repr(again)
    inputs = {"conductance": target_s.astype(np.float32), "current": current_a.astype(np.float32)}
    plain = [
        onnxruntime.InferenceSession(tmp_path / name, providers=["CPUExecutionProvider"]).run(None, inputs)[0]
        for name in ("old.onnx", "new.onnx")
    ]
    np.testing.assert_array_equal(*plain)


def test_recalibrating_a_written_file_goes_on_as_if_it_had_never_been_written(rng, tmp_path: Path):
    model = MODELS[0]
    path = tmp_path / "calibrator.onnx"
    target_s = model.matrix(rng)
    better = written(model, path).program(target_s)
    batches = [(rng.uniform(0.1, 0.5, (6, ROWS)), model.currents(rng, 6)) for _ in range(2)]
    at_once = better.recalibrated(*batches[0]).recalibrated(*batches[1])
    for k, batch in enumerate(batches):
        better = Calibrator.load(path).program(target_s).recalibrated(*batch)
        write_recalibrated(path, path, better, facts={"time": k})
    np.testing.assert_allclose(better.posterior.mean, at_once.posterior.mean, rtol=1e-12)
    assert [entry["time"] for entry in Calibrator.load(path).recalibration.history] == [0, 1]


def test_a_recalibration_of_another_calibrator_is_not_written_into_this_file(rng, tmp_path: Path):
    written(MODELS[0], tmp_path / "affine.onnx")
    target_s = MODELS[1].matrix(rng)
    better = written(MODELS[1], tmp_path / "network.onnx").program(target_s)
    better = better.recalibrated(rng.uniform(0.1, 0.5, (12, ROWS)), MODELS[1].currents(rng, 12))
    with pytest.raises(CalibratorFileError, match="is not the file that"):
        write_recalibrated(tmp_path / "new.onnx", tmp_path / "affine.onnx", better, facts={})
    assert not (tmp_path / "new.onnx").exists()


def test_a_model_of_another_maker_has_no_place_for_it(rng, tmp_path: Path):
    (tmp_path / "foreign.onnx").write_bytes(MODELS[0].content)
    foreign = Calibrator.load(tmp_path / "foreign.onnx").program(MODELS[0].matrix(rng))
    with pytest.raises(CalibratorFileError, match="no place"):
        write_recalibrated(tmp_path / "new.onnx", tmp_path / "foreign.onnx", foreign, facts={})


@pytest.mark.parametrize("unknowns", [2, ROWS + 2])
def test_a_record_is_read_back_to_the_bit(unknowns: int, rng):
    target_s = MODELS[0].matrix(rng)
    record = RecalibrationRecord(
        target_sha256=target_digest(target_s), posterior=posterior_of(unknowns, rng), history=({"a": 1},)
    )
    again = RecalibrationRecord.from_json(record.to_json(), rows=ROWS, columns=COLUMNS)
    np.testing.assert_array_equal(again.posterior.mean, record.posterior.mean)
    np.testing.assert_array_equal(again.posterior.covariance, record.posterior.covariance)
    assert again.posterior.drive is not None
    assert record.posterior.drive is not None
    np.testing.assert_array_equal(again.posterior.drive.taken_v2, record.posterior.drive.taken_v2)
    np.testing.assert_array_equal(again.posterior.drive.row_v2, record.posterior.drive.row_v2)
    assert (again.posterior.drive.noise_v, again.posterior.noise) == (1e-4, 1e-3)
    assert again.history == ({"a": 1},)
    assert again.is_of(target_s)
    assert not again.is_of(target_s[::-1])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"unknowns": 5}, ShapeError),
        ({"mean": "AAAAAAAAAAA="}, ShapeError),
        ({"mean": "no base64!"}, ValueError),
        ({"noise": float("nan")}, RangeError),
        ({"noise": 0.0}, RangeError),
    ],
)
def test_a_spoiled_record_is_refused(change: dict, error: type[Exception], rng):
    document = RecalibrationRecord(target_sha256="x", posterior=posterior_of(2, rng), history=()).to_json()
    document["posterior"] |= change
    with pytest.raises(error):
        RecalibrationRecord.from_json(document, rows=ROWS, columns=COLUMNS)


def test_another_matrix_inherits_offsets_and_gains_about_their_mean(rng):
    posterior = posterior_of(ROWS + 2, rng)
    carried = posterior.carried()
    assert (posterior.level, carried.level) == (RecalibrationLevel.CELLS, RecalibrationLevel.COLUMNS)
    np.testing.assert_array_equal(carried.mean[:, 0], posterior.mean[:, 0])
    np.testing.assert_allclose(carried.mean[:, 1], posterior.mean[:, 1] - posterior.mean[:, 1].mean())
    assert not carried.mean[:, 2:].any()
    np.testing.assert_array_equal(carried.covariance[:, :2, :2], posterior.covariance[:, :2, :2])
    assert not carried.covariance[:, 2:].any()


def test_gains_that_one_matrix_taught_serve_another(rng):
    noise, gain = 1e-3, 1 + 0.02 * rng.standard_normal(COLUMNS)
    gain /= gain.mean()
    first_s, second_s = (rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS)) for _ in range(2))

    def measured(conductance_s: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
        current_a = voltage_v @ conductance_s * gain
        return current_a + 3e-4 * noise * rng.standard_normal(current_a.shape)

    known_v, fresh_v = rng.uniform(0.1, 0.5, (40, ROWS)), rng.uniform(0.1, 0.5, (200, ROWS))
    learned = exact_calibrator(first_s, noise).recalibrated(known_v, measured(first_s, known_v))
    plain = exact_calibrator(second_s, noise)
    inherits = plain.with_posterior(learned.posterior.carried())
    fresh_a = measured(second_s, fresh_v)
    # Some of these readings are unexplained before the gains are known.
    answers_a = [c(fresh_a, allow_extrapolation=True) for c in (plain, inherits)]
    error_a = [np.sqrt(np.mean((answer_a - fresh_v @ second_s) ** 2)) for answer_a in answers_a]
    assert error_a[1] < 0.7 * error_a[0]


def test_a_belief_of_another_kind_or_size_is_refused(rng, tmp_path: Path):
    shallow = written(MODELS[0], tmp_path / "a.onnx").program(MODELS[0].matrix(rng))
    deep = exact_calibrator(rng.uniform(2e-5, 9e-5, (ROWS, COLUMNS)), 1e-3)
    with pytest.raises(ShapeError, match="an offset and a gain for each column"):
        shallow.with_posterior(posterior_of(ROWS + 2, rng))
    with pytest.raises(ShapeError, match="a posterior of"):
        deep.with_posterior(posterior_of(2, rng))


@pytest.mark.parametrize(
    ("mean", "covariance"),
    [((5, 1), (5, 1, 1)), ((5, 3), (5, 3, 4)), ((5,), (5, 5, 5)), ((5, 3), (4, 3, 3))],
)
def test_a_belief_whose_arrays_do_not_go_together_is_refused(mean: tuple, covariance: tuple):
    with pytest.raises(ShapeError, match="U of 2 or more"):
        ColumnPosterior(mean=np.zeros(mean), covariance=np.zeros(covariance), noise=1e-3)


def test_representations_are_one_short_line(rng, tmp_path: Path):
    calibrator = written(MODELS[1], tmp_path / "b.onnx")
    programmed = calibrator.program(MODELS[1].matrix(rng))
    assert repr(calibrator) == "<Calibrator concatsquash 7x5, folded>"
    assert repr(programmed) == "<ProgrammedCalibrator concatsquash 7x5, recalibrated: nothing>"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"taken_v2": np.diag([1e-9, 1e-9, -1e-9])}, RangeError),
        ({"taken_v2": 1e-9 * np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])}, RangeError),
        ({"taken_v2": 1e-9 * np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])}, RangeError),
        ({"taken_v2": np.full((3, 3), np.nan)}, RangeError),
        ({"taken_v2": np.zeros((3, 2))}, ShapeError),
        ({"taken_v2": np.zeros((4, 4))}, ShapeError),
        ({"row_v2": np.array([0.0, -1e-9])}, RangeError),
        ({"noise_v": -1e-4}, RangeError),
    ],
)
def test_errors_of_driven_inputs_that_are_none_are_refused(change: dict, error: type[Exception]):
    sound = DriveErrors(noise_v=1e-4, taken_v2=1e-9 * np.ones((3, 3)), row_v2=np.zeros(2))
    with pytest.raises(error):
        replace(sound, **change)
