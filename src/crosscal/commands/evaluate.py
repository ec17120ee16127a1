"""`crosscal evaluate`: score a calibrator on a run it was not trained on."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.console import Console

from crosscal.commands.progress import console, progress_bar
from crosscal.commands.score_table import score_table
from crosscal.core.errors import InputError, wanted
from crosscal.core.run_file import Run, read_run
from crosscal.front_door import load_calibrator
from crosscal.training import Evaluation, evaluate, write_report

FLOOR_VECTORS = 8
"""Inputs that the floor of a matrix is averaged over; it hardly depends on them."""


@click.command("evaluate")
@click.argument("calibrator", type=click.Path(path_type=Path))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--report", type=click.Path(path_type=Path), help="Folder for report.json and pictures.")
@click.option(
    "--truth",
    metavar="BENCH",
    help="bench.toml or profile of the simulated board that RUN was measured on: adds the noise floor.",
)
def command(calibrator: Path, run: Path, report: Path | None, truth: str | None) -> None:
    """Score CALIBRATOR (an ONNX file) on RUN (a run.h5 of matrices it was not trained on).

    Prints all four error measures beside no calibration and beside gain and offset per column fitted to each
    matrix's own known vectors; those vectors are scored for no one. With --truth, also the ratio to the floor
    that read noise sets, which no calibrator can beat.

    \b
    crosscal evaluate b7.onnx holdout.h5 --report out/
    crosscal evaluate b7.onnx holdout.h5 --truth memsys2025
    """
    measured = read_run(run)
    floor_nmse = None if truth is None else noise_floor(truth, measured)
    evaluation = evaluate_with_bar(calibrator, measured, floor_nmse=floor_nmse)
    Console().print(score_table(evaluation))
    if evaluation.skipped:
        console.print(f"too few vectors for: {'; '.join(evaluation.skipped)}")
    if report is not None:
        for path in write_report(evaluation, report):
            console.print(f"wrote {path}")


def evaluate_with_bar(path: Path, run: Run, *, floor_nmse: np.ndarray | None = None) -> Evaluation:
    """Load a calibrator and evaluate it with a progress bar on standard error."""
    calibrator = load_calibrator(path)
    with progress_bar() as bar:
        task = bar.add_task("calibrating", total=len(run.target_s), note="")
        return evaluate(
            calibrator,
            run,
            floor_nmse=floor_nmse,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def noise_floor(truth: str, run: Run) -> np.ndarray:
    """NMSE that no calibrator can beat, for each matrix of a run on a simulated board, (K,).

    Raises:
        InputError: the run holds no true conductances, or is of another size than the bench.
    """
    from crosscal.simulated_bench import Bench

    if run.true_conductance_s is None:
        raise InputError(
            wanted(
                got="a run without true conductances",
                allowed="a run measured on a simulated board",
                remedy="leave --truth out",
            )
        )
    bench = Bench.from_toml(truth)
    with progress_bar() as bar:
        task = bar.add_task("noise floor", total=len(run.target_s), note="")
        floors = []
        for k in range(len(run.target_s)):
            floors.append(
                bench.noise_floor(
                    run.target_s[k],
                    run.true_conductance_s[k],
                    run.voltage_v[k, :FLOOR_VECTORS],
                    float(run.range_a[k]),
                )
            )
            bar.advance(task)
    return np.array(floors)
