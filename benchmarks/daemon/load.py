"""Load on a daemon: many clients at once, memory, and the time that the proxy adds to a read.

    python benchmarks/daemon/load.py                          # 16 clients for 10 minutes
    python benchmarks/daemon/load.py --minutes 0              # the time of a read alone
    python benchmarks/daemon/load.py --clients 4 --minutes 0.2 --pairs 200

Board (16×64, simulated), daemon and clients are processes of their own. Every client reads vectors of its own
and checks that the currents are those of the vector that it sent; so a reply that another client should have
had, and one that is lost, is found. Memory is that of the daemon's heap and stacks (RssAnon). The time of a
read of 64 currents through the daemon is compared with the same read straight from such a board, in
alternating pairs, before the load begins. That board is a second one: whatever another client changes on a
daemon's own board the daemon looks into before the next read.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.commands.jobs.training import train_and_export
from crosscal.core.run_file import read_run
from crosscal.simulated_bench import Bench
from crosscal.simulated_bench.instrument.bench_server import serve_tcp
from crosscal.training import CollectionPlan, Measurements, TrainingPlan

BENCH = """
[board]
serial = "LOAD"
[array]
rows = 16
columns = 64
conductance_min_s = 20e-6
conductance_max_s = 95e-6
[wires]
row_ohm = 1.0
column_ohm = 1.0
[noise]
read_relative = 1e-3
"""
ROWS, COLUMNS, LOW_V, HIGH_V = 16, 64, 0.1, 0.5
MOST_ERROR = 0.05
"""Relative to the largest current: fifty times the noise of a reading, a third of what vectors differ by."""
TENTHS = 10
_FORK = multiprocessing.get_context("fork")


@dataclass
class Client:
    """A plain socket that reads vectors."""

    port: int

    def __post_init__(self) -> None:
        self._wire = socket.create_connection(("127.0.0.1", self.port), timeout=120.0)
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._wire.makefile("rb")

    def ask(self, message: str) -> bytes:
        """Send a message and wait for its reply."""
        self._wire.sendall(message.encode() + b"\n")
        answer = self._lines.readline()
        if not answer.endswith(b"\n"):
            raise ConnectionError("the link was closed before the reply")
        return answer[:-1]

    def read(self, vector_v: np.ndarray) -> np.ndarray:
        """Read one vector [A], (M,)."""
        text = ",".join(map(repr, vector_v.tolist()))
        return np.array(self.ask(f":SOUR:VOLT:LIST {text};:READ?").split(b","), dtype=float)


def free_port() -> int:
    """Find a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def run_board(bench: Path, port: int) -> None:
    """Serve the board until killed."""
    with serve_tcp(Bench.from_toml(bench), port=port):
        signal.pause()


def run_client(port: int, target_s: np.ndarray, seed: int, until_s: float, told: Connection) -> None:
    """Read until a time; tell how many replies came and how many were wrong."""
    client, rng = Client(port), np.random.default_rng(seed)
    asked = right = 0
    largest_a = HIGH_V * target_s.sum(axis=0).max()
    while time.monotonic() < until_s:
        vector_v = rng.uniform(LOW_V, HIGH_V, ROWS)
        asked += 1
        current_a = client.read(vector_v)
        error_a = current_a - vector_v @ target_s
        right += int(current_a.shape == (COLUMNS,) and np.abs(error_a).max() < MOST_ERROR * largest_a)
    told.send((asked, right))


