import numpy as np
import pytest
from core.fake_lab import CodedBoard, PulsedBoard, WrittenBoard

from crosscal import LabBoardFacts
from crosscal.core.errors import BoardError, IncompatibleBoardError, RangeError, ReadingError, ShapeError
from crosscal.core.port import CrossbarPort
from crosscal.core.readout import Status

TARGET_S = np.random.default_rng(3).uniform(2e-6, 20e-6, (5, 9))
VECTORS_V = np.random.default_rng(4).uniform(-0.2, 0.2, (7, 5))


def test_a_lab_board_is_a_crossbar_port_that_multiplies():
    with WrittenBoard() as board:
        assert isinstance(board, CrossbarPort)
        board.program(TARGET_S)
        # Not square: a mix-up of rows and columns cannot hide.
        np.testing.assert_allclose(board.measure(VECTORS_V), VECTORS_V @ TARGET_S, rtol=1e-12)
        assert board.measure(VECTORS_V[0]).shape == (9,)
        assert board.read(VECTORS_V[0]).current_a.shape == (1, 9)
        np.testing.assert_array_equal(board.target_s, TARGET_S)


def test_rows_are_read_in_groups_with_the_others_at_rest():
    with WrittenBoard() as board:
        board.program(TARGET_S)
        readout = board.read(VECTORS_V, passes=2)
        assert readout.current_a.shape == readout.status.shape == (7, 2, 9)
        for p, group in enumerate(board.row_groups(2)):
            expected_a = VECTORS_V[:, group] @ TARGET_S[group]
            np.testing.assert_allclose(readout.current_a[:, p], expected_a, rtol=1e-12)
        np.testing.assert_array_equal(readout.require_usable(), readout.current_a)
        with pytest.raises(RangeError, match="1 to 5"):
            board.read(VECTORS_V, passes=6)


def test_pulses_reach_the_target_within_the_tolerance():
    with PulsedBoard() as board:
        report = board.program(TARGET_S)
        error = np.abs(board.chip.conductance_s / TARGET_S - 1)
        assert error.max() <= board.tolerance
        assert report.cells_failed == 0
        assert report.rms_relative_error == pytest.approx(np.sqrt(np.mean(error**2)))
        assert {pulse[3] for pulse in board.pulses} == {1e-6}
        assert max(abs(pulse[2]) for pulse in board.pulses) <= 1.5
        assert "READBACK" in board.capabilities
        np.testing.assert_array_equal(board.read_conductance(), board.chip.conductance_s)


def test_a_cell_that_does_not_answer_to_pulses_is_counted_and_given_up():
    with PulsedBoard(stuck=(1, 2)) as board:
        assert board.program(np.full((5, 9), 1e-5)).cells_failed == 1
        assert sum(pulse[:2] == (1, 2) for pulse in board.pulses) == board.facts.pulses.sweeps


def test_boards_that_speak_codes_are_given_codes_and_give_amperes():
    with CodedBoard() as board:
        board.program(TARGET_S)
        current_a = board.measure(VECTORS_V)
        assert board.codes.dtype == np.int64
        assert board.codes.min() >= 50
        assert board.codes.max() <= 246
        # Half a step of either converter.
        bound_a = 0.5 * 0.4 / 196 * TARGET_S.sum(axis=0) + 0.5 * 50e-6 / 4095
        assert (np.abs(current_a - VECTORS_V @ TARGET_S) <= bound_a * (1 + 1e-9)).all()


def test_the_last_code_of_a_converter_is_over_range():
    with CodedBoard() as board:
        board.program(np.full((5, 9), 20e-6))
        # 5 × 20 µS × 0.2 V = 20 µA fits; nothing beyond 25 µA can be told apart.
        assert board.read(np.full(5, 0.2)).usable.all()
        board.chip.conductance_s[:, 3] = 60e-6
        readout = board.read(np.full(5, 0.2))
        assert list(np.flatnonzero(~readout.usable[0])) == [3]
        assert readout.current_a[0, 3] == pytest.approx(25e-6)


@pytest.mark.parametrize("nothing", [np.nan, 9.91e37])
def test_a_missing_reading_is_marked_and_never_measured(nothing):
    with WrittenBoard() as board:
        board.program(TARGET_S)
        answer = np.full((1, 9), 1e-6)
        answer[0, 4] = nothing
        board.chip.vmm = lambda _: answer
        readout = board.read(np.full(5, 0.1))
        assert readout.status[0, 4] == Status.AMPLIFIER_FAULT
        assert np.isnan(readout.current_a[0, 4])
        with pytest.raises(ReadingError, match="columns 5"):
            board.measure(np.full(5, 0.1))
        assert board.chip.rests > 0


