"""A simulated board behind the addresses that pages print, so that what is run is what is printed."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRINTED_TCP = "TCPIP::192.168.1.7::5025::SOCKET"
PRINTED_SERIAL = ("ASRL/dev/ttyACM0::INSTR", "ASRL1::INSTR")
READY_S = 60.0


@contextmanager
def served(profile: str, folder: Path, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Serve a board over TCP and, where there are pseudo-terminals, a serial port; yield printed → real."""
    port, link = free_port(), folder / ".serial"
    command = [sys.executable, "-m", "crosscal", "bench", profile, "--tcp", str(port)]
    addresses = {PRINTED_TCP: f"TCPIP::127.0.0.1::{port}::SOCKET"}
    if sys.platform != "win32":
        link.unlink(missing_ok=True)
        command += ["--pty", str(link)]
        addresses |= dict.fromkeys(PRINTED_SERIAL, f"ASRL{link}::INSTR")
    with started(command, folder, env, port):
        yield addresses


@contextmanager
def started(
    command: list[str], folder: Path, env: dict[str, str], port: int | None, link: Path | None = None
) -> Iterator[None]:
    """Run a server until the block ends; wait until it listens on its port or its link is there."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=said, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + READY_S
            while (port is not None and not _listens(port)) or (link is not None and not link.exists()):
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    raise RuntimeError(f"{' '.join(command)} does not serve: {said.read().decode()[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def port_in(command: str) -> int | None:
    """The port that a command line says it listens on."""
    found = re.search(r"--(?:tcp|port) (\d+)", command)
    return int(found[1]) if found else None


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
