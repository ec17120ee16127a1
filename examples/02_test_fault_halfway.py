"""A pytest test of a bench script on a board that breaks half-way: `pytest 02_test_fault_halfway.py`.

The fixture `crosscal_bench` comes with the package and gives each test a fresh simulated board.
"""

import numpy as np
import pytest

from crosscal.core.errors import BoardConnectionError, ReadingError


def column_sums(board, voltage_v):
    """Stand-in for the script under test: read vectors one by one, keep what was read before an error."""
    currents_a = []
    try:
        for vector_v in voltage_v:
            currents_a.append(board.measure(vector_v))
    except (ReadingError, BoardConnectionError) as error:
        return np.array(currents_a), error
    return np.array(currents_a), None


@pytest.fixture
def board(crosscal_bench):
    with crosscal_bench.open_board() as opened:
        opened.program(np.full(opened.shape, 50e-6))
        yield opened


def test_reads_everything_on_a_sound_board(board):
    currents_a, error = column_sums(board, np.full((6, board.shape[0]), 0.2))
    assert error is None
    assert currents_a.shape == (6, board.shape[1])


class BreaksAfter:
    """A board that is sound for some reads, and is then given a fault."""

    def __init__(self, board, reads, fault):
        self.board, self.reads, self.fault = board, reads, fault

    def measure(self, voltage_v):
        if self.reads == 0:
            self.fault(self.board.simulation)
        self.reads -= 1
        return self.board.measure(voltage_v)


def test_an_amplifier_that_breaks_half_way_ends_the_run(board):
    broken = BreaksAfter(board, 3, lambda simulation: simulation.fault_amplifier(2))
    currents_a, error = column_sums(broken, np.full((6, board.shape[0]), 0.2))
    assert len(currents_a) == 3
    assert isinstance(error, ReadingError)
    assert not board.output_on, "the rows are at 0 V after a bad reading"


def test_a_shorted_cell_half_way_shows_in_its_column_alone(board):
    broken = BreaksAfter(board, 3, lambda simulation: simulation.fault_cell(5, 7, "SHORT"))
    currents_a, error = column_sums(broken, np.full((6, board.shape[0]), 0.01))
    assert error is None
    change = np.abs(currents_a[-1] - currents_a[0]) / currents_a[0]
    assert change.argmax() == 6  # columns of arrays count from 0, those of the board's commands from 1
