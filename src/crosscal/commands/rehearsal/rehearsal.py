"""A month of a daemon in minutes: error over time beside an oracle and simpler policies; resumable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from crosscal.commands.rehearsal.beside_part import rehearse_beside
from crosscal.commands.rehearsal.daemon_part import rehearse_daemon
from crosscal.commands.rehearsal.plan import DAEMON, INTERVAL, THRESHOLD, Figures, RehearsalPlan
from crosscal.core.whole_file import write_whole_text

PARTS = {DAEMON: 0.6, INTERVAL: 0.2, THRESHOLD: 0.2}
"""Parts, and their shares of the time that all take."""


def rehearse(plan: RehearsalPlan, output: Path, progress: Callable[[float], object]) -> Figures:
    """Run the daemon's upkeep and the policies beside it; parts that a run before has finished are kept.

    Args:
        plan: what to rehearse.
        output: folder where finished parts are kept.
        progress: told the share that is done.
    """
    figures, done = Figures(), 0.0
    for name, share in PARTS.items():
        file = _file(name, plan, output)
        if file.exists():
            figures.join(Figures.from_json(json.loads(file.read_text())))
        else:
            part = _part(
                name, plan, figures, lambda part, done=done, share=share: progress(done + share * part)
            )
            write_whole_text(file, json.dumps(part.to_json(), indent=1))
            figures.join(part)
        done += share
        progress(done)
    return figures


def finished(plan: RehearsalPlan, output: Path) -> list[str]:
    """Names of the parts that a folder has, which the same command need not run again."""
    return [name for name in PARTS if _file(name, plan, output).exists()]


def _file(name: str, plan: RehearsalPlan, output: Path) -> Path:
    return output / f"{name}-{plan.fingerprint}.json"


def _part(name: str, plan: RehearsalPlan, before: Figures, progress: Callable[[float], object]) -> Figures:
    if name != DAEMON:
        return rehearse_beside(name, plan, before.counts["vectors"], progress)
    with TemporaryDirectory() as folder:
        return rehearse_daemon(plan, Path(folder) / "store", progress)
