"""The bench over TCP and a pty: clients that come, go, talk at once, and break off; a clean end."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvisa
import serial
from reference_board import FACTS
from support.fake_hardware import FakeHardware

from crosscal.core.errors import BoardConnectionError, InputError
from crosscal.firmware_models import serving
from crosscal.simulated_bench import Bench, BenchServer, PoweredBoard, serve_pty, serve_tcp

ENOUGH_S = 10.0


def bench(**keys):
    return Bench.from_profile("memsys2025", array={"rows": 5, "columns": 9}, board={"serial": "T59"}, **keys)


def address(server):
    return "127.0.0.1", int(server.resource.split("::")[2])


def connect(server):
    client = socket.create_connection(address(server), timeout=ENOUGH_S)
    return closing(client), client.makefile("rwb")


def ask(stream, message):
    stream.write(message + b"\n")
    stream.flush()
    return stream.readline().strip()


@pytest.fixture
def server():
    with serve_tcp(bench()) as server:
        yield server


def test_the_resource_name_is_one_that_visa_can_open(server):
    manager = pyvisa.ResourceManager("@py")
    with closing(manager), manager.open_resource(server.resource) as board:
        board.read_termination = board.write_termination = "\n"
        assert board.query("*IDN?") == "crosscal,CB1,T59,1.0"


def test_clients_have_output_queues_of_their_own_and_one_board(server):
    (one_end, one), (two_end, two) = connect(server), connect(server)
    with one_end, two_end:
        one.write(b"SENS:AVER:COUN 6\n*IDN?\n")
        one.flush()
        assert one.readline() == b"crosscal,CB1,T59,1.0\n"
        assert ask(two, b"SENS:AVER:COUN?") == b"6"
        assert ask(one, b"SYST:ERR?") == b'0,"No error"'


def test_a_client_that_breaks_off_in_the_middle_of_a_block_harms_nobody(server):
    one_end, one = connect(server)
    with one_end:
        one.write(b"FORM REAL,64;:ARR:COND:TARG #3360" + b"\0" * 100)
        one.flush()
    two_end, two = connect(server)
    with two_end:
        assert ask(two, b"ARR:SIZE?") == b"5,9"
        assert ask(two, b"SYST:ERR?") == b'0,"No error"'


def test_a_client_that_only_stops_talking_still_gets_its_answers(server):
    with socket.create_connection(address(server), timeout=ENOUGH_S) as client:
        client.sendall(b"OUTP ON;:READ?;:ARR:SIZE?\n")
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.count(b",") == 9
    assert answer.endswith(b";5,9\n")


def test_a_dropped_link_is_closed_and_a_new_one_works(server):
    one_end, one = connect(server)
    with one_end:
        one.write(b"SIM:FAUL:LINK DROP\n*IDN?\n")
        one.flush()
        assert one.read() == b""
    two_end, two = connect(server)
    with two_end:
        assert ask(two, b"*IDN?") == b"crosscal,CB1,T59,1.0"


def test_a_long_measurement_does_not_keep_other_clients_waiting_for_its_end():
    with serve_tcp(bench()) as server:
        (one_end, one), (two_end, two) = connect(server), connect(server)
        with one_end, two_end:
            vectors = b",".join([b"0.1"] * 5 * 8000)
            assert ask(one, b"SOUR:SEQ:DATA " + vectors + b";:SOUR:SEQ:POIN?") == b"8000"
            assert ask(one, b"SENS:AVER:COUN 1024;:INIT;:STAT:OPER:COND?") == b"16"
            assert int(ask(two, b"TRAC:POIN:ACT?")) < 8000
            assert ask(two, b"ABOR;:STAT:OPER:COND?") == b"0"


class CountingBoard(FakeHardware):
    """Hardware in a test's hand."""

    def __init__(self):
        super().__init__(FACTS)


@pytest.fixture
def counting():
    with serving.serve_tcp(serving.BoardServer(serving.PoweredBoard(CountingBoard()))) as server:
        yield server


def test_the_end_of_a_server_takes_the_rows_to_rest():
    with serving.serve_tcp(serving.BoardServer(serving.PoweredBoard(CountingBoard()))) as server:
        end, stream = connect(server)
        with end:
            assert ask(stream, b"OUTP ON;:OUTP?") == b"1"
            assert server.board.hardware.rests == 0
    assert server.board.hardware.rests >= 1


@pytest.mark.parametrize("failure", [LookupError("pin"), SystemExit("bye"), GeneratorExit("panic")])
def test_no_exception_of_the_hardware_ends_the_server(counting, failure):
    end, stream = connect(counting)
    with end:
        counting.board.hardware.failures = {"measure": failure}
        assert ask(stream, b"*CLS;:INIT;*OPC?") == b"1"
        told = f'-240,"Hardware error;{type(failure).__name__}: {failure}"'
        assert ask(stream, b"SYST:ERR?").decode() == told
        counting.board.hardware.failures = {}
        assert ask(stream, b"READ?").count(b",") == 1
    other_end, other = connect(counting)
    with other_end:
        assert ask(other, b"ARR:SIZE?") == b"3,2"


