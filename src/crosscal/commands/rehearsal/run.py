"""Rehearsal from the command line: a calibrator if there is none, the run, its table and its report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from crosscal.commands.benches.simulated_board import RESOURCE
from crosscal.commands.rehearsal.plan import (
    BETWEEN,
    DAEMON,
    INTERVAL,
    NONE,
    ONCE,
    ORACLE,
    THRESHOLD,
    Figures,
    RehearsalPlan,
    board_fingerprint,
)
from crosscal.commands.rehearsal.rehearsal import finished, rehearse
from crosscal.commands.terminal.interrupt import keeping, kept_in
from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.core.physical_constants import DAY_S, HOUR_S
from crosscal.core.whole_file import write_whole_text
from crosscal.daemon.settings import Drift

# [s]
_UNITS = {"s": 1.0, "m": 60.0, "h": HOUR_S, "d": DAY_S}
_TRAINING_MATRICES = _TRAINING_VECTORS = 80  # as the demo: the calibrator is not to limit the rehearsal
_NAMES = {
    ORACLE: "recalibrated before each read from 4N vectors",
    DAEMON: "the daemon, a read after a pause",
    BETWEEN: "the daemon, had that read not waited",
    INTERVAL: "fixed interval, same board time",
    THRESHOLD: "fixed threshold, same board time",
    ONCE: "calibrated once at the start",
    NONE: "as trained, never recalibrated",
}


def parse_duration(text: str) -> float:
    """Read a duration such as `30d`, `12h` [s].

    Raises:
        click.BadParameter: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not found or float(found[1]) <= 0.0:
        raise click.BadParameter(f"got {text!r}; allowed: a number with s, m, h or d, such as 30d")
    return float(found[1]) * _UNITS[found[2]]


def run_rehearsal(
    bench: str, duration_s: float, *, calibrator: Path | None, swing_c: float, seed: int, output: Path
) -> Figures:
    """Rehearse and write `rehearsal.json`; print the table.

    A calibrator that is trained first, and finished parts, stay in the folder; the same command goes on.
    """
    output.mkdir(parents=True, exist_ok=True)
    # Four reads a day: at all phases of the temperature's swing, as 86,400 s is no multiple of 21,000 s.
    plan = RehearsalPlan(
        bench=bench,
        calibrator=calibrator or trained(bench, output, seed),
        duration_s=duration_s,
        reads=max(8, round(duration_s / 21_000.0)),
        swing_c=swing_c,
        drift=Drift(),
        seed=seed,
    )
    with keeping(lambda: _kept(plan, output)), progress_bar() as bar:
        task = bar.add_task(f"rehearsing {duration_s / DAY_S:g} days", total=1.0, note="")
        figures = rehearse(plan, output, lambda done: bar.update(task, completed=done))
    document = {**figures.to_json(), "time_s": plan.times_s.tolist()}
    write_whole_text(output / "rehearsal.json", json.dumps(document, indent=1))
    Console().print(_table(bench, figures))
    console.print(f"wrote {output / 'rehearsal.json'}")
    return figures


def _kept(plan: RehearsalPlan, output: Path) -> str:
    parts = ["the calibrator", *(_NAMES[name].partition(",")[0] for name in finished(plan, output))]
    return kept_in(output, " and ".join(parts))


def _table(bench: str, figures: Figures) -> Table:
    table = Table(title=f"{bench}: time-averaged NMSE", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("", "NMSE", "relative to the first", "board time"):
        table.add_column(name, justify="left" if not name else "right")
    for key, name in _NAMES.items():
        share = figures.board_share.get(key)
        table.add_row(
            name,
            f"{figures.mean(key):.3g}",
            f"{figures.mean(key) / figures.mean(ORACLE):.3g}",
            "" if share is None else f"{100 * share:.2g} %",
        )
    counts = figures.counts
    table.caption = (
        f"{counts['recalibrations']} recalibrations, {counts['sentinels']} readings of sentinels, "
        f"{counts['alarms']} alarms; the store holds {counts['store_bytes'] / 1e6:.3g} MB"
    )
    return table


def _calibrator_file(bench: str, folder: Path, seed: int) -> Path:
    return folder / f"calibrator-{Path(bench).stem}-{board_fingerprint(bench)[:8]}-{seed}.onnx"


def trained(bench: str, folder: Path, seed: int) -> Path:
    """Measure and train a calibrator for a board, unless the folder has one of exactly that board."""
    from crosscal.commands.jobs.simulated_collection import collect_simulated
    from crosscal.commands.jobs.training import train_and_export
    from crosscal.core.run_file import read_run
    from crosscal.training import CollectionPlan, Measurements, TrainingPlan

    run_file, file = folder / "training.h5", _calibrator_file(bench, folder, seed)
    if file.exists():
        return file
    plan = CollectionPlan(matrices=_TRAINING_MATRICES, vectors=_TRAINING_VECTORS, seed=seed)
    collect_simulated(bench, run_file, plan, resource=RESOURCE, resume=False, label="measuring")
    measurements = Measurements.from_run(read_run(run_file))
    train_and_export(TrainingPlan(calibrator="structured", seed=seed), measurements, file)
    run_file.unlink()
    return file
