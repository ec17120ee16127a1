"""`crosscal train`: learn a calibrator from run.h5 and export it."""

from __future__ import annotations

from pathlib import Path

import click

from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.jobs.training import train_and_export
from crosscal.commands.terminal.progress import console
from crosscal.core.run_file import read_run
from crosscal.training import (
    AUTO,
    CORRECTIONS,
    Measurements,
    TrainingPlan,
    calibrator_names,
    corrected,
    require_consistent,
)


@click.command("train")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--calibrator",
    type=click.Choice((AUTO, *calibrator_names())),
    default=AUTO,
    show_default=True,
    help="Calibrator to train; auto: whitebox if its residual test lets it, structured otherwise.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Everything random is drawn from it."
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Cap on the epochs of every stage.  [default: the calibrator's]"
)
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads that torch may use."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("calibrator.onnx"),
    show_default=True,
    help="ONNX file to write.",
)
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    help="A run to validate on.  [default: a tenth of RUN's matrices, never trained on]",
)
@click.option(
    "--correct",
    "corrections",
    multiple=True,
    type=click.Choice(CORRECTIONS),
    help="Correct a fault of RUN's file that was found: currents in another unit or with the reversed sign, "
    "or lines in another order than the targets'. May be given several times.",
)
@click.option(
    "--accept-worse",
    is_flag=True,
    help="Train although RUN contradicts itself, and write a calibrator that is worse than affine.",
)
@force_option
@click.option("--resume", is_flag=True, help="Go on from the checkpoint beside the output file.")
def command(
    run: Path,
    calibrator: str,
    seed: int,
    epochs: int | None,
    threads: int,
    output: Path,
    validation: Path | None,
    corrections: tuple[str, ...],
    accept_worse: bool,
    force: bool,
    resume: bool,
) -> None:
    """Learn a calibrator from RUN, a run.h5, and export it to one ONNX file.

    A checkpoint is kept beside the output, after every epoch and about every second of a fit; after Ctrl-C,
    --resume ends where an uninterrupted training would have ended. It goes when the ONNX file is written.

    Before training, currents are compared with those of the targets and inputs beside them: a wrong unit,
    sign or order ends here, with the --correct that mends it. Afterwards the calibrator is compared with
    affine, trained on the same run, on matrices held out: one that is worse beyond a 95 % interval is not
    written.

    \b
    crosscal train run.h5 -o b7.onnx
    crosscal train run.h5 --calibrator structured --seed 1 -o b7.onnx
    """
    plan = TrainingPlan(calibrator=calibrator, seed=seed, max_epochs=epochs, threads=threads)
    require_output_file(output, force=force)
    runs = [_measurements(path) for path in (run, validation) if path is not None]
    digests = [digest for data in runs for digest in data.matrix_digests()]
    data, *held_out = [_consistent(data, corrections, accept_worse=accept_worse) for data in runs]
    result = train_and_export(
        plan,
        data,
        output,
        validation=held_out[0] if held_out else None,
        resume=resume,
        provenance={"run": run.name, "matrix_digests": digests, "corrections": list(corrections)},
        accept_worse=accept_worse,
    )
    errors = [report.best_error for report in result.history]
    best = f", NMSE {errors[-1]:.3g} on matrices never trained on" if errors else ""
    rows, columns = result.training.shape
    console.print(f"wrote {output}: {result.calibrator.name} for {rows}×{columns}{best}")


def _consistent(data: Measurements, corrections: tuple[str, ...], *, accept_worse: bool) -> Measurements:
    """Apply the corrections that were asked for, and refuse a run that still contradicts itself."""
    data, texts = corrected(data, corrections)
    for text in texts:
        console.print(f"[yellow]corrected: {text}", highlight=False, soft_wrap=True)
    if not accept_worse:
        require_consistent(data)
    return data


def _measurements(run: Path) -> Measurements:
    """Read a run, and report readings that are left out."""
    data = Measurements.from_run(read_run(run))
    if unusable := int((~data.usable).sum()):
        console.print(
            f"[yellow]{unusable} of {data.usable.size} vectors of {run} are left out: a reading of each is "
            "saturated or missing"
        )
    return data
