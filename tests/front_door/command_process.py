"""The command line as people meet it: a process of its own, or, in tenths of a second, its main function."""

from __future__ import annotations

import io
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from crosscal.command_line import main
from crosscal.commands.terminal.interrupt import ENDING

LONGEST_S = 900.0
"""For a machine that is busy with other things; none takes a tenth of it by itself."""


def crosscal_process(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `crosscal` to its end, whatever that is."""
    return subprocess.run(
        [sys.executable, "-m", "crosscal", *arguments],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        cwd=cwd,
    )


def crosscal_here(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `crosscal` to its end in this process, which has imported its libraries already."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    command = ["crosscal", *arguments]
    with patch.object(sys, "argv", command), chdir(cwd or Path()), _as_found():
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main()
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int), code
    said = [stream.buffer.getvalue().decode() for stream in (out, err) if stream.flush() is None]
    return subprocess.CompletedProcess(command, code, *said)


@contextmanager
def _as_found() -> Iterator[None]:
    """Put back what a program may change of its process: handlers of signals and of the log."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    root, ours = logging.getLogger(), logging.getLogger("crosscal")
    before, level = root.handlers[:], ours.level
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        root.handlers[:] = before
        ours.setLevel(level)
