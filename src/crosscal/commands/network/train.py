"""`crosscal network train`: train a network for crossbars and export it to ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.network.options import (
    ColumnParts,
    batch_option,
    cells_help,
    definition_option,
    device_option,
    epochs_option,
    precision_option,
    require_device,
    seed_option,
    width_option,
)
from crosscal.commands.options.scheduler import scheduler_option
from crosscal.commands.terminal.interrupt import interruptible, keeping
from crosscal.commands.terminal.progress import console, progress_bar, working
from crosscal.core.whole_file import whole_file

if TYPE_CHECKING:
    from crosscal.commands.network.training import TrainedNetwork, TrainingTask
    from crosscal.training.networks.learning.trainer import LearningReport


@click.command("train")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="ONNX file to write.")
@force_option
@definition_option
@width_option
@click.option(
    "--method",
    type=click.Choice(["plain", "quantised", "noise", "biased", "biased-noise"]),
    default="plain",
    show_default=True,
    help="Plain floats; the cells' levels; with their scatter injected; biased to favourable codes; or both.",
)
@click.option("--cells", default="wan-2022", show_default=True, help=cells_help)
@click.option(
    "--representation",
    type=click.Choice(["offset", "differential"]),
    default="differential",
    show_default=True,
    help="One shifted column for each weight, or a pair.",
)
@click.option(
    "--scale",
    default="layer",
    show_default=True,
    help="One digital factor per layer, or the range, such as 2.",
)
@click.option(
    "--favourable",
    default="III-A",
    show_default=True,
    help="Codes to bias to: a reading of the paper, device (all but the one that scatters most), or 0,1,3.",
)
@click.option(
    "--columns",
    type=ColumnParts(),
    default="1",
    show_default=True,
    help="Part of the columns biased: one for all layers, one for each by commas, or explored: found layer "
    "by layer on the inputs held out.",
)
@epochs_option
@batch_option
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), default=1e-3, show_default=True, help="Of Adam."
)
@click.option("--inputs", type=click.IntRange(2), help="Only the first inputs.  [default: all]")
@precision_option
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads that torch may use."
)
@seed_option
@device_option
@scheduler_option
@click.option("--resume", is_flag=True, help="Go on with a training that was cut off.")
def command(data: Path, output: Path, force: bool, resume: bool, scheduler: str | None, **given: Any) -> None:
    """Train a network on DATA (x_train and y_train of an npz file, IDX files, or a
    folder of images) and export it.

    The epoch that does best on a tenth of the data, held out, is kept; with the cells' scatter drawn for each
    batch where the method is one against it. Networks of your own need no training
    here: map their ONNX files.

    \b
    crosscal network train data.npz -o lenet5.onnx
    crosscal network train data.npz --method biased-noise --cells radar-baked \\
      --representation offset -o biased.onnx
    """
    require_output_file(output, force=force)
    require_device(given["device"])
    task = _task(data, given)
    if scheduler is None:
        found = _train_here(task, output.with_suffix(".training"), resume=resume)
    else:
        from crosscal.commands.network.training import train_on_cluster

        with working(f"training on the cluster at {scheduler}"):
            found = train_on_cluster(task, scheduler)
    with whole_file(output) as part:
        part.write_bytes(found.onnx)
    output.with_suffix(".training").unlink(missing_ok=True)
    if task.plan.biased and task.plan.explored:
        shown = ", ".join(f"{100 * part:.0f} %" for part in found.columns)
        console.print(f"biased columns, layer by layer: {shown}", highlight=False)
    console.print(
        f"best epoch: {100 * found.accuracy:.2f} % on held-out inputs; wrote {output}", highlight=False
    )


def _task(data: Path, given: dict[str, Any]) -> TrainingTask:
    import torch

    from crosscal.commands.network.training import TrainingTask
    from crosscal.core.network.cell_profile import load_cell_profile
    from crosscal.training.networks.data import channels_first, read_data
    from crosscal.training.networks.learning.plan import LearningPlan
    from crosscal.training.networks.mapping.options import MappingOptions

    inputs, device, threads = (given.pop(name) for name in ("inputs", "device", "threads"))
    options = MappingOptions(
        cells=load_cell_profile(given.pop("cells")),
        representation=given.pop("representation"),
        scale=given.pop("scale"),
    )
    plan = LearningPlan(options=options, **given)
    found = read_data(data, "train")
    return TrainingTask(
        plan=plan,
        x=torch.from_numpy(channels_first(found.x[:inputs])),
        y=torch.from_numpy(found.y[:inputs]),
        device=device,
        threads=threads,
    )


def _train_here(task: TrainingTask, checkpoint: Path, *, resume: bool) -> TrainedNetwork:
    from crosscal.commands.network.training import train

    if not resume:
        checkpoint.unlink(missing_ok=True)
    trainer = task.trainer()
    kept = f"finished epochs are kept in {checkpoint}: the same command with --resume goes on"
    with (
        keeping(lambda: kept if checkpoint.exists() else ""),
        progress_bar() as bar,
        interruptible() as check,
    ):
        total = trainer.left
        line = bar.add_task("inputs", total=total, note="")

        def advance(done: int) -> None:
            check()
            bar.advance(line, done)

        def tell(report: LearningReport) -> None:
            note = f"epoch {report.epoch}: {100 * report.validation_accuracy:.2f} % on held-out inputs"
            bar.update(line, completed=total - trainer.left, note=note)

        return train(task, trainer, advance, tell, checkpoint)
