"""A daemon on a simulated board over TCP, each in a thread of its own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import crosscal
from crosscal.daemon.service import Daemon
from crosscal.daemon.settings import DaemonSettings
from crosscal.daemon.status import Snapshot
from crosscal.simulated_bench import Bench
from crosscal.simulated_bench.instrument.bench_server import BenchServer, serve_tcp

SHIPPED = Path(crosscal.__file__).parent / "shipped" / "demo.onnx"
PROFILE = "lab-12x16"
LONG_S = 120.0
"""Far longer than anything takes, also on a machine that is busy; nothing waits for its end."""


@dataclass
class Rig:
    """A board that can be unplugged, and a daemon beside it.

    Attributes:
        folder: settings, calibrator and store.
        port: of the board.
        daemon: in its thread.
    """

    folder: Path
    port: int
    daemon: Daemon
    server: BenchServer | None
    alarms: list[dict[str, Any]] = field(default_factory=list)

    @property
    def resource(self) -> str:
        """Where clients find the board."""
        return self.daemon.resource

    def wait(self, wish: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the status fulfils a wish."""

        def fulfilled(snapshot: Snapshot) -> bool:
            return wish(dict(snapshot.document))

        found = self.daemon.status.wait_for(fulfilled, LONG_S)
        last = self.daemon.status.snapshot
        assert found is not None, f"the status stays at {last and last.document}"
        return dict(found.document)

    def ready(self) -> dict[str, Any]:
        """Wait for a verified calibration."""
        return self.wait(lambda status: status["state"] == "IDLE" and not status["in_doubt"])

    def program(self, target_s: np.ndarray) -> None:
        """Wait for the proxy, and program and calibrate a matrix through it."""
        self.wait(lambda status: bool(status["proxy"]))
        with self.client() as board:
            board.program(target_s)
            assert board.query("CAL?") == "0"

    def unplug(self) -> None:
        """Switch the board off."""
        assert self.server is not None
        self.server.__exit__(None, None, None)
        self.server = None

    def plug(self, bench: Bench | None = None) -> None:
        """Switch a board on at the same address."""
        self.server = serve_tcp(bench or Bench.from_toml(PROFILE), port=self.port)
        self.server.__enter__()

    @contextmanager
    def client(self) -> Iterator[crosscal.Board]:
        """A client of the daemon."""
        with crosscal.open_board(self.resource, backend="@py") as board:
            yield board


def write_settings(folder: Path, port: int, **lines: str) -> Path:
    """Write a settings file beside a calibrator."""
    shutil.copy(SHIPPED, folder / "b7.onnx")
    path = folder / "daemon.toml"
    path.write_text(
        f'board = "TCPIP::127.0.0.1::{port}::SOCKET"\nbackend = "@py"\n'
        'calibrator = "b7.onnx"\nstore = "store"\n'
        '[proxy]\nlisten = "127.0.0.1:0"\n' + "\n".join(lines.values())
    )
    return path


@contextmanager
def running(folder: Path, **lines: str) -> Iterator[Rig]:
    """Run a daemon on a board until the block ends."""
    server = serve_tcp(Bench.from_toml(PROFILE))
    server.__enter__()
    port = int(server.resource.split("::")[2])
    path = write_settings(folder, port, **lines)
    daemon = Daemon(DaemonSettings.load(path), path=path)
    rig = Rig(folder, port, daemon, server)
    thread = threading.Thread(target=daemon.run, name="daemon under test")
    thread.start()
    try:
        yield rig
    finally:
        daemon.stop()
        thread.join(LONG_S)
        daemon.close()
        if rig.server is not None:
            rig.unplug()


def matrix(seed: int, shape: tuple[int, int] = (12, 16)) -> np.ndarray:
    """A target that the shipped calibrator was trained for [S]."""
    return np.random.default_rng(seed).uniform(20e-6, 95e-6, shape)


def vectors(count: int, seed: int = 5) -> np.ndarray:
    """Inputs that it was trained for [V]."""
    return np.random.default_rng(seed).uniform(0.1, 0.5, (count, 12))


def nmse(current_a: np.ndarray, target_s: np.ndarray, voltage_v: np.ndarray) -> float:
    """Error relative to the variance of the ideal currents."""
    ideal_a = voltage_v @ target_s
    return float(((current_a - ideal_a) ** 2).mean() / ideal_a.var())
