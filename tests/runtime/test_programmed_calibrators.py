"""What a bench script calls at every read: right for every array it may be handed, or one clear error."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibrator_models import Model, affine_model, concatsquash_model
from numba import config

from crosscal.core.errors import CrosscalError, InputError, RangeError, ShapeError
from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.runtime.file_format.calibrator_file import seal_calibrator
from crosscal.runtime.validation import writable_output

pytestmark = pytest.mark.kernel

ROWS, COLUMNS = 7, 5


def loaded(model: Model, **changes: Any) -> Calibrator:
    return Calibrator.from_bytes(
        seal_calibrator(model.content, model.metadata(np.random.default_rng(2), **changes)), origin="test"
    )


MODELS = {
    "affine": affine_model(ROWS, COLUMNS, np.random.default_rng(1)),
    "sigmoid": concatsquash_model(ROWS, COLUMNS, np.random.default_rng(1)),
    "tanh": concatsquash_model(ROWS, COLUMNS, np.random.default_rng(1), activation="tanh"),
}
CALIBRATORS = {
    **{name: (model, loaded(model)) for name, model in MODELS.items()},
    "onnx": (MODELS["sigmoid"], loaded(MODELS["sigmoid"], fold=None)),
}


@pytest.fixture(params=sorted(CALIBRATORS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(name: str) -> Model:
    return CALIBRATORS[name][0]


@pytest.fixture
def matrix(model: Model) -> np.ndarray:
    return model.matrix(np.random.default_rng(3))


@pytest.fixture
def programmed(name: str, matrix: np.ndarray) -> ProgrammedCalibrator:
    return CALIBRATORS[name][1].program(matrix)


@pytest.fixture
def current_a(model: Model) -> np.ndarray:
    return model.currents(np.random.default_rng(4), 6)


def test_calibrates_as_the_unfolded_mathematics_does(
    model: Model, matrix: np.ndarray, programmed: ProgrammedCalibrator, current_a: np.ndarray
):
    expected = model.expected(matrix, current_a)
    # Files promise 1e-5; float32 arithmetic leaves a few 1e-7.
    np.testing.assert_allclose(programmed(current_a), expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    assert programmed.shape == (ROWS, COLUMNS)


def test_each_matrix_has_its_own_calibration(name: str, model: Model, current_a: np.ndarray):
    for seed in (10, 11):
        matrix = model.matrix(np.random.default_rng(seed))
        expected = model.expected(matrix, current_a)
        answer = CALIBRATORS[name][1].program(matrix)(current_a)
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_rank_and_type_of_the_answer_are_those_of_the_currents(
    programmed: ProgrammedCalibrator, current_a: np.ndarray
):
    for dtype in (np.float32, np.float64):
        for given in (current_a, current_a[:1], current_a[0], current_a[:0]):
            answer = programmed(given.astype(dtype))
            assert (answer.shape, answer.dtype) == (given.shape, np.dtype(dtype))


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array: np.ndarray) -> np.ndarray:
    # As binary blocks arrive from an instrument: after a header of odd length, and read-only.
    return np.frombuffer(b"#" + array.tobytes(), dtype=array.dtype, offset=1).reshape(array.shape)


@pytest.mark.parametrize(
    "form",
    [
        read_only,
        unaligned,
        np.asfortranarray,
        lambda array: np.repeat(array, 2, axis=0)[::2],
        lambda array: np.repeat(array, 2, axis=1)[:, ::2],
        lambda array: array.astype(">f8"),
        lambda array: array.tolist(),
        lambda array: array[::-1][::-1],
        lambda array: np.ma.masked_array(array),
    ],
)
def test_any_layout_of_the_same_numbers_gives_the_same_answer(
    programmed: ProgrammedCalibrator, current_a: np.ndarray, form: Callable[[np.ndarray], Any]
):
    np.testing.assert_array_equal(programmed(form(current_a)), programmed(current_a))


def test_whole_numbers_are_taken_as_amperes():
    programmed = CALIBRATORS["affine"][1].program(
        MODELS["affine"].matrix(np.random.default_rng(3)), allow_extrapolation=True
    )
    whole = np.arange(COLUMNS)
    np.testing.assert_array_equal(programmed(whole), programmed(whole.astype(np.float64)))


def test_writes_into_out_and_returns_it(
    tmp_path: Path, programmed: ProgrammedCalibrator, current_a: np.ndarray
):
    expected = programmed(current_a)
    out = np.full_like(current_a, np.nan)
    assert programmed(current_a, out) is out
    np.testing.assert_array_equal(out, expected)
    mapped = np.memmap(tmp_path / "shared", dtype=np.float64, mode="w+", shape=current_a.shape)
    assert programmed(current_a, out=mapped) is mapped
    np.testing.assert_array_equal(mapped, expected)
    in_place = current_a.copy()
    programmed(in_place, out=in_place)
    np.testing.assert_array_equal(in_place, expected)


def test_out_that_cannot_be_used_is_one_error_and_stays_as_it_is(
    programmed: ProgrammedCalibrator, current_a: np.ndarray
):
    room = np.zeros((8, COLUMNS))
    room[:6] = current_a
    for out, error in [
        (np.zeros((6, COLUMNS), dtype=np.float32), InputError),
        (np.zeros((6, 2 * COLUMNS))[:, ::2], InputError),
        (read_only(np.zeros((6, COLUMNS))), InputError),
        (np.ma.masked_array(np.zeros((6, COLUMNS))), InputError),
        (np.zeros((5, COLUMNS)), ShapeError),
        (np.zeros(COLUMNS), ShapeError),
        (room[1:7], InputError),
    ]:
        before = np.array(out)
        with pytest.raises(error, match="got out="):
            programmed(room[:6], out=out)
        np.testing.assert_array_equal(np.array(out), before)


def test_out_that_is_no_array_is_one_error(current_a: np.ndarray):
    with pytest.raises(InputError, match="got out= list"):
        writable_output(current_a.tolist(), current_a)


@pytest.mark.parametrize("shape", [(), (COLUMNS + 1,), (ROWS,), (6, ROWS), (2, 3, COLUMNS), (COLUMNS, 6)])
def test_currents_of_a_board_of_another_size_are_refused(
    programmed: ProgrammedCalibrator, shape: tuple[int, ...]
):
    with pytest.raises(ShapeError, match=rf"allowed: \({COLUMNS},\) or \(vectors, {COLUMNS}\)"):
        programmed(np.zeros(shape))


@pytest.mark.parametrize(
    "currents",
    [
        np.zeros(COLUMNS, dtype=complex),
        np.array([None] * COLUMNS),
        np.array(["1"] * COLUMNS),
        np.zeros(COLUMNS, dtype=bool),
        [[1.0, 2.0], [1.0]],
        "currents",
    ],
)
def test_what_is_no_real_number_is_refused(programmed: ProgrammedCalibrator, currents: Any):
    with pytest.raises(InputError, match="got currents"):
        programmed(currents)


# 9.91E37 is SCPI's not-a-number: finite, and a saturating network would turn it into something plausible.
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 9.91e37, 1.0])
def test_what_is_no_reading_is_refused_and_nothing_is_written(
    programmed: ProgrammedCalibrator, current_a: np.ndarray, bad: float
):
    current_a[4, 2] = bad
    out = np.full_like(current_a, 77.0)
    with pytest.raises(RangeError, match="in vector 5, column 3"):
        programmed(current_a, out)
    assert (out == 77.0).all()
    with pytest.raises(RangeError, match="in vector 1, column 3"):
        programmed(current_a[4])


def test_missing_readings_come_back_missing_when_they_are_allowed(
    name: str, programmed: ProgrammedCalibrator, current_a: np.ndarray
):
    expected = programmed(current_a)
    spoiled = current_a.copy()
    spoiled[4, 2] = np.nan
    if name == "affine":
        expected[4, 2] = np.nan
    else:
        expected[4] = np.nan
    np.testing.assert_array_equal(programmed(spoiled, allow_nan=True), expected)
    np.testing.assert_array_equal(programmed(spoiled[4], allow_nan=True), expected[4])
    programmed(spoiled, spoiled, allow_nan=True)
    np.testing.assert_array_equal(spoiled, expected)


def test_a_masked_reading_is_a_missing_one(programmed: ProgrammedCalibrator, current_a: np.ndarray):
    masked = np.ma.masked_array(current_a, mask=np.zeros(current_a.shape, dtype=bool))
    masked[4, 2] = np.ma.masked
    with pytest.raises(RangeError, match="nan A in vector 5, column 3"):
        programmed(masked)
    assert np.isnan(programmed(masked, allow_nan=True)[4, 2])


def test_an_overload_beside_a_missing_reading_is_still_refused(
    programmed: ProgrammedCalibrator, current_a: np.ndarray
):
    current_a[1, 1], current_a[4, 2] = np.nan, np.inf
    out = np.full_like(current_a, 77.0)
    with pytest.raises(RangeError, match="in vector 5, column 3"):
        programmed(current_a, out, allow_nan=True)
    assert (out == 77.0).all()


def test_threads_that_share_it_do_not_disturb_each_other(model: Model, programmed: ProgrammedCalibrator):
    # Long enough for calls to overlap: compiled, a batch takes about a millisecond.
    threads, vectors, reads = (3, 20, 3) if config.DISABLE_JIT else (4, 3000, 40)
    batches = [model.currents(np.random.default_rng(seed), vectors + seed) for seed in range(threads)]
    expected = [programmed(batch) for batch in batches]
    start = threading.Barrier(threads)
    wrong: list[int] = []

    def read(index: int) -> None:
        out = np.empty_like(batches[index])
        start.wait()
        for _ in range(reads):
            out.fill(0.0)
            programmed(batches[index], out)
            if not np.array_equal(out, expected[index]):
                wrong.append(index)

    workers = [threading.Thread(target=read, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_the_matrix_is_kept_as_it_was_when_programmed(
    programmed: ProgrammedCalibrator, matrix: np.ndarray, current_a: np.ndarray
):
    expected, kept = programmed(current_a), matrix.copy()
    matrix[:] = 0.0
    np.testing.assert_array_equal(programmed.conductance_s, kept)
    np.testing.assert_array_equal(programmed(current_a), expected)
    with pytest.raises(ValueError, match="read-only"):
        programmed.conductance_s[0, 0] = 1.0


@pytest.mark.parametrize(
    ("spoil", "error", "complaint"),
    [
        (lambda g: g.T, ShapeError, r"shape \(5, 7\); allowed: \(7, 5\)"),
        (lambda g: g[0], ShapeError, r"shape \(5,\)"),
        (lambda g: g[None], ShapeError, r"shape \(1, 7, 5\)"),
        (lambda g: g.astype(complex), InputError, "complex128"),
        (lambda g: g.astype(object), InputError, "object"),
        (lambda g: np.where(np.arange(COLUMNS) == 2, np.nan, g), RangeError, "nan S in row 1, column 3"),
        (lambda g: np.where(np.arange(COLUMNS) == 2, np.inf, g), RangeError, "inf S in row 1, column 3"),
        (lambda g: np.where(np.arange(COLUMNS) == 2, -g, g), RangeError, "row 1, column 3"),
        (
            lambda g: np.where(np.arange(COLUMNS) == 2, 2e-4, g),
            RangeError,
            "7 of 35 .* 0.0002 S in row 1, column 3",
        ),
        (lambda g: np.where(np.arange(COLUMNS) == 2, 0.0, g), RangeError, "allow_extrapolation"),
        (lambda g: g * 1e6, RangeError, "1.66e-05 S to 0.0001 S"),
    ],
)
def test_a_matrix_that_cannot_be_trusted_is_refused(
    name: str,
    matrix: np.ndarray,
    spoil: Callable[[np.ndarray], np.ndarray],
    error: type[CrosscalError],
    complaint: str,
):
    with pytest.raises(error, match=complaint):
        CALIBRATORS[name][1].program(spoil(matrix))


def test_the_limits_of_the_trained_range_are_inside_it_whatever_their_last_digit(
    name: str, matrix: np.ndarray
):
    matrix[0, 0], matrix[1, 1] = np.float32(16.6e-6), np.float32(100e-6)
    CALIBRATORS[name][1].program(matrix)
    CALIBRATORS[name][1].program(matrix.astype(np.float32))


def test_extrapolation_is_possible_for_who_asks_for_it(name: str, model: Model, matrix: np.ndarray):
    matrix[0, 0] = 2e-4
    programmed = CALIBRATORS[name][1].program(matrix, allow_extrapolation=True)
    current_a = model.currents(np.random.default_rng(4), 3) * 100.0
    expected = model.expected(matrix, current_a)
    np.testing.assert_allclose(programmed(current_a), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    with pytest.raises(RangeError, match=r"9\.91e\+37"):
        programmed(np.full(COLUMNS, 9.91e37))


def test_tells_which_vectors_lie_within_what_was_trained_on(
    programmed: ProgrammedCalibrator, current_a: np.ndarray
):
    current_a[2, 3] = 0.0
    np.testing.assert_array_equal(programmed.within_trained_range(current_a), np.arange(6) != 2)
    assert programmed.within_trained_range(current_a[0]).shape == ()
