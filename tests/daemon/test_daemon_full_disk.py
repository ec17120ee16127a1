"""A disk that is full below a running daemon: it reads on, says so, and nothing in its store is torn."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from daemon.daemon_rig import LONG_S, PROFILE, matrix, nmse, vectors, write_settings

import crosscal
from crosscal.daemon.checking import check
from crosscal.runtime.store import Store
from crosscal.simulated_bench import Bench
from crosscal.simulated_bench.instrument.bench_server import serve_tcp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on files of another process")

DISK_BYTES = 16 << 20
FIRST_PAGE = 4096
CALIBRATED = 0.02
"""NMSE: as read it is above 0.1, calibrated some thousandths, warm board or cold."""


class SmallDisk:
    """A file system of its own where this user may mount one; a limit on the size of files elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
        try:
            self.mounted = not subprocess.run(
                ["mount", *options], capture_output=True, check=False
            ).returncode
        except OSError:
            self.mounted = False

    def fill(self, process: int) -> None:
        """Leave no room to a process."""
        if not self.mounted:
            most = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(process, resource.RLIMIT_FSIZE, (FIRST_PAGE, most))
            return
        with (self.folder / "ballast").open("wb", buffering=0) as ballast:
            for piece in (1 << 16, 1):
                try:
                    while True:
                        ballast.write(bytes(piece))
                except OSError:
                    continue

    def free(self, process: int) -> None:
        """Make room again."""
        if self.mounted:
            (self.folder / "ballast").unlink()
        else:
            most = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(process, resource.RLIMIT_FSIZE, (most, most))

    def unmount(self) -> None:
        """Give the file system back."""
        if self.mounted:
            subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.unmount()


@pytest.fixture
def daemon(tmp_path: Path, disk: SmallDisk) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A daemon in a process of its own with its store on the small disk, and its resource name."""
    with serve_tcp(Bench.from_toml(PROFILE)) as server:
        path = write_settings(
            tmp_path,
            int(server.resource.split("::")[2]),
            alarm=f'[alarm]\ncommand = ["/bin/sh", "-c", "cat >> {tmp_path}/alarms"]',
        )
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('store = "store"', f'store = "{disk.folder}/store"'), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "crosscal", "daemon", "--log", "json", str(path)], stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        said = (json.loads(line)["message"] for line in process.stderr)
        resource_name = next(text.split()[-1] for text in said if "clients find the board" in text)
        try:
            yield process, resource_name
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


def eventually(wish: Callable[[], bool]) -> None:
    """Wait until something is so."""
    until_s = time.monotonic() + LONG_S
    while not wish():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def test_reading_goes_on_an_alarm_is_raised_and_nothing_is_torn(
    tmp_path: Path, disk: SmallDisk, daemon: tuple[subprocess.Popen[bytes], str]
) -> None:
    process, resource_name = daemon
    store, alarms = disk.folder / "store", tmp_path / "alarms"
    target_s, voltage_v = matrix(3), vectors(8)

    def told() -> list[str]:
        return (
            [json.loads(line)["text"] for line in alarms.read_text().splitlines()] if alarms.exists() else []
        )

    with crosscal.open_board(resource_name, backend="@py", timeout_s=LONG_S) as board:

        def error_of_reads(programmed_s: np.ndarray) -> float:
            return nmse(np.array([board.measure(vector) for vector in voltage_v]), programmed_s, voltage_v)

        def warmed(temperature_c: float) -> int:
            """Let the board's amplifiers drift, and answer what a calibration says then."""
            board.simulation.set_temperature(temperature_c)
            return int(board.query("CAL?"))

        board.program(target_s)
        assert warmed(60.0) == 0
        with Store.read_only(store) as before:
            versions = [(each.version, each.sha256) for each in before.versions()]
        assert len(versions) > 1, "the drift led to no commit: the disk would not be needed"

        disk.fill(process.pid)
        # So far that there is something to learn, whatever errors the first drift has taught to expect.
        assert warmed(-40.0) == 0
        assert error_of_reads(target_s) < CALIBRATED
        board.program(matrix(4))
        assert warmed(61.0) == 0
        assert error_of_reads(matrix(4)) < CALIBRATED
        eventually(lambda: any("the store takes nothing" in text for text in told()))
        with Store.read_only(store) as full:
            assert [(each.version, each.sha256) for each in full.versions()] == versions
            assert full.integrity() == []

        disk.free(process.pid)
        board.program(target_s)
        assert warmed(25.0) == 0
        assert error_of_reads(target_s) < CALIBRATED
    process.send_signal(signal.SIGTERM)
    assert process.wait(LONG_S) == 0
    assert check(tmp_path / "daemon.toml") == []
    with Store.read_only(store) as after:
        found = [(each.version, each.sha256) for each in after.versions()]
        assert found[: len(versions)] == versions
        assert len(found) > len(versions), "nothing was committed once there was room again"
        assert after.integrity() == []
