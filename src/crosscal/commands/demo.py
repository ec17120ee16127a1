"""`crosscal demo`: the whole journey on a simulated board, through every real part."""

from __future__ import annotations

import time
from importlib.resources import as_file, files
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from crosscal.commands.benches.simulated_board import linear_gaussian_reference, open_simulated_board
from crosscal.commands.demo_drift import draw_drift, drift_table, measure_day_of_drift
from crosscal.commands.demo_rest import describe_rest
from crosscal.commands.files.output import require_output_folder
from crosscal.commands.jobs.collection import collect_with_bar
from crosscal.commands.jobs.evaluation import evaluate_with_bar
from crosscal.commands.terminal.progress import console, working
from crosscal.commands.terminal.score_table import score_table
from crosscal.core.port import CrossbarPort
from crosscal.core.run_file import read_run
from crosscal.core.whole_file import whole_file, write_whole_text
from crosscal.front_door import load_calibrator
from crosscal.training import PAPER_WINDOW, CollectionPlan, draw_vectors, parse_inputs, write_report

BENCH = """# The demo's board: a small one on a laboratory front end, with cells that drift as CMO/HfOx does.
profile = "lab-12x16"

[drift]
law = "cmo-hfox"
"""
CALIBRATOR = "structured"
TRAINING_MATRICES = 80  # boards that program inexactly need 10 to 30 (docs/results.md); the rest is margin
TEST_INPUTS = "random:200,sine:50,dc:50,fir:50"
TEST_VECTORS = 350  # the sum


@click.command("demo")
@click.option(
    "--train",
    "train_afresh",
    is_flag=True,
    help="Train a calibrator now (needs torch) instead of using the one that comes along.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("crosscal-demo"),
    show_default=True,
    help="Folder for the runs, the calibrator and the pictures.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=2026, show_default=True, help="Draws matrices and vectors."
)
def command(train_afresh: bool, output: Path, seed: int) -> None:
    """Watch wrong currents from a board become right ones, in about a minute.

    A simulated 12×16 board (2 Ω wires, sinh cells, an 18-bit front end with gain and offset errors) is opened
    through PyVISA like a physical one. It is programmed and read; a calibrator that never saw these matrices
    calibrates the currents. A table compares it with no calibration and with gain and offset per column. Then
    the board ages for a day of its own time, and is recalibrated from a few known vectors.
    """
    began = time.perf_counter()
    require_output_folder(output)
    bench = output / "bench.toml"
    write_whole_text(bench, BENCH)
    with open_simulated_board(bench) as board:
        console.print(f"[bold]board[/] {board.identity}, {board.shape[0]} rows × {board.shape[1]} columns")
        calibrator = _train(board, output, seed) if train_afresh else _copy_shipped_calibrator(output)
        _show_one_read(board, calibrator, np.random.default_rng([seed, 1]))
        test_file = _remove_old(output / "test.h5")
        plan = CollectionPlan(
            matrices=10, vectors=TEST_VECTORS, inputs=TEST_INPUTS, seed=seed + 1, **PAPER_WINDOW
        )
        collect_with_bar(board, test_file, plan, resume=False, label="measuring 10 matrices never trained on")
        with working("a day of drift, and recalibration"):
            day = measure_day_of_drift(board, calibrator, np.random.default_rng([seed, 2]))
    test = read_run(test_file)
    evaluation = evaluate_with_bar(
        calibrator, test, reference_nmse=linear_gaussian_reference(str(bench), test)
    )
    out = Console()
    out.print(score_table(evaluation))
    out.print(describe_rest(evaluation, str(bench), test), highlight=False)
    out.print(drift_table(day))
    for path in (*write_report(evaluation, output), draw_drift(day, output / "drift.png")):
        console.print(f"wrote {path}")
    console.print(f"done in {time.perf_counter() - began:.0f} s; everything is in {output}")


def _copy_shipped_calibrator(folder: Path) -> Path:
    path = folder / "calibrator.onnx"
    with as_file(files("crosscal") / "shipped" / "demo.onnx") as shipped, whole_file(path) as part:
        part.write_bytes(shipped.read_bytes())
    console.print(f"[bold]calibrator[/] {path}, the one that comes along (--train makes a fresh one)")
    return path


def _train(board: CrossbarPort, folder: Path, seed: int) -> Path:
    from crosscal.commands.jobs.training import train_and_export
    from crosscal.training import Measurements, TrainingPlan

    run_file = _remove_old(folder / "training.h5")
    plan = CollectionPlan(matrices=TRAINING_MATRICES, vectors=100, seed=seed, **PAPER_WINDOW)
    collect_with_bar(
        board, run_file, plan, resume=False, label=f"measuring {TRAINING_MATRICES} matrices to learn from"
    )
    path = folder / "calibrator.onnx"
    train_and_export(
        TrainingPlan(calibrator=CALIBRATOR, seed=seed), Measurements.from_run(read_run(run_file)), path
    )
    console.print(f"[bold]calibrator[/] {path}, trained on {TRAINING_MATRICES} matrices")
    return path


def _show_one_read(board: CrossbarPort, path: Path, rng: np.random.Generator) -> None:
    """Run the lines of a bench script on a matrix never trained on."""
    conductance_s = rng.uniform(20e-6, 95e-6, board.shape)
    voltage_v = draw_vectors(parse_inputs("random", 1), board.shape[0], rng)[0]
    board.program(conductance_s)
    current_a = board.measure(voltage_v)
    calibrated = load_calibrator(path).program(conductance_s, read_back_s=board.read_conductance())
    calibrated_a = calibrated(current_a)
    ideal_a = voltage_v @ conductance_s
    for name, values in (("ideal", ideal_a), ("measured", current_a), ("calibrated", calibrated_a)):
        shown = " ".join(f"{1e6 * value:7.1f}" for value in values[:8])
        console.print(f"[bold]{name:>10}[/] {shown} … µA")


def _remove_old(path: Path) -> Path:
    """Remove a demo's own file that an earlier demo left, and return its path."""
    path.unlink(missing_ok=True)
    return path
