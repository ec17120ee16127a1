"""Serial ports: one program at a time, any byte in a block, stale bytes, lines that die."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import tty
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import serial
from paper_board import PaperBoard

import crosscal
from crosscal.core.errors import BoardConnectionError, BoardTimeoutError
from crosscal.drivers import Board
from crosscal.drivers.board_info import read_board_info
from crosscal.drivers.scpi.session import Session
from crosscal.drivers.scpi.timed_link import TimedLink
from crosscal.drivers.transport import port_lock
from crosscal.drivers.transport.port_lock import PortLock
from crosscal.drivers.transport.serial_link import SerialLink
from crosscal.firmware_models.serving import BoardServer, PoweredBoard

MATRIX = np.array([[1e-4, 2e-4], [3e-4, 4e-4], [5e-4, 6e-4]])


@pytest.fixture
def served() -> Iterator[BoardServer]:
    """A board on paper behind a real pseudo-terminal."""
    server = BoardServer(PoweredBoard(PaperBoard()))
    server.open_pty()
    with server:
        yield server


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal whose other end the test holds: its descriptor and its resource name."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_a_board_on_a_serial_port_is_used_like_any_other(served: BoardServer) -> None:
    with crosscal.open_board(served.resource, backend="@py") as board:
        assert board.program(MATRIX).cells_failed == 0
        vectors = np.random.default_rng(0).uniform(-0.5, 0.5, (25, 3))
        assert np.allclose(board.measure(vectors), vectors @ MATRIX, rtol=1e-9)


def test_any_byte_passes_both_ways(served: BoardServer) -> None:
    """XON, XOFF, newline, carriage return, interrupt, end of file, delete: a cooked line would eat them."""
    special = np.array(
        [0x11, 0x13, 0x0A, 0x0D, 0x03, 0x04, 0x1A, 0x7F, 0x15, 0x16, 0x1C, 0x00, 0xFF], np.uint8
    )
    low = np.random.default_rng(1).choice(special, (6, 6))
    data = np.full(6, 1e-4).view(np.uint8).reshape(6, 8).copy()
    data[:, :6] = low
    matrix = data.reshape(-1).view(np.float64).reshape(3, 2)
    with crosscal.open_board(served.resource, backend="@py") as board:
        board.program(matrix)
        assert np.array_equal(board.target_s, matrix)


def test_bytes_that_an_earlier_program_left_do_no_harm(served: BoardServer) -> None:
    path = served.resource.removeprefix("ASRL").removesuffix("::INSTR")
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(port, b":SYST:VERS?\n*IDN?\n:NONSENSE\n:SENS:AVER:COUN 5")
        with crosscal.open_board(served.resource, backend="@py") as board:
            assert board.identity == "crosscal,PAPER,P1,1.0"
            assert board.measure([0.1, 0.1, 0.1]).shape == (2,)
    finally:
        os.close(port)


# One at a time


def test_a_held_port_is_one_clear_error_that_names_who_holds_it(served: BoardServer) -> None:
    with crosscal.open_board(served.resource, backend="@py") as board:
        with pytest.raises(BoardConnectionError, match=rf"held by another program \(process {os.getpid()}\)"):
            crosscal.open_board(served.resource, backend="@py")
        assert board.measure([0.1, 0.1, 0.1]).shape == (2,)
    with crosscal.open_board(served.resource, backend="@py") as board:
        assert board.shape == (3, 2)


def test_all_names_of_a_port_share_one_lock(served: BoardServer, tmp_path: Path) -> None:
    path = served.resource.removeprefix("ASRL").removesuffix("::INSTR")
    (tmp_path / "board").symlink_to(path)
    with (
        crosscal.open_board(served.resource, backend="@py"),
        pytest.raises(BoardConnectionError, match="held"),
    ):
        crosscal.open_board(f"ASRL{tmp_path / 'board'}::INSTR", backend="@py")


def test_a_port_that_could_not_be_opened_is_not_left_locked(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(BoardConnectionError, match="nothing answers there"):
            crosscal.open_board(f"ASRL{tmp_path / 'missing'}::INSTR", backend="@py")


def test_a_lock_ends_with_the_program_that_held_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from crosscal.drivers.transport.port_lock import PortLock;"
        "lock = PortLock('/dev/board', folder=pathlib.Path(sys.argv[1]));"
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(BoardConnectionError, match=f"process {holder.pid}"):
            PortLock("/dev/board", folder=tmp_path)
        holder.kill()
    PortLock("/dev/board", folder=tmp_path).release()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no file that is open")
def test_a_lock_that_was_released_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    PortLock("/dev/board").release()
    with pytest.raises(BoardConnectionError):
        crosscal.open_board(f"ASRL{tmp_path / 'missing'}::INSTR", backend="@py")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no file that is open")
def test_a_file_that_its_holder_removed_after_it_was_opened_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, lock, opened = PortLock("/dev/board", folder=tmp_path), port_lock._lock, []

    def lock_late(descriptor: int) -> None:
        opened.append(descriptor)
        holder.release()
        lock(descriptor)

    monkeypatch.setattr(port_lock, "_lock", lock_late)
    held = PortLock("/dev/board", folder=tmp_path)
    assert len(opened) == 2
    with pytest.raises(BoardConnectionError, match="held by another program"):
        PortLock("/dev/board", folder=tmp_path)
    held.release()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs processes that fork")
def test_a_fork_does_not_take_the_lock_of_its_parent_away(tmp_path: Path) -> None:
    lock = PortLock("/dev/board", folder=tmp_path)
    child = multiprocessing.get_context("fork").Process(target=lock.release)
    child.start()
    child.join()
    with pytest.raises(BoardConnectionError, match="held by another program"):
        PortLock("/dev/board", folder=tmp_path)
    lock.release()


HOLDING = """
import pathlib, sys
from crosscal.core.errors import BoardConnectionError
from crosscal.drivers.transport.port_lock import PortLock
folder, got = pathlib.Path(sys.argv[1]), 0
while got < 200:
    try:
        lock = PortLock("/dev/board", folder=folder)
    except BoardConnectionError:
        continue
    # Whoever else holds it has the file that says so.
    alone = folder / "alone"
    alone.touch(exist_ok=False)
    alone.unlink()
    lock.release()
    got += 1
