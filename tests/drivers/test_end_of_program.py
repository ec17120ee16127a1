"""The end of a program, by signals and by fork: outputs at 0 V, by the process that opened the board."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from paper_board import ALL_GROUPS, PaperBoard

import crosscal
from crosscal.core.errors import BoardConnectionError
from crosscal.drivers import Board
from crosscal.firmware_models.serving import BoardServer, PoweredBoard, serve_tcp

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and fork of POSIX")
ENOUGH_S = 20.0

SCRIPT = """
import os, signal, sys, threading, time
import crosscal
board = crosscal.open_board(sys.argv[1], backend="@py")
board.measure([0.1, 0.1, 0.1])
{before}
print("driving", flush=True)
{then}
"""
WAIT = "time.sleep(60)"


class SlowBoard(PaperBoard):
    """A board whose programming takes for ever."""

    def __init__(self) -> None:
        super().__init__(capabilities=(*ALL_GROUPS, "LOCK"))
        self.iterations_needed = 10**9


@pytest.fixture
def server() -> Iterator[BoardServer[PoweredBoard[SlowBoard]]]:
    with serve_tcp(BoardServer(PoweredBoard(SlowBoard()))) as serving:
        yield serving


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + ENOUGH_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def start(server: BoardServer, *, before: str = "", then: str = WAIT) -> subprocess.Popen[str]:
    script = SCRIPT.format(before=before, then=then)
    process = subprocess.Popen(
        [sys.executable, "-c", script, server.resource], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "driving\n"
    return process


def end(process: subprocess.Popen[str], number: int) -> int:
    process.send_signal(number)
    returned = process.wait(ENOUGH_S)
    assert process.stdout is not None
    process.stdout.close()
    return returned


def output_is_on(server: BoardServer) -> bool:
    with server.board.lock:
        return server.board._instrument.settings.output_on


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGALRM", "SIGXCPU"])
def test_a_signal_switches_the_outputs_off_and_its_default_action_follows(
    server: BoardServer, name: str
) -> None:
    process = start(server)
    assert output_is_on(server)
    number = getattr(signal, name)
    assert end(process, number) == -number
    assert not output_is_on(server)
    assert server.board.hardware.rests >= 1


def test_a_signal_while_the_main_thread_programs_stops_the_run(server: BoardServer) -> None:
    process = start(server, then="board.max_iterations = 100000; board.program([[1e-4, 1e-4]] * 3)")
    until(lambda: server.board._instrument.operations.programming)
    assert end(process, signal.SIGTERM) == -signal.SIGTERM
    until(lambda: not output_is_on(server) and not server.board._instrument.operations.programming)


def test_a_signal_while_another_thread_programs_stops_the_run(server: BoardServer) -> None:
    before = "board.max_iterations = 100000; run = lambda: board.program([[1e-4, 1e-4]] * 3)"
    then = "threading.Thread(target=run, daemon=True).start(); time.sleep(60)"
    process = start(server, before=before, then=then)
    until(lambda: server.board._instrument.operations.programming)
    assert end(process, signal.SIGTERM) == -signal.SIGTERM
    until(lambda: not output_is_on(server) and not server.board._instrument.operations.programming)


def test_a_handler_of_the_script_is_left_alone(server: BoardServer) -> None:
    before = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    process = start(server, before=before)
    assert end(process, signal.SIGTERM) == 7
    assert not output_is_on(server)


def test_handlers_are_there_only_while_a_board_is_open(server: BoardServer) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR2)}
    assert set(before.values()) == {signal.SIG_DFL}
    with crosscal.open_board(server.resource, backend="@py"):
        with crosscal.open_board(server.resource, backend="@py"):
            assert signal.SIG_DFL not in {signal.getsignal(number) for number in before}
        assert signal.SIG_DFL not in {signal.getsignal(number) for number in before}
    assert {number: signal.getsignal(number) for number in before} == before
    board = crosscal.open_board(server.resource, backend="@py")
    del board
    assert {number: signal.getsignal(number) for number in before} == before


def in_child(job: Callable[[], object]) -> int:
    """Do a job in a forked child that ends as programs do, by its exit handlers."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            job()
            status = 0
        finally:
            import atexit

            atexit._run_exitfuncs()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def board(server: BoardServer) -> Iterator[Board]:
    with crosscal.open_board(server.resource, backend="@py") as opened:
        yield opened


def test_the_end_of_a_forked_child_leaves_the_outputs_of_its_parent(
    board: Board, server: BoardServer
) -> None:
    board.measure([0.1, 0.1, 0.1])
    assert in_child(lambda: None) == 0
    assert output_is_on(server)
    assert board.measure([0.1, 0.1, 0.1]).shape == (2,)
    assert server.board.hardware.rests == 0


def test_a_child_that_uses_an_inherited_board_is_told_so(board: Board, server: BoardServer) -> None:
    board.measure([0.1, 0.1, 0.1])

    def use() -> None:
        for job in (lambda: board.measure([0.1, 0.1, 0.1]), board.settings, board.reconnect):
            with pytest.raises(BoardConnectionError, match="open the board in the process that uses it"):
                job()
        board.close()

    assert in_child(use) == 0
    assert output_is_on(server)
    assert np.all(np.isfinite(board.measure([0.1, 0.1, 0.1])))


def test_a_child_may_open_the_board_for_itself(board: Board, server: BoardServer) -> None:
    def use() -> None:
        with crosscal.open_board(server.resource, backend="@py") as own:
            own.measure([0.1, 0.1, 0.1])

    assert in_child(use) == 0
    assert board.measure([0.1, 0.1, 0.1]).shape == (2,)


def test_a_signal_to_a_forked_child_does_not_touch_the_board(board: Board, server: BoardServer) -> None:
    board.measure([0.1, 0.1, 0.1])
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell, b"!")
        time.sleep(60)
        os._exit(0)
    # Python drops signals that reach a child before it runs.
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    os.close(tell)
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
    assert output_is_on(server)
