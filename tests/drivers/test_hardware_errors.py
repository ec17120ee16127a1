"""Failures of the hardware as the driver raises them: -240 with the reason, not the -230 that follows."""

from __future__ import annotations

import numpy as np
import pytest
from engine_link import board_on_paper
from paper_board import PaperBoard, groups_without

from crosscal.core.errors import ScpiError

REASON = "SolverError: cell 3,4 at 0.5 V is beyond triode"


class SolverError(RuntimeError):
    """Such as a simulated board meets."""


def failing(name: str, *, absent: tuple[str, ...] = ()) -> PaperBoard:
    paper = PaperBoard(capabilities=groups_without(*absent))
    paper.failures = {name: SolverError(REASON.partition(": ")[2])}
    return paper


@pytest.mark.parametrize("absent", [(), ("SEQ",)], ids=["sequence", "vectors"])
@pytest.mark.parametrize("vectors", [1, 3, 9])
def test_a_failed_acquisition_is_a_hardware_error_with_its_reason(
    absent: tuple[str, ...], vectors: int
) -> None:
    with board_on_paper(failing("measure", absent=absent)) as (board, _, paper):
        with pytest.raises(ScpiError, match="-240") as raised:
            board.measure(np.full((vectors, 3), 0.5))
        assert (raised.value.code, REASON in raised.value.text) == (-240, True)
        assert not board.output_on
        paper.failures.clear()
        assert board.measure(np.zeros(3)).shape == (2,)


@pytest.mark.parametrize("name", ["begin_programming", "programming_iteration"])
def test_failed_programming_is_a_hardware_error_with_its_reason(name: str) -> None:
    with board_on_paper(failing(name)) as (board, _, _):
        with pytest.raises(ScpiError, match="-240") as raised:
            board.program(np.full((3, 2), 1e-4))
        assert REASON in raised.value.text


def test_a_failed_query_is_a_hardware_error_with_its_reason() -> None:
    with board_on_paper(failing("read_conductance")) as (board, _, _):
        with pytest.raises(ScpiError, match="-240") as raised:
            board.read_conductance()
        assert REASON in raised.value.text
    with board_on_paper(failing("temperature_c")) as (board, _, _), pytest.raises(ScpiError, match="-240"):
        _ = board.temperature_c


@pytest.mark.parametrize("name", ["advance_time", "reseed"])
def test_a_failed_command_of_a_simulation_is_a_hardware_error(name: str) -> None:
    with board_on_paper(failing(name)) as (board, _, _), pytest.raises(ScpiError, match="-240"):
        board.simulation.advance_time(1.0) if name == "advance_time" else board.simulation.reseed(3)


def test_a_faulty_amplifier_is_still_a_condition_beside_good_readings() -> None:
    with board_on_paper() as (board, _, _):
        board.simulation.fault_amplifier(2)
        readout = board.read(np.full(3, 0.1))
        assert [condition.code for condition in readout.conditions] == [-240]
        assert np.isfinite(readout.current_a[0, 0])