def test_a_carriage_return_of_a_terminal_ends_a_message(counting):
    end, stream = connect(counting)
    with end:
        for ending in (b"\r", b"\r\n", b"\n"):
            stream.write(b"ARR:SIZE?" + ending)
            stream.flush()
            assert stream.readline() == b"3,2\n"
        assert ask(stream, b"SYST:ERR:COUN?") == b"0"


def test_a_client_in_a_hurry_does_not_make_another_wait_for_all_its_answers(counting):
    (one_end, one), (two_end, two) = connect(counting), connect(counting)
    with one_end, two_end:
        one.write(b"*IDN?\n" * 20_000)
        one.flush()
        began_s = time.monotonic()
        assert ask(two, b"ARR:SIZE?") == b"3,2"
        waited_s = time.monotonic() - began_s
        for _ in range(20_000):
            assert one.readline().startswith(b"crosscal")
        assert waited_s < (time.monotonic() - began_s) / 3


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="tells when a terminal is left")


@pytest.fixture
def terminal():
    with serving.serve_pty(serving.BoardServer(serving.PoweredBoard(CountingBoard()))) as server:
        yield server.resource.removeprefix("ASRL").removesuffix("::INSTR")


def talk(terminal, message, *, answers=True):
    with serial.Serial(terminal, timeout=ENOUGH_S) as port:
        port.write(message)
        return port.readline() if answers else b""


@needs_linux
@pytest.mark.parametrize(
    "left",
    [
        b"FORM REAL,64;:SOUR:VOLT:LIST #224abc",
        b"SENS:AVER:COUN 3;COUN",
        b"*IDN?\n",
        b"TRIG:SOUR BUS;:INIT;*OPC?\n",
        b"'a string without an end",
    ],
    ids=["half a block", "half a message", "an answer nobody read", "a query that waits", "half a string"],
)
def test_what_a_client_leaves_on_a_terminal_does_not_meet_the_next_one(terminal, left):
    began_s = time.monotonic()
    talk(terminal, left, answers=False)
    time.sleep(0.2)
    assert talk(terminal, b"ARR:SIZE?\n") == b"3,2\n"
    # Long before the silence of 5 s that ends a block, and with no stray answer before its own.
    assert time.monotonic() - began_s < 4.0


@needs_linux
def test_commands_that_a_client_sent_before_it_left_are_carried_out(terminal):
    talk(terminal, b"*CLS\n" + b"SENS:AVER:COUN 3\n" * 100 + b"SENS:AVER:COUN 7\n", answers=False)
    time.sleep(0.2)
    assert talk(terminal, b"SENS:AVER:COUN?;:SYST:ERR:COUN?\n") == b"7;0\n"


@needs_linux
def test_a_client_of_a_terminal_takes_its_lock_along():
    board = FakeHardware(replace(FACTS, capabilities=(*FACTS.capabilities, "LOCK")))
    with serving.serve_pty(serving.BoardServer(serving.PoweredBoard(board))) as server:
        path = server.resource.removeprefix("ASRL").removesuffix("::INSTR")
        assert talk(path, b"SYST:LOCK:REQ?;OWN?\n").startswith(b"1;/dev/")
        time.sleep(0.2)
        assert talk(path, b"SYST:LOCK:OWN?\n") == b"NONE\n"


def test_a_client_that_does_not_read_does_not_stop_the_others(server):
    deaf_end, deaf = connect(server)
    with deaf_end:
        # Far more than the system buffers for the connection: the rest waits with the board.
        deaf.write(b"ARR:COND:TARG?\n" * 6000)
        deaf.flush()
        other_end, other = connect(server)
        with other_end:
            assert ask(other, b"ARR:SIZE?") == b"5,9"
        for _ in range(6000):
            assert deaf.readline().count(b",") == 44


def test_one_board_is_reached_by_tcp_and_by_pty_at_once(tmp_path):
    server = BenchServer(PoweredBoard(bench()))
    server.listen_tcp("127.0.0.1", 0)
    server.open_pty(tmp_path / "board")
    with server:
        end, stream = connect(server)
        with end, serial.Serial(str(tmp_path / "board"), timeout=ENOUGH_S) as line:
            line.write(b"SENS:AVER:COUN 9;COUN?\n")
            assert line.readline() == b"9\n"
            assert ask(stream, b"SENS:AVER:COUN?") == b"9"
    assert server.resources[1] == f"ASRL{tmp_path / 'board'}::INSTR"


