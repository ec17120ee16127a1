"""Times moving a 64×64 program and 200 vectors in, and 200 × 64 currents with their status out.

    python benchmarks/transfer.py

Over TCP and over a pty, with bare clients and with PyVISA (pyvisa-py). What the board does with the data,
solving a circuit for every vector, is waited for and not counted; it stands in a column of its own. Then the
same through crosscal's own driver, calls as a bench script makes them, on a board that answers vectors it
knows at once. Exits with an error if a bare client or the driver takes a second or more.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyvisa
import serial

from crosscal import open_board
from crosscal.drivers import Board
from crosscal.firmware_models import Reading
from crosscal.simulated_bench import Bench, BenchServer, PoweredBoard

ROWS, COLUMNS, VECTORS = 64, 64, 200
BAR_S = 1.0
PATIENCE_S = 120.0


class Client(Protocol):
    """What a program holds: it can send bytes, and receive lines and blocks."""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        ...

    def line(self) -> bytes:
        """Receive one line."""
        ...

    def exactly(self, count: int) -> bytes:
        """Receive so many bytes."""
        ...


class BareTcp:
    """A socket and a buffered reader, as any program would have."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._connection.sendall(data)

    def line(self) -> bytes:
        """Receive one line."""
        return self._stream.readline()

    def exactly(self, count: int) -> bytes:
        """Receive so many bytes."""
        return self._stream.read(count)


class BareSerial:
    """pyserial, reading what is asked for at once."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._port.write(data)

    def line(self) -> bytes:
        """Receive one line."""
        return self._port.read_until(b"\n")

    def exactly(self, count: int) -> bytes:
        """Receive so many bytes."""
        return self._port.read(count)


class PyVisa:
    """PyVISA as it comes, terminations set."""

    def __init__(self, instrument: pyvisa.resources.MessageBasedResource) -> None:
        self._instrument = instrument

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._instrument.write_raw(data)

    def line(self) -> bytes:
        """Receive one line."""
        return self._instrument.read_raw()

    def exactly(self, count: int) -> bytes:
        """Receive so many bytes."""
        return self._instrument.read_bytes(count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds of one run: three transfers, and what the board itself took."""

    program_s: float
    vectors_s: float
    results_s: float
    board_s: float

    @property
    def transfer_s(self) -> float:
        """All that is counted."""
        return self.program_s + self.vectors_s + self.results_s


def run(client: Client) -> Timing:
    """Program the array, drive the vectors, fetch what came of them."""
    rng = np.random.default_rng(0)
    target_s = rng.uniform(16.6e-6, 100e-6, ROWS * COLUMNS)
    voltage_v = rng.uniform(0.1, 0.5, VECTORS * ROWS)
    client.send(b"*CLS;*RST;:FORM REAL,64;:FORM:BORD SWAP;:OUTP ON;*OPC?\n")
    client.line()
    program_s = _timed(lambda: _upload(client, b"ARR:COND:TARG ", target_s))
    board_s = _timed(lambda: _ask(client, b"ARR:PROG;*OPC?\n"))
    vectors_s = _timed(lambda: _upload(client, b"SOUR:SEQ:DATA ", voltage_v))
    board_s += _timed(lambda: _ask(client, b"INIT;*OPC?\n"))
    results_s = _timed(lambda: _download(client))
    client.send(b"SYST:ERR?\n")
    errors = client.line()
    if not errors.startswith(b"0,"):
        sys.exit(f"the board reports {errors.decode()}")
    return Timing(program_s=program_s, vectors_s=vectors_s, results_s=results_s, board_s=board_s)


def _timed(action: Callable[[], object]) -> float:
    begun_s = time.perf_counter()
    action()
    return time.perf_counter() - begun_s


def _ask(client: Client, message: bytes) -> None:
    client.send(message)
    if client.line() != b"1\n":
        sys.exit("the board did not answer *OPC?")


def _upload(client: Client, header: bytes, values: np.ndarray) -> None:
    payload = values.astype("<f8").tobytes()
    length = str(len(payload)).encode()
    client.send(header + b"#" + str(len(length)).encode() + length + payload + b"\n")
    # It has arrived when the board answers what follows it.
    _ask(client, b"*OPC?\n")


def _download(client: Client) -> None:
    client.send(b"TRAC:DATA? 1,%d\n" % VECTORS)
    current_a = np.frombuffer(_block(client), dtype="<f8")
    client.send(b"TRAC:STAT? 1,%d\n" % VECTORS)
    status = np.frombuffer(_block(client), dtype="<f8")
    if len(current_a) != VECTORS * COLUMNS or status.any() or not (current_a > 0).all():
        sys.exit("the currents did not come through whole")


def _block(client: Client) -> bytes:
    digits = int(client.exactly(2)[1:])
    payload = client.exactly(int(client.exactly(digits)))
    client.exactly(1)
    return payload


@contextmanager
def bare_tcp(server: BenchServer) -> Iterator[Client]:
    """A socket on the server's TCP port."""
    _, host, port, _ = server.resources[0].split("::")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        yield BareTcp(connection)


