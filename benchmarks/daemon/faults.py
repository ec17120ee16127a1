"""Kills, lost links, stalls, garbled replies and power cycles of a daemon at work; resumable.

python benchmarks/daemon/faults.py --cases 1000 -o faults/

Each case ends with the daemon back in service without help. It fails if a committed calibration is lost or
damaged, if anything half-written is found, or if a current that was served as calibrated is wrong, which is
to say farther off than its deviation lets expect. Boards and daemons are processes of their own; it needs an
operating system that forks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import crosscal
from crosscal.daemon.service import Daemon
from crosscal.daemon.settings import DaemonSettings
from crosscal.daemon.upkeep import judgement
from crosscal.daemon.upkeep.warm_up import warm_up
from crosscal.runtime import Calibrator
from crosscal.runtime.store import Store
from crosscal.simulated_bench import Bench
from crosscal.simulated_bench.instrument.bench_server import serve_tcp

PROFILE = "lab-12x16"
KINDS = ("kill", "kill in a commit", "DROP", "STALl", "GARBle", "power cycle", "program")
WRONG_DEVIATIONS = 5.0
"""Root mean square error of a read's currents in stated deviations, from which they are wrong. Columns share
their errors, so that a read is one draw rather than 16. Currents that were not calibrated, or for another
matrix, lie 20 and more off."""
SERVICE_S = 300.0
_FORK = multiprocessing.get_context("fork")


def free_port() -> int:
    """Find a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def run_board(port: int) -> None:
    """Serve a board that was just switched on, until killed."""
    with serve_tcp(Bench.from_toml(PROFILE), port=port):
        signal.pause()


def run_daemon(path: Path, committing: int) -> None:
    """Run a daemon until killed; a byte tells that a commit begins. Every verification is followed by one."""
    judgement.MOST_RATIO = 0.0
    commit = Store.commit_calibration

    def told(self: Store, *arguments: object, **settings: object) -> int:
        os.write(committing, b"c")
        return commit(self, *arguments, **settings)  # type: ignore[arg-type]

    Store.commit_calibration = told  # type: ignore[method-assign,assignment]
    with Daemon(DaemonSettings.load(path), path=path) as daemon:
        daemon.run()


