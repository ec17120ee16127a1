"""`crosscal study`: reproduce the seed paper's table on the simulated bench, through VISA, resumable."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table

from crosscal.commands.benches.simulated_board import linear_gaussian_reference, open_simulated_board
from crosscal.commands.files.output import require_output_folder
from crosscal.commands.jobs.collection import collect_with_bar
from crosscal.commands.jobs.evaluation import deviations_of_each, evaluate_with_bar
from crosscal.commands.jobs.training import train_and_export
from crosscal.commands.options.bench_name import BenchName
from crosscal.commands.options.calibrator_list import CalibratorList
from crosscal.commands.suite.folder import kept_steps, write_or_require_same
from crosscal.commands.terminal.interrupt import keeping
from crosscal.commands.terminal.progress import console
from crosscal.commands.terminal.score_table import score_table
from crosscal.commands.terminal.table_console import table_console
from crosscal.core.run_file import Run, read_run
from crosscal.core.whole_file import write_whole_text
from crosscal.simulated_bench import load_settings
from crosscal.training import (
    PAPER_WINDOW,
    CollectionPlan,
    Measurements,
    PaperRow,
    TrainingPlan,
    coverage_text,
    paper_rows,
    write_report,
)
from crosscal.training.evaluation.geometric_mean import geometric_mean_text

TEST_INPUTS = "random:200,sine:100,dc:100,fir:100"
TEST_VECTORS = 500  # the sum
LEARNT_VECTORS = 100  # of each matrix, as in the demo


@click.command("study")
@click.argument("profile", type=BenchName(), default="memsys2025")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("study"),
    show_default=True,
    help="Folder for runs, calibrators and reports.",
)
@click.option(
    "--calibrators",
    type=CalibratorList(),
    metavar="NAMES",
    default="affine,concatsquash",
    show_default=True,
    help="Calibrators to train, by commas.",
)
@click.option(
    "--matrices", type=click.IntRange(2), default=1000, show_default=True, help="Matrices to train on."
)
@click.option(
    "--test-matrices", type=click.IntRange(1), default=50, show_default=True, help="Matrices to test on."
)
@click.option(
    "--noise", type=click.FloatRange(0), help="Read noise, in parts of full scale.  [default: the profile's]"
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Everything random.")
def command(
    profile: str,
    output: Path,
    calibrators: tuple[str, ...],
    matrices: int,
    test_matrices: int,
    noise: float | None,
    seed: int,
) -> None:
    """Reproduce the seed paper's table on the simulated board PROFILE, and say how far from it we are.

    Collects training matrices with 100 random vectors each, and test matrices never trained on with random,
    sinusoidal, DC and FIR inputs; trains; evaluates; prints the table in mA² and NMSE. Everything is kept in
    the folder: a study that was cut off goes on where it stopped when the same command is given again.
    """
    with keeping(lambda: kept_steps(output)):
        _reproduce(profile, output, calibrators, matrices, test_matrices, noise, seed)


def _reproduce(
    profile: str,
    output: Path,
    calibrators: tuple[str, ...],
    matrices: int,
    test_matrices: int,
    noise: float | None,
    seed: int,
) -> None:
    bench = _write_bench(output, profile, noise)
    train_plan = CollectionPlan(matrices=matrices, vectors=LEARNT_VECTORS, seed=seed, **PAPER_WINDOW)
    test_plan = CollectionPlan(
        matrices=test_matrices, vectors=TEST_VECTORS, inputs=TEST_INPUTS, seed=seed + 1, **PAPER_WINDOW
    )
    training_run = _collect(bench, output / "training.h5", train_plan, "training matrices")
    test_run = _collect(bench, output / "test.h5", test_plan, "test matrices")
    reference_nmse = linear_gaussian_reference(str(bench), test_run)
    scored_training = _first_matrices(training_run, test_matrices)
    evaluations = {}
    for name in calibrators:
        path = output / f"{name}.onnx"
        if not path.exists():
            plan = TrainingPlan(calibrator=name, seed=seed)
            train_and_export(
                plan, Measurements.from_run(training_run), path, resume=True, provenance={"study": profile}
            )
        on_training = evaluate_with_bar(path, scored_training, deviations=deviations_of_each(scored_training))
        on_test = evaluate_with_bar(
            path,
            test_run,
            reference_nmse=reference_nmse,
            deviations=deviations_of_each(test_run),
        )
        write_report(on_test, output / name)
        evaluations[name] = (on_training, on_test)
    out = table_console()
    for _, on_test in evaluations.values():
        out.print(score_table(on_test))
    rows = paper_rows(evaluations)
    out.print(paper_table(rows))
    _write_rows(rows, output / "paper_table.json")
    console.print(f"runs, calibrators, reports and pictures are in {output}")


def paper_table(rows: list[PaperRow]) -> Table:
    """Lay out the paper's rows: published, the affine fits on known vectors, and each calibrator."""
    table = Table(title="the seed paper's table", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("row", "calibration"):
        table.add_column(name, no_wrap=True)
    for name in ("before (mA²)", "after (mA²)", "factor", "NMSE", "geometric mean (95 %)", "coverage %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.caption = (
        "geometric mean over matrices, with its interval from three on; coverage of stated intervals of "
        "50/90/99 %"
    )
    table.caption_justify = "left"
    shown = ""
    for row in rows:
        if shown and row.row != shown:
            table.add_section()
        table.add_row(
            "" if row.row == shown else row.row,
            row.method,
            f"{row.before_ma2:.6f}",
            f"{row.after_ma2:.3e}",
            f"{row.factor:.4g}",
            "" if row.nmse is None else f"{row.nmse:.3g}",
            _typical_cell(row),
            "" if row.coverage is None else coverage_text(row.coverage),
        )
        shown = row.row
    return table


def _typical_cell(row: PaperRow) -> str:
    if row.nmse_geometric is None:
        return ""
    return geometric_mean_text(row.nmse_geometric, row.nmse_low, row.nmse_high)


def _write_rows(rows: list[PaperRow], path: Path) -> None:
    values = [{**asdict(row), "factor": row.factor} for row in rows]
    write_whole_text(path, json.dumps(values, indent=2) + "\n")


def _write_bench(folder: Path, profile: str, noise: float | None) -> Path:
    """Write the bench's settings beside the results, so that the folder tells its board."""
    path = folder / "bench.toml"
    if Path(profile).is_file():
        # A path relative to the caller's folder is not relative to the file's.
        profile = str(Path(profile).resolve())
    overrides: dict[str, Any] = {} if noise is None else {"noise": {"read_relative": noise}}
    load_settings(profile, **overrides)
    text = f"profile = {json.dumps(profile, ensure_ascii=False)}\n"
    if noise is not None:
        text += f"\n[noise]\nread_relative = {noise!r}\n"
    require_output_folder(folder)
    write_or_require_same(path, text, "describes another bench; choose another folder with -o")
    return path


def _collect(bench: Path, path: Path, plan: CollectionPlan, label: str) -> Run:
    with open_simulated_board(bench) as board:
        collect_with_bar(board, path, plan, resume=True, label=label)
    return read_run(path)


def _first_matrices(run: Run, count: int) -> Run:
    """Take the first matrices of a run: enough to score on."""
    arrays = {
        field.name: value[:count]
        for field in fields(run)
        if field.name not in ("plan", "settings") and (value := getattr(run, field.name)) is not None
    }
    return replace(run, **arrays)
