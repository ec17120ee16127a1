"""Boards with a Python API as SCPI instruments: over a real TCP socket and a real pseudo-terminal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from core.fake_lab import CodedBoard, PulsedBoard, WrittenBoard

import crosscal
from crosscal.core.errors import ScpiError
from crosscal.firmware_models.serving.powered_board import PoweredBoard
from crosscal.firmware_models.serving.server import BoardServer, serve_tcp
from crosscal.lab_hardware import LabHardware

TARGET_S = np.random.default_rng(3).uniform(2e-6, 20e-6, (5, 9))
VECTORS_V = np.random.default_rng(4).uniform(-0.2, 0.2, (7, 5))
TESTS = Path(__file__).parent.parent


@pytest.fixture(params=[WrittenBoard, PulsedBoard, CodedBoard])
def served(request):
    lab = request.param()
    with (
        serve_tcp(BoardServer(PoweredBoard(LabHardware(lab)))) as server,
        crosscal.open_board(server.resource, backend="@py") as board,
    ):
        yield lab, board


def test_a_served_board_multiplies_as_it_does_in_python(served):
    lab, board = served
    assert board.shape == (5, 9)
    assert board.identity.startswith(lab.identity.split(",")[0])
    assert board.program(TARGET_S).cells_failed == 0
    np.testing.assert_array_equal(board.target_s, TARGET_S)
    np.testing.assert_allclose(board.measure(VECTORS_V), lab.measure(VECTORS_V), rtol=1e-12, atol=1e-15)


def test_a_served_board_reads_back_as_far_as_its_class_can(served):
    lab, board = served
    board.program(TARGET_S)
    assert ("READBACK" in board.capabilities) == isinstance(lab, PulsedBoard)
    if isinstance(lab, PulsedBoard):
        np.testing.assert_allclose(board.read_conductance(), lab.chip.conductance_s, rtol=1e-12)


def test_pulses_are_limited_by_the_tolerance_that_a_client_sets():
    lab = PulsedBoard()
    with (
        serve_tcp(BoardServer(PoweredBoard(LabHardware(lab)))) as server,
        crosscal.open_board(server.resource, backend="@py") as board,
    ):
        board.tolerance = 0.2
        board.program(TARGET_S)
        loose = len(lab.pulses)
        assert np.abs(lab.chip.conductance_s / TARGET_S - 1).max() <= 0.2
        board.tolerance = 0.03
        board.program(TARGET_S)
        assert np.abs(lab.chip.conductance_s / TARGET_S - 1).max() <= 0.03
        assert len(lab.pulses) > loose


def test_averages_are_taken_by_reading_again():
    lab = WrittenBoard()
    with (
        serve_tcp(BoardServer(PoweredBoard(LabHardware(lab)))) as server,
        crosscal.open_board(server.resource, backend="@py") as board,
    ):
        board.program(TARGET_S)
        before = lab.chip.calls.count("vmm")
        board.averages = 8
        board.measure(VECTORS_V)
        assert lab.chip.calls.count("vmm") - before >= 8


def test_a_missing_reading_goes_over_the_link_as_such():
    lab = WrittenBoard()
    with (
        serve_tcp(BoardServer(PoweredBoard(LabHardware(lab)))) as server,
        crosscal.open_board(server.resource, backend="@py") as board,
    ):
        board.program(TARGET_S)
        answer = np.full((1, 9), 1e-6)
        answer[0, 4] = np.nan
        lab.chip.vmm = lambda _: answer
        readout = board.read(np.full(5, 0.1))
        assert list(np.flatnonzero(~readout.usable[0])) == [4]
        assert np.isnan(readout.current_a[0, 4])


def test_a_simulated_boards_commands_are_none_of_a_lab_boards(served):
    _, board = served
    with pytest.raises(ScpiError, match="-113"):
        board.send("SIM:TIME:ADV 1")


LAB = """
from pathlib import Path
from core.fake_lab import WrittenBoard

class Board(WrittenBoard):
    def rest(self):
        super().rest()
        Path("rested").write_text(str(self.chip.driven_v.any()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a Windows process at once")
@pytest.mark.parametrize("way", ["tcp", "pty"])
def test_the_command_serves_until_it_is_told_to_end_and_leaves_every_line_at_rest(way, tmp_path):
    (tmp_path / "my_lab.py").write_text(LAB, encoding="utf-8")
    ways = {"tcp": ["--tcp", "0"], "pty": ["--pty", str(tmp_path / "board")]}
    process = subprocess.Popen(
        [sys.executable, "-m", "crosscal", "serve", "my_lab:Board", *ways[way]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=_environment(),
    )
    try:
        resource = process.stdout.readline().strip()
        with crosscal.open_board(resource, backend="@py") as board:
            board.program(TARGET_S)
            np.testing.assert_allclose(board.measure(VECTORS_V), VECTORS_V @ TARGET_S, rtol=1e-12, atol=1e-15)
        (tmp_path / "rested").unlink(missing_ok=True)
        process.send_signal(signal.SIGTERM)
        _, notices = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, notices
    assert (tmp_path / "rested").read_text() == "False"


def _environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