@contextmanager
def bare_serial(server: BenchServer) -> Iterator[Client]:
    """Pyserial on the server's pty."""
    name = server.resources[1].removeprefix("ASRL").removesuffix("::INSTR")
    with serial.Serial(name, timeout=PATIENCE_S) as port:
        yield BareSerial(port)


def pyvisa_py(way_in: int) -> Callable[[BenchServer], Iterator[Client]]:
    """PyVISA on one of the server's ways in."""

    def connect(server: BenchServer) -> Iterator[Client]:
        with closing(pyvisa.ResourceManager("@py")) as manager:
            instrument = manager.open_resource(server.resources[way_in], read_termination="\n")
            instrument.timeout = 1000 * PATIENCE_S
            with instrument:
                yield PyVisa(instrument)

    return contextmanager(connect)


CLIENTS = {
    "TCP, bare socket": (bare_tcp, True),
    "TCP, PyVISA @py": (pyvisa_py(0), False),
    "pty, bare pyserial": (bare_serial, True),
    "pty, PyVISA @py": (pyvisa_py(1), False),
}
"""Each client, and whether the bar holds for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverTiming:
    """Seconds of one run of the driver: two calls, each with everything that it sends and waits for."""

    program_s: float
    read_s: float

    @property
    def transfer_s(self) -> float:
        """All of it."""
        return self.program_s + self.read_s


def run_driver(board: Board) -> DriverTiming:
    """Program the array and read the vectors, as a bench script does."""
    rng = np.random.default_rng(0)
    target_s = rng.uniform(16.6e-6, 100e-6, (ROWS, COLUMNS))
    voltage_v = rng.uniform(0.1, 0.5, (VECTORS, ROWS))
    program_s = _timed(lambda: board.program(target_s))
    begun_s = time.perf_counter()
    readout = board.read(voltage_v)
    read_s = time.perf_counter() - begun_s
    if readout.status.any() or not (readout.current_a > 0).all():
        sys.exit("the currents did not come through whole")
    return DriverTiming(program_s=program_s, read_s=read_s)


def remember(bench: Bench) -> None:
    """Let a bench answer at once where it has solved the circuit before: what is left is the transfer."""
    solve, known = bench.measure, {}

    def measure(voltage_v: array[float], **conditions: float) -> Reading:
        asked = voltage_v.tobytes(), *sorted(conditions.items())
        if asked not in known:
            known[asked] = solve(voltage_v, **conditions)
        return known[asked]

    bench.measure = measure


def print_driver_rows(server: BenchServer, repeat: int) -> list[str]:
    """Print the driver's part of the table; return the ways in that are too slow."""
    library = pyvisa.ResourceManager("memsys2025@crosscal")
    remember(library.visalib.board.bench)
    ways_in = {
        "TCP, driver": (server.resources[0], "@py"),
        "pty, driver": (server.resources[1], "@py"),
        "@crosscal, driver": ("TCPIP0::localhost::inst0::INSTR", "memsys2025@crosscal"),
    }
    too_slow = []
    print(f"{'[ms]':20} {'program()':>9} {'read()':>19} {'together':>9}")
    for name, (resource, backend) in ways_in.items():
        with open_board(resource, backend=backend) as board:
            best = min((run_driver(board) for _ in range(repeat)), key=lambda timing: timing.transfer_s)
        print(f"{name:20} {1e3 * best.program_s:9.1f} {1e3 * best.read_s:19.1f} {1e3 * best.transfer_s:9.1f}")
        if best.transfer_s >= BAR_S:
            too_slow.append(name)
    library.close()
    return too_slow


def main() -> None:
    """Print the table; exit with an error if a bare client is too slow."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs per client, of which the fastest counts")
    parser.add_argument("--bare", action="store_true", help="leave out PyVISA")
    options = parser.parse_args()
    too_slow = []
    print(
        f"{ROWS}x{COLUMNS} conductances and {VECTORS} vectors in, {VECTORS}x{COLUMNS} currents and status out"
    )
    print(f"{'[ms]':20} {'program':>9} {'vectors':>9} {'results':>9} {'transfer':>9}   the board itself")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench.from_profile("memsys2025")
        server = BenchServer(PoweredBoard(bench))
        server.listen_tcp("127.0.0.1", 0)
        server.open_pty(Path(folder) / "board")
        with server:
            for name, (connect, barred) in CLIENTS.items():
                if options.bare and not barred:
                    continue
                with connect(server) as client:
                    best = min(
                        (run(client) for _ in range(options.repeat)), key=lambda timing: timing.transfer_s
                    )
                parts = (best.program_s, best.vectors_s, best.results_s, best.transfer_s, best.board_s)
                print(f"{name:20}" + "".join(f" {1e3 * part:9.1f}" for part in parts))
                if barred and best.transfer_s >= BAR_S:
                    too_slow.append(name)
            remember(bench)
            too_slow += print_driver_rows(server, max(2, options.repeat))
    if too_slow:
        sys.exit(f"{BAR_S:g} s or more: {', '.join(too_slow)}")


if __name__ == "__main__":
    main()