def test_a_pty_stays_while_clients_come_and_go_and_passes_every_byte(tmp_path):
    every_byte = np.frombuffer(bytes(range(256)) * 8, dtype=np.uint8)
    with serve_pty(bench(), link=tmp_path / "board"):
        for _ in range(2):
            with serial.Serial(str(tmp_path / "board"), timeout=ENOUGH_S) as line:
                line.write(b"*CLS;:ARR:COND:TARG #42048" + every_byte.tobytes() + b"\n")
                line.write(b"SYST:ERR?\n")
                # The block came whole, for it is refused as a block of text, and nothing else is.
                assert line.readline().startswith(b"-1")
                line.write(b"SYST:ERR:COUN?\n")
                assert line.readline() == b"0\n"
    assert not os.path.lexists(tmp_path / "board")


def test_a_pty_opened_without_a_library_is_raw(tmp_path):
    with serve_pty(bench(), link=tmp_path / "board"):
        descriptor = os.open(tmp_path / "board", os.O_RDWR | os.O_NOCTTY)
        with os.fdopen(descriptor, "r+b", buffering=0) as line:
            line.write(b"ARR:SIZE?\n")
            assert line.readline() == b"5,9\n"


def test_a_serial_line_loses_a_dropped_reply_and_stays_open(tmp_path):
    with (
        serve_pty(bench(), link=tmp_path / "board"),
        serial.Serial(str(tmp_path / "board"), timeout=ENOUGH_S) as line,
    ):
        line.write(b"SIM:FAUL:LINK DROP\n*IDN?\nARR:SIZE?\n")
        assert line.readline() == b"5,9\n"


def test_a_link_left_behind_is_replaced_and_a_living_name_is_not(tmp_path):
    stale, living, file = tmp_path / "stale", tmp_path / "living", tmp_path / "file"
    stale.symlink_to("/dev/pts/no-such-terminal")
    living.symlink_to(os.devnull)
    file.write_text("precious")
    with serve_pty(bench(), link=stale) as server:
        assert server.resource == f"ASRL{stale}::INSTR"
    for taken in (living, file, tmp_path / "no folder" / "board"):
        with pytest.raises(BoardConnectionError, match=taken.name):
            serve_pty(bench(), link=taken)
    assert file.read_text() == "precious"
    assert living.readlink() == Path(os.devnull)


def test_a_second_server_does_not_take_a_name_that_is_served(tmp_path):
    with serve_pty(bench(), link=tmp_path / "board"):
        with pytest.raises(BoardConnectionError, match="board"):
            serve_pty(bench(), link=tmp_path / "board")
        with serial.Serial(str(tmp_path / "board"), timeout=ENOUGH_S) as line:
            line.write(b"ARR:SIZE?\n")
            assert line.readline() == b"5,9\n"


def test_a_port_that_is_taken_is_a_clear_error(server):
    with pytest.raises(BoardConnectionError, match=str(address(server)[1])):
        serve_tcp(bench(), port=address(server)[1])
    with pytest.raises(BoardConnectionError, match="99999"):
        serve_tcp(bench(), port=99999)
    with pytest.raises(BoardConnectionError, match="no-such-host"):
        serve_tcp(bench(), host="no-such-host.invalid")


def test_without_pseudo_terminals_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr("crosscal.firmware_models.serving.pty_port.HAS_TERMINALS", False)
    with pytest.raises(InputError, match="TCP"):
        serve_pty(bench())


def test_leaving_the_block_ends_clients_and_frees_the_port():
    with serve_tcp(bench()) as server:
        port = address(server)[1]
        client = socket.create_connection(("127.0.0.1", port), timeout=ENOUGH_S)
    with closing(client):
        assert client.recv(1) == b""
    with serve_tcp(bench(), port=port) as server:
        assert address(server)[1] == port


def test_a_failure_in_the_server_is_raised_where_the_block_is_left():
    board = PoweredBoard(bench())
    server = BenchServer(board)
    server.listen_tcp("127.0.0.1", 0)
    board.advance = lambda: 1 / 0  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ZeroDivisionError), server:
        assert server.resources


SERVED_UNTIL_TOLD = """
from crosscal.simulated_bench import Bench, serve_tcp
with serve_tcp(Bench.from_profile("lab-16x12")) as server:
    server.wait(on_ready=lambda: print(server.resource, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_server_cleanly(number):
    with subprocess.Popen(
        [sys.executable, "-c", SERVED_UNTIL_TOLD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("TCPIP0::127.0.0.1::")
        process.send_signal(number)
        said, complained = process.communicate(timeout=30)
    assert (process.returncode, said, complained) == (0, "ended\n", "")


def test_a_program_and_200_vectors_pass_within_a_second_over_tcp_and_a_pty():
    benchmark = Path(__file__).parents[3] / "benchmarks" / "transfer.py"
    command = [sys.executable, str(benchmark), "--bare", "--repeat", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "TCP, bare socket" in done.stdout
    assert "pty, bare pyserial" in done.stdout


def test_waiting_outside_of_the_block_is_refused():
    server = serve_tcp(bench())
    with pytest.raises(RuntimeError, match="outside"):
        server.wait()
    server.close()
    server.close()
