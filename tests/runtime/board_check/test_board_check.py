import numpy as np
import pytest
from plain_board import PlainBoard

from crosscal.core.errors import ImplausibleCurrentError, IncompatibleBoardError, RangeError
from crosscal.runtime.board_check.behaviour import repeatability_finding
from crosscal.runtime.board_check.check import CheckPlan, check_board
from crosscal.runtime.board_check.findings import Verdict

SHAPES = [(12, 16), (16, 12), (5, 9), (24, 10), (8, 8)]
PLANTED = {
    "rows reversed": "rows are reversed",
    "columns reversed": "columns are reversed",
    "columns permuted": "columns are permuted",
    "two columns swapped": "1 shows 2, 2 shows 1",
    "two rows swapped": "rows are permuted",
    "sign": "negative",
    "microamperes": "µA",
    "dead row": "row {row} (counted from 1)",
    "dead column": "column {column} (counted from 1)",
    "slow settling": "wait longer",
    "outputs left on": "outputs off",
    "ranges differ": "differ by up to",
}


def _check(board, **plan):
    plan = CheckPlan(voltage_range_v=(0.0, board.protection_v), **plan)
    return check_board(board, plan, rest=board.rest)


def _faults(findings):
    return [finding for finding in findings if finding.verdict is Verdict.FAULT]


@pytest.mark.parametrize("seed", range(15))
def test_a_healthy_board_has_no_fault(seed):
    board = PlainBoard(SHAPES[seed % len(SHAPES)], seed)
    findings = _check(board)
    assert not _faults(findings), _faults(findings)
    assert not [f for f in findings if f.verdict is Verdict.UNKNOWN], findings


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_is_found_on_every_board(planted):
    for seed in range(8):
        rows, columns = shape = SHAPES[seed % len(SHAPES)]
        faults = _faults(_check(PlainBoard(shape, 1000 + seed, planted)))
        words = PLANTED[planted].format(row=rows // 2 + 1, column=columns // 3 + 1)
        assert any(words in fault.text for fault in faults), (seed, shape, faults)


def test_nothing_is_driven_beyond_the_limits():
    board = PlainBoard((12, 16), 3)
    _check(board)
    assert 0 < board.most_v <= board.protection_v


def test_a_matrix_of_its_own_is_written_only_if_asked_and_the_old_one_restored():
    board = PlainBoard((12, 16), 4)
    found_s = board.target_s.copy()
    _check(board)
    assert board.writes == 0
    _check(board, program=True)
    assert board.writes == 2
    np.testing.assert_array_equal(board.target_s, found_s)


def test_the_old_matrix_is_restored_after_an_interrupt():
    board = PlainBoard((12, 16), 4)
    found_s = board.target_s.copy()

    def interrupted(_):
        raise KeyboardInterrupt

    board.read = interrupted
    with pytest.raises(KeyboardInterrupt):
        _check(board, program=True)
    np.testing.assert_array_equal(board.target_s, found_s)


def test_a_board_whose_target_nobody_knows_is_checked_as_far_as_possible():
    board = PlainBoard((12, 16), 5)
    board.target_s = np.full((12, 16), np.nan)
    findings = _check(board)
    assert [f.test for f in findings if f.verdict is Verdict.UNKNOWN] == ["wiring"]
    assert not _faults(_check(board, program=True))


def test_a_matrix_without_contrast_does_not_tell_the_order():
    board = PlainBoard((12, 16), 6)
    board.program(np.full((12, 16), np.mean(board.conductance_limits_s)))
    unknown = [f for f in _check(board) if f.verdict is Verdict.UNKNOWN]
    assert "contrast" in unknown[0].text


def test_lines_that_are_too_alike_to_be_told_apart_are_named():
    board = PlainBoard((12, 16), 6)
    target_s = board.target_s.copy()
    target_s[:, 9] = target_s[:, 2]
    board.program(target_s)
    orders = [f for f in _check(board) if f.test == "order of rows and columns"]
    assert [f.verdict for f in orders] == [Verdict.NOTE]
    assert "columns 3 and 10 (counted from 1)" in orders[0].text


def test_a_few_stuck_cells_move_no_line():
    board = PlainBoard((12, 16), 7)
    board.cells_s[[1, 5, 8], [2, 2, 11]] = board.conductance_limits_s[1]
    assert not _faults(_check(board))


@pytest.mark.parametrize(
    ("error", "test", "words"),
    [
        (ImplausibleCurrentError(4.4, 1e-3), "unit", "µA"),
        (IncompatibleBoardError("got an array of shape (16, 1)"), "readings", "shape (16, 1)"),
    ],
)
def test_readings_that_the_port_refuses_are_a_finding(error, test, words):
    board = PlainBoard((12, 16), 8)
    board.conductance_limits_s, board.protection_v = (1e-6, 1e-6 * 4.4 / 12 / 0.4), 0.4

    def refused(_):
        raise error

    board.read = refused
    findings = _check(board)
    assert [(f.test, f.verdict) for f in findings] == [(test, Verdict.FAULT)]
    assert words in findings[0].text


@pytest.mark.parametrize(("columns", "verdict"), [(1, Verdict.NOTE), (16, Verdict.FAULT)])
def test_one_column_that_jumps_is_a_trap_and_all_of_them_are_a_drift(columns, verdict):
    current_a = np.random.default_rng(1).normal(1e-4, 1e-8, (32, 16))
    current_a[16:, :columns] *= 1.08
    finding, _ = repeatability_finding(current_a, 1e-3)
    assert finding.verdict is verdict


def test_a_board_that_cannot_be_read_at_rest_says_so():
    board = PlainBoard((12, 16), 9)
    findings = check_board(board, CheckPlan(voltage_range_v=(0.0, board.protection_v)), rest=lambda: None)
    assert [f.test for f in findings if f.verdict is Verdict.UNKNOWN] == ["rest"]


def test_a_range_that_is_none_is_refused():
    with pytest.raises(RangeError):
        CheckPlan(voltage_range_v=(0.5, 0.1))
