"""`crosscal calibrate`: from a board that nobody knows to a tested calibrator, in one command."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from crosscal.commands.benches.simulated_board import simulated_bench
from crosscal.commands.files.output import require_output_file
from crosscal.commands.jobs.calibration import (
    FEWEST,
    TELLABLE,
    TEST_MATRICES,
    Calibration,
    NoModelFits,
    Round,
    Told,
    calibrate_in_rounds,
)
from crosscal.commands.jobs.evaluation import evaluate_with_bar
from crosscal.commands.options.bench_name import backend_option
from crosscal.commands.options.measurement import measurement_options, plan_of, plan_text
from crosscal.commands.terminal.calibration_summary import misfit_lines, summary
from crosscal.commands.terminal.interrupt import interruptible
from crosscal.commands.terminal.progress import console, progress_bar, show_log_beside_bar
from crosscal.commands.terminal.score_table import score_table
from crosscal.core.port import CrossbarPort
from crosscal.core.run_file import Run, read_run
from crosscal.core.whole_file import whole_file
from crosscal.front_door import open_board
from crosscal.training import (
    AUTO,
    BoardDescription,
    CollectionPlan,
    CollectionProgress,
    DeviationTest,
    EpochReport,
    Evaluation,
    calibrator_names,
    deviation_test,
    draw_learning_curve,
    write_report,
)

NO_MODEL_FITS = 3  # exit code


@click.command("calibrate")
@click.argument("resource")
@backend_option
@measurement_options
@click.option(
    "--matrices",
    type=click.IntRange(FEWEST + TEST_MATRICES),
    default=30,
    show_default=True,
    help="Most matrices to program: each one wears the cells.",
)
@click.option(
    "--time",
    "minutes",
    type=click.FloatRange(0, min_open=True),
    default=15.0,
    show_default=True,
    help="Minutes after which no further round begins.",
)
@click.option("--vectors", type=click.IntRange(20), default=200, show_default=True, help="Vectors for each.")
@click.option(
    "--calibrator",
    type=click.Choice((AUTO, *calibrator_names())),
    default=AUTO,
    show_default=True,
    help="Calibrator to train; auto: whitebox if its residual test lets it, structured otherwise.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Everything random.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("calibrator.onnx"),
    show_default=True,
    help="ONNX file to write; run.h5 and the report go into a folder of its name.",
)
@click.option("--accept-worse", is_flag=True, help="Write the file even if no model fits the board.")
@click.option("--force", is_flag=True, help="Replace the output file if it exists, and begin anew.")
@click.option("--timeout", "timeout_s", type=float, help="Seconds to wait for a reply's first byte.")
def command(
    resource: str,
    backend: str | None,
    matrices: int,
    minutes: float,
    vectors: int,
    calibrator: str,
    seed: int,
    output: Path,
    accept_worse: bool,
    force: bool,
    timeout_s: float | None,
    **measured: Any,
) -> None:
    """Calibrate the board at RESOURCE: measure, train, test, report.

    Ranges come from the board unless they are given. A few matrices are
    programmed and read with known vectors; a calibrator is trained while the
    next are measured; that goes on until more matrices no longer help. It is
    tested on matrices never trained on, written to one ONNX file, and a report
    with pictures goes into a folder beside it. The matrix found on the board is
    written again at the end. After Ctrl-C the same command goes on.

    Exit code 3: no model fits this board; nothing is written without
    --accept-worse, and the misfit is shown column by column.

    \b
    crosscal calibrate TCPIP::192.168.1.7::5025::SOCKET --backend @py -o b7.onnx
    crosscal calibrate python:my_lab:MyBoard --voltage -0.2V:0.2V -o b7.onnx
    crosscal calibrate TCPIP::localhost::INSTR --backend lab-12x16@crosscal
    """
    require_output_file(output, force=force)
    folder = output.with_suffix("")
    if folder == output:
        folder = output.with_name(f"{output.name}-calibration")
    if force and folder.is_dir():
        # Only what an earlier calibration left there.
        for old in (*folder.glob("round_*.onnx"), folder / "run.h5"):
            old.unlink(missing_ok=True)
    plan = plan_of(matrices=matrices, vectors=vectors, seed=seed, **measured)
    if (bench := simulated_bench(backend)) is not None:
        # Imported here: a machine beside a physical board need not have the simulated one installed.
        from crosscal.commands.jobs.simulated_collection import within_bench_window
        from crosscal.simulated_bench import load_settings

        plan = within_bench_window(plan, load_settings(bench))
    folder.mkdir(parents=True, exist_ok=True)
    with open_board(resource, backend=backend, timeout_s=timeout_s) as board:
        plan = plan.resolved(BoardDescription.of(board))
        rows, columns = board.shape
        console.print(f"{board.identity}: {rows} rows, {columns} columns", highlight=False)
        console.print(plan_text(plan), highlight=False)
        try:
            calibration = _calibrate_with_bar(
                board, folder, plan, calibrator, time_s=60.0 * minutes, accept_worse=accept_worse
            )
        except NoModelFits as error:
            console.print(f"[red]no model fits this board: {error}", highlight=False, soft_wrap=True)
            console.print(
                f"{output} is not written; crosscal check {resource} --program tells more", soft_wrap=True
            )
            sys.exit(NO_MODEL_FITS)
    test = _first(read_run(folder / "run.h5"), TEST_MATRICES)
    evaluation = evaluate_with_bar(calibration.path, test, deviations=None)
    deviations = deviation_test(evaluation)
    out = Console()
    out.print(score_table(evaluation))
    text = summary(calibration, evaluation, deviations)
    out.print(text, highlight=False)
    _write_report(folder, calibration, evaluation, text)
    if not _fits(calibration, evaluation, deviations):
        _show_misfit(evaluation, deviations)
        if not accept_worse:
            console.print(
                f"[red]no model fits this board: {output} is not written (--accept-worse writes it); "
                f"measurements and report are in {folder}",
                soft_wrap=True,
            )
            sys.exit(NO_MODEL_FITS)
    with whole_file(output) as part:
        shutil.copyfile(calibration.path, part)
    for trial in folder.glob("round_*.onnx"):
        trial.unlink()
    console.print(f"wrote {output}; measurements and report are in {folder}", highlight=False)


_RESTORED = {
    True: "the matrix found on the board is written again",
    False: "[yellow]another client has programmed the board meanwhile: its matrix stays",
    None: "[yellow]no matrix was known on the board: none is restored",
}


def _calibrate_with_bar(
    board: CrossbarPort,
    folder: Path,
    plan: CollectionPlan,
    calibrator: str,
    *,
    time_s: float,
    accept_worse: bool,
) -> Calibration:
    with progress_bar() as bar, interruptible() as check:
        measuring = bar.add_task("measuring", total=plan.matrices, note="")
        training = bar.add_task("training", total=None, note="")

        def measured(state: CollectionProgress) -> None:
            note = f"{state.unusable} unusable readings" if state.unusable else ""
            bar.update(measuring, completed=state.finished, note=note)

        def began(count: int) -> None:
            check()
            bar.reset(training, description=f"training on {count}", total=None, note="")

        def trained(report: EpochReport) -> None:
            check()
            bar.update(training, total=report.epochs, completed=report.epoch, note=report.stage)

        def tested(latest: Round) -> None:
            check()
            bar.console.print(
                f"{latest.matrices} matrices, {latest.kind}: NMSE {latest.nmse:.3g} on {TEST_MATRICES} others"
                f" ({latest.elapsed_s:.0f} s)",
                highlight=False,
            )

        def restored(outcome: bool | None) -> None:
            bar.console.print(_RESTORED[outcome], highlight=False)

        told = Told(measured=measured, trained=trained, began=began, tested=tested, restored=restored)
        with show_log_beside_bar(bar, training, "crosscal.training"):
            return calibrate_in_rounds(
                board,
                folder,
                plan,
                calibrator=calibrator,
                time_s=time_s,
                accept_worse=accept_worse,
                told=told,
            )


def _fits(calibration: Calibration, evaluation: Evaluation, deviations: DeviationTest | None) -> bool:
    """Whether a calibrator is no worse than nothing and than trained `affine`, and near what it states.

    Fits to known vectors of the test matrices are no measure: on imprecise boards they know the cells as they
    are, which no calibrator can know beforehand.
    """
    scores = evaluation.kinds[0].scores
    # At an NMSE of 1 the mean current of a column would do as well.
    plain = min(calibration.plain_nmse, scores["nothing"].nmse, 1.0)
    return scores["calibrator"].nmse <= TELLABLE * plain and (deviations is None or deviations.fits)


def _show_misfit(evaluation: Evaluation, deviations: DeviationTest | None) -> None:
    if deviations is not None:
        for line in misfit_lines(deviations):
            console.print(line, highlight=False)
        return
    kind = evaluation.kinds[0]
    part = evaluation.data.of_vectors(kind.vectors)
    error_a = (evaluation.calibrated_a[:, kind.vectors] - part.ideal_a)[part.usable]
    for column, rms_a in enumerate(np.sqrt(np.mean(error_a**2, axis=0))):
        console.print(f"column {column + 1}: error {rms_a:.3g} A rms", highlight=False)


def _write_report(folder: Path, calibration: Calibration, evaluation: Evaluation, text: str) -> None:
    write_report(evaluation, folder)
    (folder / "summary.txt").write_text(text + "\n", encoding="utf-8")
    scores = evaluation.kinds[0].scores
    draw_learning_curve(
        [trial.matrices for trial in calibration.rounds],
        [trial.nmse for trial in calibration.rounds],
        {name: score.nmse for name, score in scores.items() if name != "calibrator"},
        folder / "error_against_matrices.png",
    )


def _first(run: Run, count: int) -> Run:
    """Take the first matrices of a run."""
    arrays = {
        name: getattr(run, name)[:count]
        for name in Run.__slots__
        if isinstance(getattr(run, name), np.ndarray)
    }
    return replace(run, **arrays)