def added_latency_s(board: Client, proxy: Client, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Time of a read through the proxy less that of one straight from the board [s], pair by pair."""
    differences = np.empty(pairs)
    for pair in range(pairs):
        vector_v, took_s = rng.uniform(LOW_V, HIGH_V, ROWS), {}
        order = (board, proxy) if pair % 2 else (proxy, board)
        for client in order:
            began_s = time.perf_counter()
            client.read(vector_v)
            took_s[id(client)] = time.perf_counter() - began_s
        differences[pair] = took_s[id(proxy)] - took_s[id(board)]
    return differences


def memory_bytes(process: int) -> int:
    """Memory of a process that is its own, not that of files."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def trained(folder: Path, bench: Path) -> Path:
    """Measure and train a calibrator of the board."""
    run_file, file = folder / "training.h5", folder / "b7.onnx"
    plan = CollectionPlan(matrices=40, vectors=40, seed=1)
    collect_simulated(str(bench), run_file, plan, resource="GPIB0::9::INSTR", resume=False, label="measuring")
    measured = Measurements.from_run(read_run(run_file))
    train_and_export(TrainingPlan(calibrator="structured", seed=1), measured, file)
    return file


def study(folder: Path, clients: int, minutes: float, pairs: int) -> int:
    """Run it and print the figures; 0 if no reply was lost or wrong."""
    bench = folder / "bench.toml"
    bench.write_text(BENCH)
    calibrator = trained(folder, bench)
    board_port, proxy_port, direct_port = free_port(), free_port(), free_port()
    path = folder / "daemon.toml"
    path.write_text(
        f'board = "TCPIP::127.0.0.1::{board_port}::SOCKET"\nbackend = "@py"\n'
        f'calibrator = "{calibrator.name}"\nstore = "store"\n[proxy]\nlisten = "127.0.0.1:{proxy_port}"\n'
    )
    board = _FORK.Process(target=run_board, args=(bench, board_port), daemon=True)
    direct = _FORK.Process(target=run_board, args=(bench, direct_port), daemon=True)
    for process in (board, direct):
        process.start()
    daemon = subprocess.Popen([sys.executable, "-m", "crosscal", "daemon", str(path)])
    try:
        return _measured(direct_port, proxy_port, daemon.pid, clients, minutes, pairs)
    finally:
        daemon.terminate()
        daemon.wait()
        for process in (direct, board):
            process.kill()
            process.join()


def _measured(
    direct_port: int, proxy_port: int, daemon: int, clients: int, minutes: float, pairs: int
) -> int:
    rng = np.random.default_rng(2)
    target_s = rng.uniform(25e-6, 90e-6, (ROWS, COLUMNS))
    proxy = _connected(proxy_port)
    values = ",".join(map(repr, target_s.ravel().tolist()))
    proxy.ask(f"*RST;:FORM ASC;:ARR:COND:TARG {values};:ARR:PROG;*OPC?")
    proxy.ask("CAL?")
    proxy.ask("OUTP ON;*OPC?")
    if pairs:
        _show_added_latency(direct_port, proxy, values, pairs, rng)
    return _under_load(proxy_port, target_s, daemon, clients, minutes) if minutes else 0


def _show_added_latency(
    direct_port: int, proxy: Client, values: str, pairs: int, rng: np.random.Generator
) -> None:
    direct = _connected(direct_port)
    direct.ask(f"*RST;:FORM ASC;:ARR:COND:TARG {values};:ARR:PROG;:OUTP ON;*OPC?")
    differences = added_latency_s(direct, proxy, pairs, rng)
    low, middle, high = 1e6 * np.percentile(differences, [5, 50, 95])
    print(f"a read of {COLUMNS} currents takes {middle:.0f} µs more through the daemon: median of {pairs}")
    print(f"pairs; 5th to 95th percentile {low:.0f} to {high:.0f} µs")


def _under_load(proxy_port: int, target_s: np.ndarray, daemon: int, clients: int, minutes: float) -> int:
    until_s = time.monotonic() + 60.0 * minutes
    ends = []
    for seed in range(clients):
        ours, theirs = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=run_client, args=(proxy_port, target_s, seed, until_s, theirs))
        process.start()
        ends.append((process, ours))
    memory = []
    for _ in range(TENTHS - 1):
        time.sleep(60.0 * minutes / TENTHS)
        memory.append(memory_bytes(daemon))
    told = [ours.recv() for _, ours in ends if ours.poll(60.0 * minutes + 120.0)]
    memory.append(memory_bytes(daemon))
    for process, _ in ends:
        process.join()
    asked, right = (sum(column) for column in zip(*told, strict=True))
    print(f"{clients} clients for {minutes:g} min: {asked} reads, {asked - right} wrong or crossed,")
    print(f"{clients - len(told)} clients without an end, {asked / (60.0 * minutes):.0f} reads a second")
    print("memory after each tenth of that time [MB]:", " ".join(f"{each / 1e6:.1f}" for each in memory))
    return int(asked != right or len(told) != clients)


def _connected(port: int) -> Client:
    """Connect to a daemon that may not listen yet, and wait until it has its board."""
    until_s = time.monotonic() + 120.0
    while True:
        try:
            client = Client(port)
            client.ask("*IDN?")
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.2)
        else:
            return client


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--pairs", type=int, default=1000)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        return study(Path(folder), given.clients, given.minutes, given.pairs)


if __name__ == "__main__":
    sys.exit(main())
