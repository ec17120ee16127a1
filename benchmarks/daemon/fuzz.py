"""Fuzzing of all that a daemon reads from outside: SCPI bytes, HTTP, stored files, settings; resumable.

    python benchmarks/daemon/fuzz.py -o fuzz/                 # a million inputs
    python benchmarks/daemon/fuzz.py --inputs 20000 -o fuzz/ scpi parts

Good inputs are cut, repeated, overwritten and spliced. What is refused must be refused by the package's own
errors; anything else is a failure, as are an input that takes more than ten seconds and memory that grows.
The engine is the firmware's over the calibrated hardware of a board that is away: parsing is fuzzed, not
measuring.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import signal
import socket
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import crosscal
from crosscal.core.errors import CrosscalError
from crosscal.daemon.clock import DaemonClock
from crosscal.daemon.hardware.calibrated_hardware import CalibratedHardware
from crosscal.daemon.journal import Journal
from crosscal.daemon.settings import DaemonSettings, Drift, Http
from crosscal.daemon.status import StatusBoard
from crosscal.daemon.upkeep.upkeep import Upkeep
from crosscal.daemon.web.serving import HttpServer
from crosscal.firmware_models import Instrument
from crosscal.runtime import Calibrator
from crosscal.runtime.store import SentinelRecord, Store
from crosscal.runtime.store.file_part import Part
from crosscal.simulated_bench import Bench

SHARES = {"scpi": 0.6, "parts": 0.23, "settings": 0.07, "calibrators": 0.02, "http": 0.06, "databases": 0.02}
LONGEST_S = 10
MOST_GROWTH_BYTES = 64 << 20
BATCH = 500
MESSAGES = (
    b"*IDN?\n",
    b"SOUR:VOLT:LIST 0.1,0.2,0.3;:READ?\n",
    b"FORM REAL,64;:ARR:COND:TARG #3512" + bytes(range(256)) * 2 + b"\n",
    b"CAL:STAT OFF;:CAL?;:CAL:AGE?;:FETC:UNC?;:TRAC:UNC?\n",
    b"SYST:LOCK:REQ?;:SYST:LOCK:OWN?;:SYST:CHAN?;:SYST:ERR:ALL?\n",
    b"*SRE 255;*ESE 1;*STB?;*CLS;*RST;*OPC?;*TRG;*WAI\n",
    b"SIM:FAUL:CELL 1,1,OPEN;:SIM:TEMP 30;:SIM:TIME 5\n",
    b"SENS:CURR:RANG 1mA;:SENS:CURR:APER MIN;:SENS:AVER:COUN 4;:OUTP ON\n",
)
REQUESTS = (
    b"GET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    b"GET /series?since=1&until=x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
)
SETTINGS = b"""board = "TCPIP::127.0.0.1::5025::SOCKET"
calibrator = "b7.onnx"
store = "store"
[proxy]
listen = "127.0.0.1:0"
[drift]
false_alarms_per_day = 0.1
interval_s = [60, 86400]
[alarm]
command = ["logger", "-t", "x"]
"""
REFUSED = (CrosscalError, ValueError, zlib.error)


def mutated(rng: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """Return a good input that something has happened to, up to four times."""
    content = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        at, size = rng.randrange(len(content) + 1), rng.choice((1, 1, 2, 4, 16, 64))
        kind = rng.randrange(5)
        if kind == 0:
            content[at : at + size] = rng.randbytes(size)
        elif kind == 1:
            del content[at : at + size]
        elif kind == 2:
            content[at:at] = content[at : at + size] * rng.randint(1, 8)
        elif kind == 3:
            content[at:at] = rng.randbytes(size)
        else:
            other = rng.choice(seeds)
            begin = rng.randrange(len(other))
            content[at:at] = other[begin : begin + size]
    return bytes(content)


@contextmanager
def scpi(folder: Path) -> Iterator[Callable[[random.Random], None]]:
    """Messages to the engine of the proxy, cut into pieces as a link may."""
    clock = DaemonClock()
    with Store.open(folder / "store") as store:
        calibrator = Calibrator.load(Path(crosscal.__file__).parent / "shipped" / "demo.onnx")
        rng = np.random.default_rng(0)
        upkeep = Upkeep(calibrator, Journal(store, clock=clock), Drift(), clock=clock, rng=rng)
        facts = Bench.from_toml("lab-12x16").facts
        instrument = Instrument(CalibratedHardware(facts, upkeep, feed=lambda: None))

        def one(rng: random.Random) -> None:
            session = instrument.open_session(message_based=False, address="fuzz")
            content = mutated(rng, MESSAGES)
            at = rng.randrange(len(content) + 1)
            for piece in (content[:at], content[at:], b"\n"):
                session.receive(piece)
                for _ in range(50):
                    if not instrument.poll():
                        break
                session.transmit()
            session.close()

        yield one


@contextmanager
def parts(folder: Path) -> Iterator[Callable[[random.Random], None]]:
    """Parts of stored files."""
    del folder
    whole = random.Random(1).randbytes(4_000)
    other = whole[:1_000] + b"different" + whole[1_500:]
    seeds = (Part.of(other, "0" * 64, whole).encoded(),)

    def one(rng: random.Random) -> None:
        with suppress(*REFUSED):
            Part.decoded(mutated(rng, seeds)).joined(whole)

    yield one


@contextmanager
def settings(folder: Path) -> Iterator[Callable[[random.Random], None]]:
    """Settings of the daemon."""
    path = folder / "daemon.toml"

    def one(rng: random.Random) -> None:
        path.write_bytes(mutated(rng, (SETTINGS,)))
        with suppress(CrosscalError):
            DaemonSettings.load(path)

    yield one


@contextmanager
def calibrators(folder: Path) -> Iterator[Callable[[random.Random], None]]:
    """Calibrator files."""
    del folder
    content = (Path(crosscal.__file__).parent / "shipped" / "demo.onnx").read_bytes()
    loaded = Calibrator.from_bytes(content, origin="seed")

    def one(rng: random.Random) -> None:
        # As a version of the store is loaded; the graph is opened only where it is another, sealed one.
        with suppress(CrosscalError):
            loaded.with_metadata_of(mutated(rng, (content,)), origin="fuzz")

    yield one


@contextmanager
def http(folder: Path) -> Iterator[Callable[[random.Random], None]]:
    """Requests to the page's server."""
    with Store.open(folder / "http-store"):
        pass
    board = StatusBoard()
    where = Http(listen="127.0.0.1:0")
    with HttpServer(where, board, folder / "http-store", monotonic=time.monotonic) as server:
        port = server.port

        def one(rng: random.Random) -> None:
            with socket.create_connection(("127.0.0.1", port), timeout=LONGEST_S) as wire:
                wire.sendall(mutated(rng, REQUESTS))
                wire.shutdown(socket.SHUT_WR)
                with suppress(ConnectionError):
                    while wire.recv(65536):
                        pass

        yield one


