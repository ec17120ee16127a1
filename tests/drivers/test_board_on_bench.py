"""The driver on the simulated bench, over every way in: real sockets, a real terminal, and VISA backends."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
import pyvisa
from paper_board import PaperBoard

import crosscal
from crosscal.core.errors import BoardConnectionError, BoardError, BoardTimeoutError, InputError, ReadingError
from crosscal.drivers import Board
from crosscal.firmware_models import Reading
from crosscal.firmware_models.serving import BoardServer, PoweredBoard
from crosscal.simulated_bench import add_to_sim

KINDS = ("TCPIP0::localhost::inst0", "SOCKET", "USB0", "GPIB0", "ASRL1")


def use(board: Board) -> None:
    """What a bench script does."""
    rng = np.random.default_rng(0)
    rows, columns = board.shape
    matrix = rng.uniform(*board.conductance_limits_s, board.shape)
    vectors = rng.uniform(0.1, 0.5, (7, rows))
    assert board.program(matrix).rms_relative_error < 0.05
    assert np.array_equal(board.target_s, matrix)
    assert np.abs(board.read_conductance() / matrix - 1).max() < 0.2
    currents = board.measure(vectors)
    assert currents.shape == (7, columns)
    # Wires and drivers take some of the current, sinh cells add some: the right size, not the ideal.
    ratio = currents / (vectors @ matrix)
    assert ratio.min() > 0.2
    assert ratio.max() < 1.5
    board.averages = 4
    assert board.settings()["SENS:AVER:COUN"] == 4
    board.simulation.fault_amplifier(columns)
    assert np.isnan(board.read(vectors).current_a[:, -1]).all()
    with pytest.raises(ReadingError):
        board.measure(vectors)
    board.simulation.clear_faults()
    assert board.simulation.true_conductance_s().shape == board.shape
    assert board.temperature_c == pytest.approx(25.0, abs=1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_resource_of_the_backend_crosscal_serves(crosscal_bench, kind: str) -> None:
    (resource,) = (name for name in crosscal_bench.resources if kind in name)
    with crosscal.open_board(resource, backend=crosscal_bench.backend) as board:
        use(board)


@pytest.mark.parametrize("resource", ["GPIB0::9::INSTR", "ASRL1::INSTR", "TCPIP0::localhost::5025::SOCKET"])
def test_plain_sim_serves_too(crosscal_bench, resource: str) -> None:
    manager = pyvisa.ResourceManager("@sim")
    device = add_to_sim(manager, crosscal_bench.bench, resource)
    with crosscal.open_board(resource, backend="@sim") as board:
        rng = np.random.default_rng(0)
        matrix = rng.uniform(*board.conductance_limits_s, board.shape)
        board.program(matrix)
        assert board.measure(rng.uniform(0.1, 0.5, (3, board.shape[0]))).shape == (3, board.shape[1])
        assert np.array_equal(board.target_s, matrix)
    assert device.resource_name == resource
    manager.close()


@pytest.mark.parametrize("way", ["tcp", "pty"])
def test_real_sockets_and_terminals_serve(crosscal_bench, way: str) -> None:
    server = BoardServer(PoweredBoard(crosscal_bench.bench))
    resource = server.listen_tcp("127.0.0.1", 0) if way == "tcp" else server.open_pty()
    with server, crosscal.open_board(resource, backend="@py") as board:
        use(board)


@pytest.mark.parametrize("kind", KINDS)
def test_a_garbled_reply_over_visa_is_an_error_and_the_next_is_right(crosscal_bench, kind: str) -> None:
    (resource,) = (name for name in crosscal_bench.resources if kind in name)
    with crosscal.open_board(resource, backend=crosscal_bench.backend) as board:
        expected = board.measure(np.full(board.shape[0], 0.1))
        board.simulation.fault_link("GARBLE")
        with pytest.raises(BoardError):
            board.measure(np.full(board.shape[0], 0.1))
        assert np.allclose(board.measure(np.full(board.shape[0], 0.1)), expected, rtol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_link_over_visa_is_opened_anew_and_a_lost_reply_times_out(crosscal_bench, kind: str) -> None:
    (resource,) = (name for name in crosscal_bench.resources if kind in name)
    with crosscal.open_board(resource, backend=crosscal_bench.backend, timeout_s=1.0) as board:
        expected = board.measure(np.full(board.shape[0], 0.1))
        board.simulation.fault_link("DROP")
        if kind == "ASRL1":
            # A serial line cannot be closed: the reply is lost.
            with pytest.raises(BoardTimeoutError):
                board.measure(np.full(board.shape[0], 0.1))
        assert np.allclose(board.measure(np.full(board.shape[0], 0.1)), expected, rtol=0.05)


def test_a_resource_that_a_backend_does_not_have_is_one_clear_error_with_those_it_has(crosscal_bench) -> None:
    with pytest.raises(BoardConnectionError, match=r"got 'GPIB0::3::INSTR'.*GPIB0::9::INSTR"):
        crosscal.open_board("GPIB0::3::INSTR", backend=crosscal_bench.backend)


def test_a_resource_that_plain_sim_does_not_have_is_one_clear_error() -> None:
    with pytest.raises(BoardConnectionError):
        crosscal.open_board("GPIB0::3::INSTR", backend="@sim", timeout_s=0.2)


@pytest.mark.parametrize(
    "resource", ["banana", "TCPIP::host::SOCKET", "TCPIP::::5025::SOCKET", "USB0::1::2::3::INSTR", ""]
)
def test_a_name_that_is_none_or_that_the_backend_cannot_open_is_one_clear_error(resource: str) -> None:
    with pytest.raises(BoardConnectionError):
        crosscal.open_board(resource, backend="@py", timeout_s=0.2)


@pytest.mark.parametrize("backend", ["@nonesuch", "missing.yaml@sim", "/missing.so@ivi"])
def test_a_backend_that_cannot_be_had_is_one_clear_error(backend: str) -> None:
    with pytest.raises(InputError, match="got backend") as raised:
        crosscal.open_board("GPIB0::9::INSTR", backend=backend)
    assert len(str(raised.value)) < 400


SCRIPT = """
import logging, sys
import crosscal
logging.basicConfig()
board = crosscal.open_board(sys.argv[1], backend=sys.argv[2])
board.measure([0.1] * board.shape[0])
"""


@pytest.mark.parametrize("way", ["tcp", "visa"])
def test_a_script_that_ends_without_closing_leaves_nothing_driven(way: str) -> None:
    powered = PoweredBoard(PaperBoard())
    server = BoardServer(powered)
    resource = server.listen_tcp("127.0.0.1", 0)
    where = [resource, "@py"] if way == "tcp" else ["GPIB0::9::INSTR", "lab-16x12@crosscal"]
    with server:
        found = subprocess.run(
            [sys.executable, "-c", SCRIPT, *where], capture_output=True, text=True, check=True
        )
        assert found.stderr == ""
        if way == "tcp":
            with crosscal.open_board(resource, backend="@py") as board:
                assert board.output_on is False
                assert board.query("TRAC:POIN:ACT?") == "1"


class QuickBoard(PaperBoard):
    """64 x 64 whose currents cost nothing, so that what is left is the transfer."""

    def measure(
        self, voltage_v, *, range_index: int, aperture_s: float, averages: int, dwell_s: float
    ) -> Reading:
        del range_index, aperture_s, averages, dwell_s
        count = len(voltage_v) // self.facts.rows * self.facts.columns
        return Reading(current_a=type(voltage_v)("d", bytes(8 * count)), status=bytes(count))


@pytest.mark.parametrize("way", ["tcp", "pty"])
def test_a_64_by_64_matrix_and_200_vectors_take_less_than_a_second_to_travel(way: str) -> None:
    paper = QuickBoard(rows=64, columns=64, sequence_max=1000)
    server = BoardServer(PoweredBoard(paper))
    resource = server.listen_tcp("127.0.0.1", 0) if way == "tcp" else server.open_pty()
    rng = np.random.default_rng(0)
    matrix, vectors = rng.uniform(1e-6, 1e-3, (64, 64)), rng.uniform(0.1, 0.5, (200, 64))
    with server, crosscal.open_board(resource, backend="@py") as board:
        began_s = time.perf_counter()
        board.program(matrix)
        board.read(vectors)
        # Some 10 ms on an idle machine; byte by byte it takes seconds.
        assert time.perf_counter() - began_s < 1.0
