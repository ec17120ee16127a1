"""What is no reading: the same test as in Python, and an output that stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from c_program import Exported, needs_compiler
from specimens import specimen

from crosscal.commands.export_c.header import programmed_header
from crosscal.core.errors import RangeError

pytestmark = needs_compiler

GOOD, NOT_FINITE, OVER_RANGE = 0, 1, 2


@pytest.fixture(scope="module", params=["affine", "concatsquash", "structured"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    found = specimen(request.param, 5, 9)
    matrix_s, current_a = found.measured(3, seed=1)
    programmed = found.calibrator.program(matrix_s)
    header = programmed_header(programmed, name="board", self_test=True)
    # The option under which compilers take tests for NaN away.
    options = ("-O2", "-ffast-math")
    return (
        programmed,
        Exported(header, "board", tmp_path_factory.mktemp(request.param), options),
        current_a[0],
    )


@pytest.mark.parametrize(
    ("value", "status"),
    [(np.nan, 1), (-np.nan, 1), (np.inf, 1), (-np.inf, 1), (1.0, 2), (-1.0, 2), (3e38, 2), (9.91e37, 2)],
)
@pytest.mark.parametrize("column", [0, 4, 8])
def test_what_is_no_reading_is_refused_and_nothing_is_written(case, value, status, column) -> None:
    programmed, exported, current_a = case
    current_a = current_a.copy()
    current_a[column] = value
    found, answer_a = exported.calibrate(current_a)
    assert found == status
    assert (answer_a == 7.0).all()
    with pytest.raises(RangeError):
        programmed(current_a)


def test_the_limit_itself_is_taken_and_the_next_number_is_not(case) -> None:
    programmed, exported, current_a = case
    limit_a = np.float32(programmed.limit_a)
    if float(limit_a) > programmed.limit_a:
        limit_a = np.nextafter(limit_a, np.float32(0))
    at_limit, beyond = current_a.copy(), current_a.copy()
    at_limit[3], beyond[3] = -limit_a, np.nextafter(limit_a, np.float32(1))
    programmed(at_limit)
    assert exported.calibrate(at_limit)[0] == GOOD
    assert exported.calibrate(beyond)[0] == OVER_RANGE


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
