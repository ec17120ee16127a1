"""`crosscal evaluate`: score a calibrator on a run it was not trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from crosscal.commands.benches.data_sheet import data_sheet_beside
from crosscal.commands.benches.simulated_board import linear_gaussian_reference
from crosscal.commands.files.order import require_order
from crosscal.commands.jobs.evaluation import deviations_of_each, evaluate_with_bar
from crosscal.commands.options.bench_name import BenchName
from crosscal.commands.options.board_patterns import BoardPatterns
from crosscal.commands.options.calibrator_list import CalibratorList
from crosscal.commands.options.scheduler import scheduler_option
from crosscal.commands.terminal.progress import console
from crosscal.commands.terminal.score_table import print_stated_deviations, score_table
from crosscal.core.run_file import read_run
from crosscal.training import calibrator_names, deviation_test, write_report

RUN_OPTIONS = ("calibrator", "run", "report", "truth")
SUITE_OPTIONS = ("output", "boards", "calibrators", "quick", "table", "seed", "retry", "again", "scheduler")


@click.command("evaluate")
@click.argument("calibrator", type=click.Path(path_type=Path), required=False)
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option("--report", type=click.Path(path_type=Path), help="Folder for report.json and pictures.")
@click.option(
    "--truth",
    type=BenchName(),
    metavar="BENCH",
    help="bench.toml or profile of the simulated board that RUN was measured on: adds the "
    "linear-Gaussian reference, and two baselines that know the board's data sheet.",
)
@click.option("--suite", is_flag=True, help="Compare calibrators on a suite of simulated boards instead.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("suite"),
    show_default=True,
    help="With --suite: folder for everything; a suite that was cut off there goes on.",
)
@click.option(
    "--boards",
    type=BoardPatterns(),
    metavar="PATTERNS",
    default="*",
    show_default=True,
    help="With --suite: boards, by names or patterns and commas, such as '64x64*,wires-6'.",
)
@click.option(
    "--calibrators",
    type=CalibratorList(),
    metavar="NAMES",
    default=",".join(calibrator_names()),
    show_default=True,
    help="With --suite: calibrators to train, by commas.",
)
@click.option("--quick", is_flag=True, help="With --suite: fewer matrices.")
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="With --suite: a table of boards.  [default: the one that comes along]",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="With --suite: everything random."
)
@click.option("--retry", is_flag=True, help="With --suite: try failed steps again.")
@scheduler_option
@click.option(
    "--again",
    is_flag=True,
    help="With --suite: train and score these calibrators on these boards anew, as after a change of the "
    "code; measured runs stay.",
)
@click.pass_context
def command(
    context: click.Context,
    calibrator: Path | None,
    run: Path | None,
    report: Path | None,
    truth: str | None,
    suite: bool,
    **suite_options: Any,
) -> None:
    """Score CALIBRATOR (an ONNX file) on RUN (a run.h5 of matrices it was not trained on).

    Prints all four error measures beside no calibration and beside gain and offset per column fitted to each
    matrix's own known vectors; those vectors are scored for no one. With --truth, also the ratio to the
    linear-Gaussian reference, and two baselines that solve the circuit of the board's data sheet. Where the
    calibrator states deviations, errors are held against them, and the shares of ideal currents inside the
    stated intervals are printed.

    With --suite, instead: measures a suite of simulated boards that differ in size, wires, device law, noise,
    programming error and front end, trains calibrators on each, and prints them side by side with the plain
    fits and the reference. Finished steps are kept; the same command again goes on where it was cut off.

    \b
    crosscal evaluate b7.onnx holdout.h5 --report out/
    crosscal evaluate b7.onnx holdout.h5 --truth bench.toml
    crosscal evaluate --suite -o suite/
    crosscal evaluate --suite --scheduler tcp://head:8786 -o suite/
    crosscal evaluate --suite --quick --boards '8x8,16x16' \\
      --calibrators affine,structured
    """
    _require_options_of(context, suite=suite)
    if suite:
        _evaluate_suite(**suite_options)
        return
    if calibrator is None or run is None:
        missing = "CALIBRATOR" if calibrator is None else "RUN"
        raise click.UsageError(f"Missing argument '{missing}' (or give --suite).")
    require_order(calibrator, run)
    measured = read_run(run)
    reference_nmse = None if truth is None else linear_gaussian_reference(truth, measured)
    evaluation = evaluate_with_bar(
        calibrator,
        measured,
        reference_nmse=reference_nmse,
        deviations=deviations_of_each(measured),
        others_a=None if truth is None else data_sheet_beside(truth, measured),
    )
    Console().print(score_table(evaluation))
    print_stated_deviations(evaluation)
    deviations = deviation_test(evaluation)
    if unusable := int((~evaluation.data.usable).sum()):
        console.print(
            f"[yellow]{unusable} of {evaluation.data.usable.size} vectors were left out, for a reading of "
            "each is saturated or missing; the scores are of the others"
        )
    if evaluation.skipped:
        console.print(f"too few vectors for: {'; '.join(evaluation.skipped)}")
    if report is not None:
        for path in write_report(evaluation, report, deviations):
            console.print(f"wrote {path}")


def _require_options_of(context: click.Context, *, suite: bool) -> None:
    """Refuse options of the other use: one that would be ignored is a misunderstanding."""
    for name in RUN_OPTIONS if suite else SUITE_OPTIONS:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            given = name.upper() if name in ("calibrator", "run") else f"--{name}"
            raise click.UsageError(
                f"{given} does not go with --suite" if suite else f"{given} goes with --suite only"
            )


def _evaluate_suite(
    *,
    output: Path,
    boards: tuple[str, ...],
    calibrators: tuple[str, ...],
    quick: bool,
    table: Path | None,
    seed: int,
    retry: bool,
    scheduler: str | None,
    again: bool,
) -> None:
    # Here, because it takes torch to train.
    from crosscal.commands.suite.boards import load_suite
    from crosscal.commands.suite.request import SuiteRequest
    from crosscal.commands.suite.run import discard_calibrators, prepare_suite_folder, run_suite

    known = load_suite(table)
    request = SuiteRequest(
        size=known.quick if quick else known.full,
        calibrators=calibrators,
        seed=seed,
        retry=retry,
    )
    chosen = known.selected(boards)
    prepare_suite_folder(request, output)
    if again:
        discard_calibrators(chosen, request, output)
    if scheduler is not None:
        from crosscal.commands.suite.sharing import run_suite_on_cluster

        run_suite_on_cluster(chosen, request, output, scheduler)
        # Its failures were just tried.
        request = replace(request, retry=False)
    run_suite(chosen, request, output)
