"""`crosscal network modes`: the three modes of a simulated chip against each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from crosscal.commands.files.output import require_output_folder
from crosscal.commands.network.options import (
    driver_option,
    other_cells_option,
    seed_option,
    wires_option,
)
from crosscal.commands.terminal.interrupt import interruptible, keeping, kept_in
from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.core.whole_file import whole_file, write_whole_text

if TYPE_CHECKING:
    from crosscal.commands.network.chips import ChipTask
    from crosscal.training.networks.running.mode_comparison import TileDifference

BATCH = 5  # images of the exact mode between two files that keep them: a minute at the most


@click.command("modes")
@click.argument("mapped", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="As for evaluate.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the report.")
@click.option("--inputs", type=click.IntRange(1), default=200, show_default=True, help="Test inputs.")
@click.option(
    "--vectors",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Vectors, with all their digits, that single tiles are compared for.",
)
@wires_option
@driver_option
@other_cells_option
@seed_option
def command(mapped: Path, data: Path, output: Path, vectors: int, **given: Any) -> None:
    """Compare the modes exact, converted and merged on one chip of MAPPED.

    Prints how far the transfer matrix of every tile is from the solver, in steps of its converters, and how
    many predictions agree. The solver takes seconds per image; finished images are kept in the folder, and
    the same command goes on from there.

    \b
    crosscal network modes net.mapped --data data.npz --wires 2 -o modes/
    """
    require_output_folder(output)
    with (
        keeping(lambda: kept_in(output, "finished images")),
        progress_bar() as bar,
        interruptible() as check,
    ):
        task = _task(mapped, data, given)
        line = bar.add_task("images", total=len(task.x), note="tiles")
        differences = _tiles(task, vectors, check)
        bar.update(line, note="the solver, vector by vector")
        exact = _exact(task, output, check, lambda done: bar.advance(line, done))
        found = {mode: _predicted(task, mode) for mode in ("converted", "merged")}
    report = _report(task, differences, {"exact": exact, **found})
    write_whole_text(output / "modes.json", json.dumps(report, indent=2) + "\n")
    _print(report)
    console.print(f"wrote {output / 'modes.json'}")


def _task(mapped: Path, data: Path, given: dict[str, Any]) -> ChipTask:
    from dataclasses import replace

    import msgspec

    from crosscal.commands.network.task import read_task

    fixed = {"mode": "converted", "age": 0.0, "calibrate": None, "calibration": "none", "vectors": 1}
    task = read_task(mapped, data, {**given, **fixed, "known": 0, "device": "cpu"})
    # Noise of reads would differ from mode to mode, that of the amplifiers' reset too.
    cells = msgspec.structs.replace(task.settings.cells, cycle_relative=0.0)
    charge = replace(task.settings.charge, temperature_c=None)
    return replace(task, settings=replace(task.settings, cells=cells, charge=charge))


def _run(task: ChipTask, mode: str, network: Any = None) -> Any:
    from dataclasses import replace

    from crosscal.simulated_bench.tiles.chip import Chip
    from crosscal.training.networks.running.chip_run import ChipRun

    chip = Chip(replace(task.settings, mode=mode), seed=task.seed, number=0)
    return ChipRun(network or task.network, chip, merged=mode == "merged", seed=task.seed)


def _tiles(task: ChipTask, vectors: int, check: Callable[[], None]) -> list[TileDifference]:
    import torch

    from crosscal.training.networks.calibration.known_vectors import known_vectors
    from crosscal.training.networks.running.mode_comparison import (
        some_vectors,
        tile_differences,
        without_rounding,
    )
    from crosscal.training.networks.running.software import SoftwareRun

    plain = without_rounding(task.network)
    runs = _run(task, "converted", plain), _run(task, "exact", plain)
    reach = known_vectors(task.network, SoftwareRun(task.network), torch.from_numpy(task.x))
    chosen = some_vectors(reach, vectors, np.random.default_rng(task.seed))
    return tile_differences(task.network, *runs, chosen, check=check)


def _exact(
    task: ChipTask,
    output: Path,
    check: Callable[[], None],
    advance: Callable[[int], object],
) -> np.ndarray:
    """Predict with the solver, batch by batch; those that are kept are read."""
    import torch

    from crosscal.training.networks.running.mode_comparison import predictions

    fingerprint = task.fingerprint()
    run, x, found = _run(task, "exact"), torch.from_numpy(task.x), []
    for start in range(0, len(x), BATCH):
        check()
        path = output / f"exact-{fingerprint}-{start}.npy"
        if not path.exists():
            with whole_file(path) as part, part.open("wb") as file:
                np.save(file, predictions(run, x[start : start + BATCH]))
        found.append(np.load(path))
        advance(len(found[-1]))
    return np.concatenate(found)


def _predicted(task: ChipTask, mode: str) -> np.ndarray:
    import torch

    from crosscal.training.networks.running.mode_comparison import predictions

    return predictions(_run(task, mode), torch.from_numpy(task.x))


def _report(
    task: ChipTask, differences: list[TileDifference], found: dict[str, np.ndarray]
) -> dict[str, Any]:
    from dataclasses import asdict

    from crosscal.training.networks.running.mode_comparison import agreement

    return {
        "inputs": len(task.x),
        "tiles": [asdict(each) for each in differences],
        "accuracy": {mode: agreement(classes, task.y) for mode, classes in found.items()},
        "exact and converted agree": agreement(found["exact"], found["converted"]),
        "converted and merged agree": agreement(found["converted"], found["merged"]),
    }


def _print(report: dict[str, Any]) -> None:
    table = Table(
        title="converted against exact, rms in ADC steps", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("layer", overflow="fold")
    for head in ("tiles", "worst tile", "worst after a gain of each column"):
        table.add_column(head, justify="right")
    for name in dict.fromkeys(each["layer"] for each in report["tiles"]):
        tiles = [each for each in report["tiles"] if each["layer"] == name]
        worst = (max(each[key] for each in tiles) for key in ("steps", "steps_after_gain"))
        table.add_row(name, str(len(tiles)), *(f"{value:.3f}" for value in worst))
    out = Console()
    out.print(table)
    for pair in ("exact and converted agree", "converted and merged agree"):
        out.print(f"{pair}: {100 * report[pair]:.1f} % of {report['inputs']} inputs", highlight=False)
    accuracies = (f"{mode} {100 * value:.1f} %" for mode, value in report["accuracy"].items())
    out.print(f"accuracy: {', '.join(accuracies)}", highlight=False)
