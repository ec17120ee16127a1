"""Training with a progress bar and a checkpoint, and the export of its result."""

from __future__ import annotations

from pathlib import Path

from crosscal.commands.terminal.interrupt import interruptible, keeping
from crosscal.commands.terminal.progress import console, progress_bar, show_log_beside_bar, working
from crosscal.training import (
    EpochReport,
    Measurements,
    TrainingPlan,
    TrainingResult,
    checkpoint_files,
    export_calibrator,
    require_better_than_affine,
    train_chosen,
)


def train_and_export(
    plan: TrainingPlan,
    data: Measurements,
    output: Path,
    *,
    validation: Measurements | None = None,
    resume: bool = False,
    provenance: dict | None = None,
    accept_worse: bool = True,
) -> TrainingResult:
    """Train with a progress bar, a checkpoint beside the output, and export.

    Raises:
        TrainingError: as `train`; or the calibrator is worse than `affine` and that is not accepted.
    """
    checkpoint = checkpoint_of(output)
    with (
        keeping(lambda: _kept_training(checkpoint)),
        progress_bar() as bar,
        interruptible() as check,
    ):
        task = bar.add_task(f"training {plan.calibrator}", total=None, note="")

        def show(report: EpochReport) -> None:
            check()
            bar.update(
                task,
                description=f"training {plan.calibrator}, {report.stage}",
                total=report.epochs,
                completed=report.epoch,
                note=f"loss {report.loss:.3g}, best NMSE {report.best_error:.3g}",
            )

        with show_log_beside_bar(bar, task, "crosscal.training"):
            result = train_chosen(
                plan,
                data,
                validation=validation,
                checkpoint=checkpoint,
                resume=resume,
                progress=show,
                on_step=check,
            )
    if not accept_worse:
        with working("comparing with affine on held-out matrices"):
            require_better_than_affine(result)
    export_calibrator(result, output, provenance=provenance)
    for file in checkpoint_files(checkpoint):
        file.unlink(missing_ok=True)
    for finding in result.calibrator.findings():
        console.print(f"[yellow]{result.calibrator.name}: {finding}", highlight=False, soft_wrap=True)
    return result


def _kept_training(checkpoint: Path) -> str | None:
    if not any(file.exists() for file in checkpoint_files(checkpoint)):
        return None
    return f"the training so far is kept in {checkpoint}: --resume goes on from there"


def checkpoint_of(output: Path) -> Path:
    """Name the file where training keeps its state until the calibrator is written."""
    return output.with_suffix(output.suffix + ".checkpoint")
