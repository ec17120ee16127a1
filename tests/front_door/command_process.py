"""The command line as people meet it: a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def crosscal_process(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `crosscal` to its end, whatever that is."""
    return subprocess.run(
        [sys.executable, "-m", "crosscal", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=cwd,
    )