@contextmanager
def databases(folder: Path) -> Iterator[Callable[[random.Random], None]]:
    """Databases of a store, opened to look at."""
    kept, tried = folder / "kept", folder / "tried"
    with Store.open(kept) as store:
        store.commit_calibration(b"content", {"reason": "fuzz"}, time_s=1.0)
        for second in range(20):
            store.record_sentinel(
                SentinelRecord(time_s=second, version=1, residual=np.ones((2, 3)), statistic=0.1)
            )
            store.record_event("state", "fuzz", {"n": second}, time_s=second)
    with closing(sqlite3.connect(kept / "history.sqlite")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = (kept / "history.sqlite").read_bytes()
    tried.mkdir()

    def one(rng: random.Random) -> None:
        for path in tried.iterdir():
            path.unlink()
        (tried / "history.sqlite").write_bytes(mutated(rng, (content,)))
        with suppress(*REFUSED), Store.read_only(tried) as store:
            store.versions()
            store.sentinels()
            store.events()
            store.current()
            store.integrity()

    yield one


TARGETS = {each.__name__: each for each in (scpi, parts, settings, calibrators, http, databases)}


def memory_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run(name: str, inputs: int, done: dict[str, int], record: Path) -> None:
    """Bring a target to its number of inputs; each batch is repeatable and noted when it is done."""

    def hang(number: int, frame: object) -> None:
        del number, frame
        raise TimeoutError(f"{name}: an input of batch {done[name]} takes more than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, hang)
    with TemporaryDirectory() as folder, TARGETS[name](Path(folder)) as one:
        settled = 0
        while done[name] < inputs:
            rng = random.Random(f"{name} {done[name]}")
            for _ in range(BATCH):
                signal.alarm(LONGEST_S)
                one(rng)
            signal.alarm(0)
            done[name] += BATCH
            record.write_text(json.dumps(done))
            settled = settled or memory_bytes()
        grown = memory_bytes() - settled if settled else 0
    signal.signal(signal.SIGALRM, before)
    print(f"{name:12} {done[name]:8} inputs; memory grew by {max(grown, 0) / 1e6:.1f} MB", flush=True)
    if grown > MOST_GROWTH_BYTES:
        raise AssertionError(f"{name}: memory grew by {grown / 1e6:.0f} MB")


def main() -> None:
    """Fuzz the targets that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []], default=[], help=", ".join(TARGETS))
    parser.add_argument("--inputs", type=int, default=1_010_000, help="in all, shared among all targets")
    parser.add_argument("-o", "--output", type=Path, default=Path("fuzz"))
    given = parser.parse_args()
    # What is refused is logged, a million times.
    logging.disable(logging.CRITICAL)
    given.output.mkdir(parents=True, exist_ok=True)
    for name in given.target or TARGETS:
        record = given.output / f"{name}.json"
        done = json.loads(record.read_text()) if record.exists() else {name: 0}
        run(name, int(given.inputs * SHARES[name]), done, record)
    print("no crash, no hang, no growth")


if __name__ == "__main__":
    sys.exit(main())
