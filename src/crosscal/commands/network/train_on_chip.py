"""`crosscal network train-on-chip`: training through simulated crossbars, updated by pulses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from crosscal.commands.files.output import require_output_folder
from crosscal.commands.network.options import (
    batch_option,
    cells_help,
    definition_option,
    device_option,
    epochs_option,
    require_device,
    seed_option,
    width_option,
    wires_option,
)
from crosscal.commands.terminal.interrupt import interruptible, keeping, kept_in
from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.core.whole_file import write_whole_text

if TYPE_CHECKING:
    from crosscal.training.networks.on_chip.on_chip_trainer import OnChipTrainer


@click.command("train-on-chip")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for state and accuracies."
)
@definition_option
@width_option
@click.option("--cells", default="neurosim-v2", show_default=True, help=cells_help)
@wires_option
@epochs_option
@batch_option
@click.option(
    "--rate",
    type=click.FloatRange(0, 2, min_open=True),
    default=0.06,
    show_default=True,
    help="Of a cell's range, twice what the largest gradient of a layer moves it by.",
)
@click.option("--inputs", type=click.IntRange(2), help="Only the first to train on.  [default: all]")
@click.option("--test-inputs", type=click.IntRange(1), help="Only the first to test on.  [default: all]")
@seed_option
@device_option
def command(
    data: Path,
    output: Path,
    network: str,
    width: int | None,
    cells: str,
    wires: float,
    inputs: int | None,
    test_inputs: int | None,
    device: str,
    **given: Any,
) -> None:
    """Train a network on DATA (x_train, y_train, x_test, y_test) on a simulated chip.

    Activations and errors pass through the arrays, rounded to 8 bits, and gradients become pulses: cells
    follow the nonlinear curves of their profile, with noise. Finished epochs are kept: the same command goes
    on from there, and with more epochs beyond.

    \b
    crosscal network train-on-chip data.npz -o chip/
    crosscal network train-on-chip data.npz --cells memcapacitor-2bit -o charge/
    """
    require_device(device)
    require_output_folder(output)
    options = {"network": network, "width": width, "cells": cells, "wires_ohm": wires, **given}
    trainer = _trainer(
        data,
        (network, width, cells, wires),
        inputs=inputs,
        test_inputs=test_inputs,
        device=device,
        plan=given,
    )
    path = output / "accuracies.json"
    with (
        keeping(lambda: kept_in(output, "finished epochs")),
        progress_bar() as bar,
        interruptible() as check,
    ):
        line = bar.add_task("inputs", total=given["epochs"] * trainer.inputs, note="")

        def advance(done: int) -> None:
            check()
            bar.advance(line, done)

        for report in trainer.epochs(advance, output / "state.pt"):
            _write(path, options, trainer)
            note = f"epoch {report.epoch}: {100 * report.test_accuracy:.2f} % of test inputs"
            bar.update(line, completed=report.epoch * trainer.inputs, note=note)
    _write(path, options, trainer)
    _show(path, trainer)


def _trainer(
    data: Path,
    chip: tuple[str, int | None, str, float],
    *,
    inputs: int | None,
    test_inputs: int | None,
    device: str,
    plan: dict[str, Any],
) -> OnChipTrainer:
    import torch

    from crosscal.core.network.cell_profile import load_cell_profile
    from crosscal.simulated_bench import Wires
    from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
    from crosscal.simulated_bench.tiles.pulsed_array import SimulatedPulsedTiles
    from crosscal.training.networks.data import channels_first, read_data
    from crosscal.training.networks.definitions import make_network
    from crosscal.training.networks.on_chip.on_chip_trainer import OnChipPlan, OnChipTrainer

    name, width, cells, ohm = chip
    train, test = read_data(data, "train"), read_data(data, "test")
    x, x_test = (torch.from_numpy(channels_first(each)) for each in (train.x[:inputs], test.x[:test_inputs]))
    y, y_test = (torch.from_numpy(each) for each in (train.y[:inputs], test.y[:test_inputs]))
    profile = load_cell_profile(cells)
    if unused := profile.unused_by_pulses:
        console.print(f"not used in training on the chip: {', '.join(unused)} of {cells}")
    settings = ChipSettings(cells=profile, wires=Wires(row_ohm=ohm, column_ohm=ohm), device=device)
    torch.manual_seed(plan["seed"])  # of layers that stay digital
    network = make_network(name, tuple(x.shape[1:]), int(y.max()) + 1, width)
    tiles = SimulatedPulsedTiles(settings, seed=plan["seed"])
    samples = [Path(settings.cells.samples)] if settings.cells.samples else []
    return OnChipTrainer(
        OnChipPlan(**plan),
        network,
        tiles,
        (x, y, x_test, y_test),
        device=device,
        identity=(settings, samples),
    )


def _write(path: Path, options: dict[str, Any], trainer: OnChipTrainer) -> None:
    """Write the accuracies of all epochs, as the state has them."""
    epochs = {
        each.epoch: {"training": each.training_accuracy, "test": each.test_accuracy}
        for each in trainer.reports
    }
    write_whole_text(path, json.dumps({"options": options, "epochs": epochs}, indent=2) + "\n")


def _show(path: Path, trainer: OnChipTrainer) -> None:
    out = Console()
    for each in trainer.reports:
        accuracies = f"training {100 * each.training_accuracy:.2f} %, test {100 * each.test_accuracy:.2f} %"
        out.print(f"epoch {each.epoch}: {accuracies}", highlight=False)
    out.print(f"wrote {path}", highlight=False)