@dataclass
class Study:
    """A board, a daemon beside it, and a client that checks every number."""

    folder: Path
    seed: int
    board_port: int = field(default_factory=free_port)
    proxy_port: int = field(default_factory=free_port)
    committed: int = 0
    most_deviations: float = 0.0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.rng = np.random.default_rng(self.seed)
        self.target_s = np.zeros((12, 16))
        self.store = self.folder / "store"
        shutil.copy(Path(crosscal.__file__).parent / "shipped" / "demo.onnx", self.folder / "b7.onnx")
        self.path = self.folder / "daemon.toml"
        self.path.write_text(
            f'board = "TCPIP::127.0.0.1::{self.board_port}::SOCKET"\nbackend = "@py"\n'
            f'calibrator = "b7.onnx"\nstore = "store"\n[proxy]\nlisten = "127.0.0.1:{self.proxy_port}"\n'
            "[drift]\ninterval_s = [1, 86400]\nboard_share = 0.5\n"
        )
        # Every daemon is forked from this process, with the kernels that it has compiled here.
        warm_up(Calibrator.load(self.folder / "b7.onnx"))
        self.commits_out, self.commits_in = os.pipe()
        os.set_blocking(self.commits_out, False)
        self.start_board()
        self.start_daemon()

    def start_board(self) -> None:
        self.board = _FORK.Process(target=run_board, args=(self.board_port,), daemon=True)
        self.board.start()

    def start_daemon(self) -> None:
        self.daemon = _FORK.Process(target=run_daemon, args=(self.path, self.commits_in), daemon=True)
        self.daemon.start()

    def end(self) -> None:
        for process in (self.daemon, self.board):
            process.kill()
            process.join()

    # Client

    def ask(self, *messages: str, port: int | None = None, timeout_s: float = 60.0) -> list[bytes]:
        """Ask over a connection of its own; raise OSError if it does not get through."""
        with socket.create_connection(("127.0.0.1", port or self.proxy_port), timeout=timeout_s) as wire:
            lines = wire.makefile("rb")
            answers = []
            for message in messages:
                wire.sendall(message.encode() + b"\n")
                answer = lines.readline()
                if not answer.endswith(b"\n"):
                    raise ConnectionError("the link was closed")
                answers.append(answer)
            return answers

    def program(self) -> None:
        target_s = self.rng.uniform(20e-6, 95e-6, (12, 16))
        values = ",".join(map(repr, target_s.ravel().tolist()))
        self.ask(f"FORM ASC;:ARR:COND:TARG {values};:ARR:PROG;*OPC?")
        self.target_s = target_s

    def read_is_calibrated(self) -> bool:
        """Read; whether all currents are calibrated. A wrong one that passes for good is the failure."""
        voltage_v = self.rng.uniform(0.1, 0.5, 12)
        vector = ",".join(map(repr, voltage_v.tolist()))
        answer, _ = self.ask(
            f"FORM ASC;:OUTP ON;:SOUR:VOLT:LIST {vector};:READ?;:FETC:UNC?;:SYST:ERR:ALL?", "SYST:ERR:ALL?"
        )
        texts = answer.split(b";")[:2]
        if [text.count(b",") for text in texts] != [15, 15]:
            return False
        current_a, deviation_a = (np.array(text.split(b","), dtype=float) for text in texts)
        good = np.abs(current_a) < 1.0
        if good.any():
            if (deviation_a[good] > 1.0).any():
                raise AssertionError("currents served as calibrated without a stated deviation")
            error_a = current_a[good] - (voltage_v @ self.target_s)[good]
            self._judge(float(np.sqrt(np.mean((error_a / deviation_a[good]) ** 2))))
        return bool(good.all())

    def _judge(self, deviations: float) -> None:
        """Note the error of a read in its deviations; one that is wrong is the failure."""
        self.most_deviations = max(self.most_deviations, deviations)
        if deviations > WRONG_DEVIATIONS:
            raise AssertionError(
                f"wrong currents served as calibrated: {deviations:.3g} × their stated deviations off"
            )

    def back_in_service(self) -> float:
        """Wait until reads are calibrated again; how long it took [s]."""
        began_s = time.monotonic()
        programmed = False
        while time.monotonic() - began_s < SERVICE_S:
            try:
                if not self.target_s.any():
                    self.program()
                if self.read_is_calibrated():
                    return time.monotonic() - began_s
                if not programmed and self.needs_matrix():
                    self.program()
                    programmed = True
            except OSError:
                pass
            if not self.daemon.is_alive():
                self.start_daemon()
            time.sleep(0.05)
        raise AssertionError(f"not back in service after {SERVICE_S:g} s")

    def needs_matrix(self) -> bool:
        """Whether the board has forgotten its target, as after a power cycle."""
        (answer,) = self.ask("FORM ASC;:ARR:COND:TARG?", port=self.board_port)
        if answer.startswith(b"#"):
            # The daemon chose blocks in between: the board has one format for all. Asked again soon.
            return False
        return not np.allclose(np.array(answer.split(b","), dtype=float), self.target_s.ravel())

    # Cases

    def case(self, kind: str) -> float:
        """Do one; return how long the daemon was out of service [s]."""
        if kind == "kill":
            self._begin_something()
            time.sleep(self.random.uniform(0.0, 0.5))
            self._kill()
        elif kind == "kill in a commit":
            self._drain()
            self._begin_something()
            self._wait_for_commit()
            time.sleep(self.random.uniform(0.0, 0.02))
            self._kill()
        elif kind == "power cycle":
            self.board.kill()
            self.board.join()
            # It comes back with the target of power-on, which the daemon must find out by itself.
            self.target_s = np.full((12, 16), Bench.from_toml(PROFILE).facts.conductance_min_s)
            time.sleep(self.random.uniform(0.0, 0.5))
            self.start_board()
        elif kind == "program":
            self._begin_something()
            self.program()
        else:
            self.ask(f"SIM:FAUL:LINK {kind};*IDN?", port=self.board_port)
        took_s = self.back_in_service()
        self._check_store()
        return took_s

    def _begin_something(self) -> None:
        """Ask for a recalibration, and do not wait for it."""
        wire = socket.create_connection(("127.0.0.1", self.proxy_port), timeout=60.0)
        wire.sendall(b"CAL?\n")
        self._open_wire = wire

    def _kill(self) -> None:
        self.daemon.kill()
        self.daemon.join()
        self.start_daemon()

    def _drain(self) -> None:
        try:
            while os.read(self.commits_out, 4096):
                pass
        except BlockingIOError:
            return

    def _wait_for_commit(self) -> None:
        until_s = time.monotonic() + SERVICE_S
        while time.monotonic() < until_s:
            try:
                if os.read(self.commits_out, 1):
                    return
            except BlockingIOError:
                time.sleep(0.001)
        raise AssertionError("no commit began")

    def _check_store(self) -> None:
        with Store.read_only(self.store) as store:
            problems = store.integrity()
            versions = len(store.versions())
            current = store.current()
            if problems or versions < self.committed or (current is None and versions):
                raise AssertionError(f"{problems or 'a committed calibration is lost'}")
            if current is not None:
                store.calibration(current.version)
        self.committed = versions


def run(folder: Path, cases: int, seed: int, kinds: tuple[str, ...] = KINDS) -> list[dict[str, object]]:
    """Run cases up to a number; those that a file in the folder has are not run again."""
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "cases.jsonl"
    done = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    if len(done) >= cases:
        return done
    study = Study(folder, seed + len(done))
    try:
        study.back_in_service()
        for index in range(len(done), cases):
            kind = kinds[index % len(kinds)]
            took_s = study.case(kind)
            done.append(
                {
                    "case": index,
                    "kind": kind,
                    "out_of_service_s": took_s,
                    "most_deviations": study.most_deviations,
                }
            )
            with record.open("a") as file:
                file.write(json.dumps(done[-1]) + "\n")
    finally:
        study.end()
    return done


def main() -> None:
    """Run the study and print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("faults"))
    arguments = parser.parse_args()
    done = run(arguments.output, arguments.cases, arguments.seed)
    for kind in KINDS:
        times_s = [float(str(one["out_of_service_s"])) for one in done if one["kind"] == kind]
        if times_s:
            print(
                f"{kind:18} {len(times_s):5} cases, back after {np.median(times_s):.2f} s (median), "
                f"{max(times_s):.2f} s (longest)"
            )
    most = max((float(str(one.get("most_deviations", 0.0))) for one in done), default=0.0)
    print(
        f"{len(done)} cases; no calibration lost, none damaged, no wrong current served as calibrated "
        f"(errors of a read at most {most:.2f} × their stated deviations)"
    )


if __name__ == "__main__":
    sys.exit(main())
