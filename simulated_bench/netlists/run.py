"""Running a netlist with ngspice, where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from crosscal.core.errors import InputError, SolverError, wanted

PROGRAM = "ngspice"
_OUTPUT = re.compile(r"^wrdata (\S+) ", re.MULTILINE)
_LAST_WORDS = 400  # of what ngspice says when it fails


def ngspice_is_installed() -> bool:
    """Tell whether there is an ngspice to run."""
    return shutil.which(PROGRAM) is not None


def run_netlist(text: str, *, timeout_s: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Solve a netlist that `netlist` wrote with ngspice.

    Args:
        text: the netlist.
        timeout_s: longest time to wait.

    Returns:
        Number or time [s] of each line, (B,) or (T,); and column currents [A], (B, M) or
        (T, M).

    Raises:
        InputError: ngspice is not installed, or the text is no such netlist.
        SolverError: ngspice fails, or is not done in time.
    """
    name = _OUTPUT.search(text)
    if name is None:
        raise InputError(
            wanted(got="a text without wrdata", allowed="what netlist(...) returns", remedy="pass that")
        )
    with tempfile.TemporaryDirectory(prefix="crosscal-") as scratch:
        path, written = Path(scratch, "board.cir"), Path(scratch, "out.txt")
        path.write_text(text.replace(f"wrdata {name[1]} ", f"wrdata {written.name} "), encoding="utf-8")
        said = _run(path, timeout_s)
        if not written.exists():
            raise SolverError(f"ngspice wrote no currents; it says: …{said[-_LAST_WORDS:].strip()}")
        return read_currents(written)


def read_currents(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a file of column currents that a netlist had ngspice write.

    Returns:
        Numbers or times [s], (B,), and currents [A], (B, M).
    """
    table = np.loadtxt(path, skiprows=1, ndmin=2)
    return table[:, 0], table[:, 1:]


def _run(path: Path, timeout_s: float | None) -> str:
    """Run ngspice in the netlist's folder; return its output."""
    try:
        done = subprocess.run(
            [PROGRAM, "-n", "-b", path.name],
            cwd=path.parent,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        allowed, remedy = "ngspice on the search path", "install it, as with: apt install ngspice"
        raise InputError(wanted(got="no program ngspice", allowed=allowed, remedy=remedy)) from error
    except subprocess.TimeoutExpired as error:
        raise SolverError(f"ngspice was not done in {timeout_s:g} s; allow it more time") from error
    said = done.stdout + done.stderr
    if done.returncode != 0:
        raise SolverError(
            f"ngspice ended with code {done.returncode}; it says: …{said[-_LAST_WORDS:].strip()}"
        )
    return said