"""


def test_programs_that_lock_and_release_in_turns_never_hold_it_together(tmp_path: Path) -> None:
    programs = [subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path)]) for _ in range(3)]
    assert [program.wait() for program in programs] == [0, 0, 0]


def test_locks_of_different_ports_do_not_meet(tmp_path: Path) -> None:
    one, other = PortLock("/dev/a/tty0", folder=tmp_path), PortLock("/dev/b/tty0", folder=tmp_path)
    one.release()
    one.release()
    other.release()


def test_a_program_that_locks_the_device_itself_holds_it_too(terminal: tuple[int, str]) -> None:
    with (
        serial.Serial(terminal[1], exclusive=True),
        pytest.raises(BoardConnectionError, match="another program holds it"),
    ):
        crosscal.open_board(f"ASRL{terminal[1]}::INSTR", backend="@py")


def test_a_link_laid_where_the_lock_file_belongs_is_not_followed(tmp_path: Path) -> None:
    lock = PortLock("/dev/board", folder=tmp_path)
    (path,) = tmp_path.iterdir()
    lock.release()
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    path.symlink_to(precious)
    with pytest.raises(OSError, match="symbolic links"):
        PortLock("/dev/board", folder=tmp_path)
    assert precious.read_text() == "keep me"


def test_a_lock_file_that_cannot_be_written_still_locks(tmp_path: Path) -> None:
    lock = PortLock("/dev/board", folder=tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o666
    lock.release()
    path.touch(0o444)
    lock = PortLock("/dev/board", folder=tmp_path)
    with pytest.raises(BoardConnectionError, match="held by another program"):
        PortLock("/dev/board", folder=tmp_path)
    lock.release()


# Lines that die


def link_to(terminal: str) -> SerialLink:
    return SerialLink("SERIAL", terminal, baud=115_200, timeout_s=0.05)


def test_a_silent_line_times_out(terminal: tuple[int, str]) -> None:
    link = link_to(terminal[1])
    with pytest.raises(BoardTimeoutError, match="no byte came"):
        link.receive(None, 0.01)
    link.close()


def test_what_is_there_is_read_at_once_and_no_more_than_is_wanted(terminal: tuple[int, str]) -> None:
    link = link_to(terminal[1])
    os.write(terminal[0], b"0123456789")
    first = link.receive(4, 1.0)
    rest = b""
    while len(first + rest) < 10:
        rest += link.receive(None, 1.0)
    assert first == b"0123"
    assert rest == b"456789"
    link.close()


def test_unasked_bytes_are_forgotten(terminal: tuple[int, str]) -> None:
    link = link_to(terminal[1])
    os.write(terminal[0], b"late\n")
    assert link.receive(1, 1.0) == b"l"
    link.discard_input()
    os.write(terminal[0], b"new\n")
    assert link.receive(None, 1.0)[:1] == b"n"
    link.close()


def test_a_line_that_takes_no_more_bytes_times_out(terminal: tuple[int, str]) -> None:
    link = link_to(terminal[1])
    line = TimedLink(link, timeout_s=0.05)
    with pytest.raises(BoardTimeoutError):
        line.send(bytes(1 << 16))
    link.close()


def test_an_unplugged_line_is_one_clear_error() -> None:
    server = BoardServer(PoweredBoard(PaperBoard()))
    resource = server.open_pty()
    with server:
        board = crosscal.open_board(resource, backend="@py", timeout_s=5.0)
    with pytest.raises(BoardConnectionError) as raised:
        board.measure([0.1, 0.1, 0.1])
    assert resource in str(raised.value)
    board.close()
    # The lock is given back.
    PortLock(resource.removeprefix("ASRL").removesuffix("::INSTR")).release()


def test_the_time_for_a_transfer_follows_from_the_bit_rate(terminal: tuple[int, str]) -> None:
    slow = SerialLink("SERIAL", terminal[1], baud=9600, timeout_s=1.0)
    assert slow.bytes_per_s == 960.0
    slow.close()


def test_flow_control_is_off_whatever_the_port_was_set_to(terminal: tuple[int, str]) -> None:
    link = link_to(terminal[1])
    assert (link._port.xonxoff, link._port.rtscts, link._port.dsrdtr) == (False, False, False)
    link.close()


def test_a_half_received_block_of_an_earlier_program_delays_opening_but_does_not_prevent_it() -> None:
    class Skipping:
        """Monotonic time that the engine and the driver share, and that passes while the driver waits."""

        now_s = 0.0

        def __call__(self) -> float:
            return self.now_s

    clock = Skipping()
    server = BoardServer(PoweredBoard(PaperBoard(), clock=clock))
    resource = server.open_pty()
    path = resource.removeprefix("ASRL").removesuffix("::INSTR")
    with server:
        port = os.open(path, os.O_RDWR | os.O_NOCTTY)
        os.write(port, b":FORM REAL,64;:SOUR:VOLT:LIST #224abc")
        link = SerialLink("SERIAL", path, baud=115_200, timeout_s=0.2)
        session = Session(TimedLink(link, timeout_s=0.2), block_silence_s=0.3)
        listen = session.link.listen

        def pass_time(duration_s: float) -> None:
            clock.now_s += 5.1
            listen(duration_s)

        session.link.listen = pass_time
        with Board(session, read_board_info(session)) as board:
            assert board.measure([0.1, 0.1, 0.1]).shape == (2,)
        os.close(port)
