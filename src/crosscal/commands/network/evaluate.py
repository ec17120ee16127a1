"""`crosscal network evaluate`: accuracy of a mapped network on simulated chips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from crosscal.commands.files.output import require_output_folder
from crosscal.commands.network.options import (
    chips_option,
    device_option,
    driver_option,
    inputs_option,
    known_option,
    mode_option,
    other_cells_option,
    require_device,
    seed_option,
    vectors_option,
    wires_option,
)
from crosscal.commands.options.bench_name import backend_option
from crosscal.commands.options.scheduler import scheduler_option
from crosscal.commands.terminal.interrupt import interruptible, keeping, kept_in
from crosscal.commands.terminal.progress import console, progress_bar


@click.command("evaluate")
@click.argument("mapped", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="An npz file with x_test and y_test, a folder of IDX files, or of images by class.",
)
@click.option("--report", type=click.Path(path_type=Path), required=True, help="Folder for the report.")
@chips_option
@seed_option
@mode_option
@wires_option
@driver_option
@click.option(
    "--age", type=click.FloatRange(0), default=0.0, show_default=True, help="Seconds since writing."
)
@other_cells_option
@click.option(
    "--calibrate",
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="Calibrate with known inputs, x_train of this file.",
)
@click.option(
    "--calibration",
    type=click.Choice(["columns", "structured", "recalibrated", "read-back"]),
    default="columns",
    show_default=True,
    help="Gain and offset of every output; every tile's circuit, from its own readings; its cells too, from "
    "known vectors; or its cells as they are read back.",
)
@known_option
@vectors_option
@inputs_option
@click.option(
    "--board", metavar="RESOURCE", help="A board that multiplies for some layers, one tile after another."
)
@backend_option
@click.option("--board-layers", metavar="NAMES", help="These layers, by commas.  [default: the last]")
@device_option
@scheduler_option
def command(mapped: Path, data: Path, report: Path, scheduler: str | None, chips: int, **given: Any) -> None:
    """Score MAPPED on simulated chips with labelled data.

    Writes report.json, pictures and one HTML page. Chips that are finished are kept in the folder: the same
    command goes on where it was cut off.

    \b
    crosscal network evaluate net.mapped --data data.npz --report out/
    crosscal network evaluate net.mapped --data data.npz --wires 2 --chips 3 \\
      --calibrate data.npz --calibration structured --report calibrated/
    """
    _require_board_here(given["board"], scheduler, given["device"])
    import torch

    from crosscal.commands.network.chips import KeptScores, scores_on_cluster
    from crosscal.commands.network.task import read_task, settings_in_words
    from crosscal.training.networks.reporting.report import NetworkReport, write_network_report
    from crosscal.training.networks.running.scoring import accuracy_of
    from crosscal.training.networks.running.software import SoftwareRun

    require_device(given["device"])
    task = read_task(mapped, data, given)
    require_output_folder(report)
    if task.board is not None and (given["wires"] or given["driver"] or given["age"]):
        console.print("--wires, --driver and --age are those of the simulated layers; the board has its own")
    settings = settings_in_words(task, given)
    kept = KeptScores(report / "chips.json", task.fingerprint())
    with keeping(lambda: kept_in(report, "finished chips")):
        x, y = torch.from_numpy(task.x), torch.from_numpy(task.y)
        # First: data that do not suit the network are refused before hours of chips.
        software_accuracy = accuracy_of(SoftwareRun(task.network, given["device"]).run, x, y)
        missing = [number for number in range(chips) if number not in kept.scores]
        with progress_bar() as bar, interruptible() as check:
            before = (chips - len(missing)) * len(x)
            line = bar.add_task("chips", total=chips * len(x), completed=before, note="")
            if scheduler is not None:
                for score in scores_on_cluster(task, missing, scheduler):
                    kept.keep(score)
                    bar.advance(line, len(x))

            def advance(done: int) -> None:
                check()
                bar.advance(line, done)

            for number in [] if scheduler is not None else missing:
                score = task.score(number, advance)
                kept.keep(score)
                bar.update(line, note=f"chip {number + 1}: {100 * score.accuracy:.2f} %")
    found = NetworkReport(
        network=task.network,
        scores=[kept.scores[number] for number in range(chips)],
        software_accuracy=software_accuracy,
        inputs=len(x),
        settings={**settings, "data": str(data), "network": str(mapped)},
    )
    _print(found)
    for path in write_network_report(found, report):
        console.print(f"wrote {path}")


def _require_board_here(board: str | None, scheduler: str | None, device: str) -> None:
    """Refuse to share a board over a cluster, or its currents with another device.

    Raises:
        InputError: both were asked for.
    """
    from crosscal.core.errors import InputError, wanted

    if board is not None and (scheduler is not None or device != "cpu"):
        got = "--board with --scheduler or another --device than cpu"
        raise InputError(wanted(got=got, allowed="a board and this computer", remedy="leave one out"))


def _print(found: Any) -> None:
    out = Console()
    spread = f" ± {100 * found.accuracy_std:.2f}" if len(found.scores) > 1 else ""
    first, chips = found.scores[0], len(found.scores)
    out.print(
        f"accuracy {100 * found.accuracy:.2f} %{spread} over {chips} chip{'s'[: chips > 1]}; "
        f"software {100 * found.software_accuracy:.2f} %",
        highlight=False,
        soft_wrap=True,
    )
    out.print(
        f"{1e6 * first.energy_j:.3g} µJ and {first.conversions:,} conversions per input; "
        f"{first.tiles} tile{'s'[: first.tiles > 1]}, {1e6 * first.area_m2:.3g} mm²",
        highlight=False,
        soft_wrap=True,
    )
