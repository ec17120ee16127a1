"""Commands run as a reader would: in a folder, with the interpreter's own commands first."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLOW_S = 20.0


class CommandFailed(Exception):
    """A command that a reader would have seen fail."""


def execute(
    command: list[str], folder: Path, env: dict[str, str], place: str, *, sized: bool = False
) -> None:
    """Run a command.

    Raises:
        CommandFailed: with its output.
    """
    began = time.monotonic()
    ended = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    took_s = time.monotonic() - began
    slow = "  over 20 s: state smaller sizes in its source" if took_s > SLOW_S and not sized else ""
    print(f"{took_s:6.1f} s  {place}{slow}", flush=True)
    if ended.returncode:
        said = ended.stdout.decode(errors="replace")[-6000:]
        raise CommandFailed(f"{place} failed ({ended.returncode}):\n{said}")


def environment(folder: Path) -> dict[str, str]:
    """The reader's shell: this interpreter's commands first, modules found in the page's folder."""
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join(paths),
        "MPLBACKEND": "Agg",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
