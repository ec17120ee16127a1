"""Every command that the driver can send goes through the firmware's own parser: two copies of a contract."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from engine_link import EngineLink, board_on_paper
from paper_board import ALL_GROUPS, PaperBoard, groups_without

from crosscal.core.errors import ReadingError
from crosscal.drivers import Board

HEADER = re.compile(
    rb'[:"](\*[A-Z]{3}\??|(?:SYST|STAT|ARR|SOUR|OUTP|SENS|INIT|ABOR|TRIG|FETC|TRAC|DIAG|SIM|FORM)'
    rb'(?::[A-Z]+)*\??)(?=[ "{;])'
)
NOT_DRIVING = {"expected_protocol.py"}
"""Repeats, for scripts' tests, what other files send."""


def headers_in_source() -> set[bytes]:
    """Every SCPI header that stands in the driver's code."""
    found: set[bytes] = set()
    for file in Path(str(resources.files("crosscal.drivers"))).rglob("*.py"):
        if file.name not in NOT_DRIVING:
            found.update(HEADER.findall(file.read_bytes()))
    return found - {group.encode() for group in ALL_GROUPS}


def headers_sent(messages: list[bytes]) -> set[bytes]:
    """Every header in some messages."""
    units = re.split(rb"[;\n]", b"\n".join(map(without_blocks, messages)))
    return {unit.split(b" ")[0].lstrip(b":") for unit in units if unit}


def without_blocks(message: bytes) -> bytes:
    rest, at = b"", 0
    while (start := message.find(b"#", at)) >= 0:
        digits = int(message[start + 1 : start + 2])
        rest += message[at:start]
        at = start + 2 + digits + int(message[start + 2 : start + 2 + digits])
    return rest + message[at:]


def use_everything(board: Board) -> None:
    """Call all of a board's methods and properties."""
    groups = board.capabilities
    rng = np.random.default_rng(0)
    vectors = rng.uniform(-0.5, 0.5, (4, board.shape[0]))
    matrix = rng.uniform(*board.conductance_limits_s, board.shape)
    if "PROG" in groups:
        board.tolerance = 0.02
        board.max_iterations = 20
        assert board.program(matrix).cells_failed == 0
        assert np.array_equal(board.target_s, matrix)
    if "READBACK" in groups:
        assert board.read_conductance().shape == board.shape
    board.protection_v = 0.7
    board.aperture_s = 2e-3
    board.averages = 3
    if "SEQ" in groups:
        board.dwell_s = 1e-3
    board.range_a = 1e-3
    board.range_auto = True
    board.output_on = True
    assert board.measure(vectors).shape == (4, board.shape[1])
    assert board.adc.bits == 24
    assert board.dac.full_scale == 1.0
    assert (board.temperature_c is None) == ("TEMP" not in groups)
    assert board.settings()["SENS:AVER:COUN"] == 3
    assert board.query("*OPT?")
    steps = board.stepwise()
    steps.acknowledge()
    assert not steps.changed()
    if "SIM" in groups:
        use_simulation(board, vectors)
    board.reset()


def use_simulation(board: Board, vectors: np.ndarray) -> None:
    board.simulation.advance_time(5.0)
    board.simulation.set_temperature(30.0)
    board.simulation.reseed(4)
    for kind in ("open", "SHORT", "STUCK"):
        board.simulation.fault_cell(2, 1, kind)
    board.simulation.fault_amplifier(1)
    with pytest.raises(ReadingError):
        board.measure(vectors)
    board.simulation.fault_link("DROP")
    board.simulation.clear_faults()
    assert board.simulation.true_conductance_s().shape == board.shape
    if "AGE" in board.capabilities:
        assert board.simulation.cell_age_s().shape == board.shape
        assert board.simulation.written_s().shape == board.shape


def interrupt(board: Board, link: EngineLink) -> None:
    """Press Ctrl-C while the board is programming, then while it measures."""

    def press(message: bytes) -> None:
        if b":STAT:OPER:COND?" in message:
            raise KeyboardInterrupt

    link.on_send = press
    with pytest.raises(KeyboardInterrupt):
        board.program(np.full(board.shape, 1e-4))
    with pytest.raises(KeyboardInterrupt):
        board.read(np.zeros(board.shape[0]))
    link.on_send = lambda _: None


@pytest.mark.parametrize("absent", [(), *((group,) for group in ALL_GROUPS), ALL_GROUPS])
def test_a_board_takes_all_that_the_driver_sends_whatever_groups_it_has(absent: tuple[str, ...]) -> None:
    paper = PaperBoard(capabilities=groups_without(*absent))
    with board_on_paper(paper) as (board, _, _):
        assert board.capabilities == set(groups_without(*absent))
        use_everything(board)
        assert board.query("SYST:ERR:ALL?") == '0,"No error"'


def test_no_command_in_the_drivers_code_was_left_out() -> None:
    messages: list[bytes] = []
    for groups in ((*ALL_GROUPS, "AGE", "LOCK"), groups_without("SEQ")):
        with board_on_paper(PaperBoard(capabilities=groups)) as (board, link, _):
            with board.undisturbed():
                use_everything(board)
            board.abort()
            interrupt(board, link)
        messages += link.sent
    sent, known = headers_sent(messages), headers_in_source()
    # A setting's header stands once in the code, for both its command and its query.
    assert not {header for header in known if not {header, header + b"?"} & sent}
    # The other way round: the search through the source finds all that is sent.
    assert not {header for header in sent if not {header, header.rstrip(b"?")} & known}


def test_rows_and_columns_are_never_mixed_up() -> None:
    """5 x 3 with all values different: any exchange of the two shows."""
    with board_on_paper(PaperBoard(rows=5, columns=3)) as (board, _, _):
        assert board.shape == (5, 3)
        matrix = (1 + np.arange(15).reshape(5, 3)) * 1e-5
        board.program(matrix)
        vectors = np.array([[0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.0, 0.0, 0.0, 0.0]])
        assert np.array_equal(board.target_s, matrix)
        assert np.array_equal(board.read_conductance(), matrix)
        assert np.allclose(board.measure(vectors), vectors @ matrix, rtol=1e-12)
        assert np.allclose(board.measure(vectors[0]), matrix.T @ vectors[0], rtol=1e-12)
        board.simulation.fault_cell(row=4, column=2, kind="OPEN")
        matrix[3, 1] = 0.0
        assert np.array_equal(board.simulation.true_conductance_s(), matrix)
        assert np.allclose(board.measure(vectors), vectors @ matrix, rtol=1e-12)
