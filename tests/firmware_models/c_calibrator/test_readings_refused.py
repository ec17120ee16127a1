"""What is no reading: the same test as in Python, and an output that stays as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_program import Exported, needs_compiler
from specimens import specimen, trained

from crosscal.commands.export_c.header import programmed_header
from crosscal.core.errors import RangeError
from crosscal.runtime import ProgrammedCalibrator
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.inverse.fold import InverseCorrection

pytestmark = needs_compiler

GOOD, NOT_FINITE, OVER_RANGE, NOT_EXPLAINED = 0, 1, 2, 3


@pytest.fixture(scope="module", params=["affine", "concatsquash", "structured", "whitebox"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    found = trained(request.param, 5, 9)
    matrix_s, current_a = found.measured(3, seed=1)
    programmed = found.calibrator.program(matrix_s)
    header = programmed_header(programmed, name="board", self_test=True)
    # The option under which compilers take tests for NaN away.
    options = ("-O1", "-ffast-math")
    return (
        programmed,
        Exported(header, "board", tmp_path_factory.mktemp(request.param), options),
        current_a[0],
    )


@pytest.mark.parametrize(
    ("value", "status"),
    [(np.nan, 1), (-np.nan, 1), (np.inf, 1), (-np.inf, 1), (1.0, 2), (-1.0, 2), (3e38, 2), (9.91e37, 2)],
)
@pytest.mark.parametrize("column", [0, 8])
def test_what_is_no_reading_is_refused_and_nothing_is_written(case, value, status, column) -> None:
    programmed, exported, current_a = case
    current_a = current_a.copy()
    current_a[column] = value
    found, answer_a = exported.calibrate(current_a)
    assert found == status
    assert (answer_a == 7.0).all()
    with pytest.raises(RangeError):
        programmed(current_a)


def test_the_limit_itself_is_taken_and_the_next_number_is_not(tmp_path: Path) -> None:
    # Readings of the limit in every column are explained by no inputs: a calibrator that does not ask.
    found = specimen("affine", 5, 9)
    matrix_s, current_a = found.measured(1, seed=1)
    programmed = found.calibrator.program(matrix_s)
    exported = Exported(programmed_header(programmed, name="board"), "board", tmp_path)
    limit_a = np.float32(programmed.limit_a)
    if float(limit_a) > programmed.limit_a:
        limit_a = np.nextafter(limit_a, np.float32(0))
    at_limit, beyond = current_a[0].copy(), current_a[0].copy()
    at_limit[3], beyond[3] = -limit_a, np.nextafter(limit_a, np.float32(1))
    programmed(at_limit)
    assert exported.calibrate(at_limit)[0] == GOOD
    assert exported.calibrate(beyond)[0] == OVER_RANGE


def test_what_no_inputs_explain_is_refused_exactly_where_python_refuses_it(case) -> None:
    programmed, exported, current_a = case
    rng = np.random.default_rng(3)
    ranges = rng.choice([0.003, 0.03, 0.1, 0.3, 1.0, 2.0], (400, 1))
    readings = (current_a * (1.0 + ranges * rng.standard_normal((400, 9)))).astype(np.float32)
    readings[:20] = current_a * np.linspace(-2.0, 3.0, 20, dtype=np.float32)[:, None]
    python = np.array([accepted(programmed, reading) for reading in readings])
    found = [exported.calibrate(reading) for reading in readings]
    status = np.array([status for status, _ in found])
    assert set(status) == {GOOD, NOT_EXPLAINED}
    # A reading on the very edge may fall to either side, as sums are rounded in another order.
    assert ((status == GOOD) != python).sum() <= 1
    assert 20 < python.sum() < 380
    assert all((answer_a == 7.0).all() for status, answer_a in found if status == NOT_EXPLAINED)


def test_readings_that_python_takes_only_when_told_to_are_answered_alike(tmp_path: Path) -> None:
    for kind in ("affine", "structured"):
        found = trained(kind, 5, 9)
        matrix_s, current_a = found.measured(1, seed=1)
        free = found.calibrator.program(matrix_s, allow_extrapolation=True)
        exported = Exported(programmed_header(free, name=kind), kind, tmp_path)
        reading = -current_a[0]
        assert not accepted(found.calibrator.program(matrix_s), reading)
        status, answer_a = exported.calibrate(reading)
        assert status == GOOD
        expected_a = free(reading.astype(np.float64))
        assert np.abs(answer_a - expected_a).max() <= 1e-5 * np.abs(expected_a).max()


@pytest.mark.parametrize("kind", ["structured", "whitebox"])
def test_small_currents_of_a_lower_range_are_read_without_offsets_as_in_python(
    kind: str, tmp_path: Path
) -> None:
    found = trained(kind, 5, 9)
    matrix_s, current_a = found.measured(40, seed=4)
    tensors = found.calibrator.program(matrix_s).correction.tensors
    without = (current_a - tensors.current_shift).astype(np.float32)
    shifted = replace(tensors, current_shift=tensors.current_shift + 30e-6)
    programmed = replace(
        found.calibrator.program(matrix_s), correction=InverseCorrection(shifted, no_trim(9))
    )
    exported = Exported(programmed_header(programmed, name="board"), "board", tmp_path)
    taken = [reading for reading in without if accepted(programmed, reading)]
    assert len(taken) > 20
    for reading in taken:
        expected_a = programmed(reading.astype(np.float64))
        status, answer_a = exported.calibrate(reading)
        assert status == GOOD
        assert np.abs(answer_a - expected_a).max() <= 2e-5 * np.abs(expected_a).max()


def no_trim(columns: int) -> AffineCorrection:
    return AffineCorrection(gain=np.ones(columns), offset_a=np.zeros(columns))


def accepted(programmed: ProgrammedCalibrator, reading: np.ndarray) -> bool:
    try:
        programmed(reading.astype(np.float64))
    except RangeError:
        return False
    return True


def test_the_first_column_that_is_no_reading_decides(case) -> None:
    _, exported, current_a = case
    current_a = current_a.copy()
    current_a[2], current_a[5] = 1.0, np.nan
    assert exported.calibrate(current_a)[0] == OVER_RANGE
    current_a[1] = np.nan
    assert exported.calibrate(current_a)[0] == NOT_FINITE


def test_the_answer_may_replace_its_reading(case) -> None:
    _, exported, current_a = case
    _, expected_a = exported.calibrate(current_a)
    in_place = current_a.copy()
    assert exported.call("calibrate", in_place, in_place) == GOOD
    np.testing.assert_array_equal(in_place, expected_a)


def test_a_self_test_passes(case) -> None:
    _, exported, _ = case
    assert exported.call("self_test") == 0


def test_a_self_test_notices_one_changed_constant(tmp_path: Path) -> None:
    found = specimen("affine", 5, 9)
    matrix_s, _ = found.measured(1, seed=1)
    header = programmed_header(found.calibrator.program(matrix_s), name="board", self_test=True)
    before, after = header.split("board_gain[9] = {", 1)
    damaged = f"{before}board_gain[9] = {{{after.replace('p', 'p1', 1)}"
    assert damaged != header
    assert Exported(damaged, "board", tmp_path).call("self_test") == 1