def test_an_infinite_or_too_large_reading_stands_at_the_signed_full_scale():
    with WrittenBoard() as board:
        board.program(TARGET_S)
        board.chip.vmm = lambda _: np.array([[-np.inf, 2e-3, *[1e-6] * 7]])
        readout = board.read(np.full(5, 0.1))
        np.testing.assert_array_equal(readout.current_a[0, :2], [-1e-3, 1e-3])
        assert (readout.status[0, :2] == Status.OVER_RANGE).all()


@pytest.mark.parametrize("gain", [1e6, 1e3])
def test_micro_and_milliamperes_are_not_taken_for_amperes(gain):
    with WrittenBoard(gain=gain) as board:
        board.program(TARGET_S)
        with pytest.raises(IncompatibleBoardError, match="return amperes"):
            board.read(np.full(5, 0.2))
        assert not board.chip.driven_v.any()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.zeros((9, 1)), r"shape \(9, 1\)"),
        (np.zeros(9), r"shape \(9,\)"),
        (np.zeros((1, 9), complex), "ndarray"),
        ([["a"] * 9], "list"),
        ([[1.0], [1.0, 2.0]], "list"),
        (None, "NoneType"),
    ],
)
def test_an_answer_of_another_shape_or_type_is_refused(answer, words):
    with WrittenBoard() as board:
        board.chip.vmm = lambda _: answer
        board.gain = 1
        board.read_currents = lambda _: answer
        with pytest.raises(IncompatibleBoardError, match=words):
            board.read(np.full(5, 0.1))


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        (np.full(9, 0.1), ShapeError),
        (np.zeros((0, 5)), ShapeError),
        (np.full(5, 0.21), RangeError),
        (np.full(5, np.nan), RangeError),
        (np.full(5, True), RangeError),
        (np.ma.masked_array(np.full(5, 0.1), [False, True, False, False, False]), RangeError),
        ([[0.1] * 5, [0.1] * 4], RangeError),
    ],
)
def test_nothing_is_driven_by_inputs_that_the_board_cannot_take(inputs, error):
    with WrittenBoard() as board:
        with pytest.raises(error):
            board.read(inputs)
        assert board.chip.calls == []
        assert board.chip.rests == 0


@pytest.mark.parametrize("target", [TARGET_S.T, TARGET_S * 2, TARGET_S * np.nan])
def test_nothing_is_written_that_the_board_cannot_hold(target):
    with WrittenBoard() as board:
        before = board.chip.conductance_s.copy()
        with pytest.raises((ShapeError, RangeError)):
            board.program(target)
        np.testing.assert_array_equal(board.chip.conductance_s, before)
        assert np.isnan(board.target_s).all()


class Cable(Exception):
    """What a maker's package raises."""


@pytest.mark.parametrize("raised", [Cable("unplugged"), KeyboardInterrupt(), ValueError("7")])
def test_whatever_the_labs_code_raises_brings_every_line_to_rest(raised):
    def fail(voltage_v):
        board.chip.driven_v = voltage_v[0]
        raise raised

    board = WrittenBoard()
    board.read_currents = fail
    expected = BoardError if isinstance(raised, Exception) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        board.read(np.full(5, 0.1))
    assert not board.chip.driven_v.any()
    if expected is BoardError:
        assert type(raised).__name__ in str(caught.value)
        assert caught.value.__cause__ is raised


def test_closing_brings_every_line_to_rest_first_and_happens_once():
    board = WrittenBoard()
    with board:
        board.program(TARGET_S)
        board.measure(VECTORS_V)
    assert not board.chip.driven_v.any()
    board.close()
    assert board.closed == 1
    with pytest.raises(BoardError, match="closed"):
        board.read(np.full(5, 0.1))


def test_a_target_whose_writing_was_cut_off_is_not_the_boards_target():
    board = WrittenBoard()
    board.program(TARGET_S)

    def fail(*_):
        raise Cable("unplugged")

    board.write = fail
    with pytest.raises(BoardError):
        board.program(TARGET_S)
    assert np.isnan(board.target_s).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": (0, 9)},
        {"conductance_limits_s": (20e-6, 2e-6)},
        {"conductance_limits_s": (2.0, 20.0)},
        {"full_scale_a": 1000.0},
        {"full_scale_a": 0.0},
        {"voltage_limit_v": np.inf},
    ],
)
def test_impossible_facts_are_refused_where_they_are_written(changed):
    facts = {
        "identity": "lab,board",
        "shape": (5, 9),
        "conductance_limits_s": (2e-6, 20e-6),
        "full_scale_a": 1e-3,
        "voltage_limit_v": 0.2,
    }
    LabBoardFacts(**facts)
    with pytest.raises(RangeError):
        LabBoardFacts(**(facts | changed))
