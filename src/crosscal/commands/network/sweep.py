"""`crosscal network sweep`: accuracy of a mapped network over wires, ages and calibrations, as one table."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from crosscal.commands.files.output import require_output_folder
from crosscal.commands.network.options import (
    Many,
    chips_option,
    driver_option,
    inputs_option,
    known_option,
    mode_option,
    other_cells_option,
    seed_option,
    vectors_option,
)
from crosscal.commands.terminal.interrupt import interruptible, keeping, kept_in
from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.core.whole_file import write_whole_text

if TYPE_CHECKING:
    from crosscal.commands.network.chips import ChipTask


@click.command("sweep")
@click.argument("mapped", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="As for evaluate.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for table and scores."
)
@click.option(
    "--wires", type=Many(float), default="0", show_default=True, help="Ohms per segment, by commas."
)
@click.option(
    "--ages", type=Many(float), default="0", show_default=True, help="Seconds since writing, by commas."
)
@click.option(
    "--calibrations",
    type=Many(str),
    default="none,columns,structured,recalibrated,read-back",
    show_default=True,
    help="As for evaluate, by commas.",
)
@known_option
@vectors_option
@chips_option
@inputs_option
@mode_option
@driver_option
@other_cells_option
@seed_option
def command(mapped: Path, data: Path, output: Path, **given: Any) -> None:
    """Score MAPPED at every resistance of wires and age, with every calibration.

    Known inputs are x_train of the data. Chips that are finished are kept in the folder: the same command
    goes on where it was cut off.

    \b
    crosscal network sweep net.mapped --data data.npz --wires 0,2,6 -o wires/
    crosscal network sweep net.mapped --data data.npz --ages 1,86400,2592000 \\
      --cells pcm-2bit --calibrations none,recalibrated -o drift/
    """
    _require_calibrations(given["calibrations"])
    require_output_folder(output)
    conditions = list(product(given.pop("wires"), given.pop("ages")))
    calibrations = given.pop("calibrations")
    with (
        keeping(lambda: kept_in(output, "finished chips")),
        progress_bar() as bar,
        interruptible() as check,
    ):
        line = bar.add_task("chips", total=len(conditions) * len(calibrations) * given["chips"], note="")
        rows = []
        for ohm, age_s in conditions:
            row: dict[str, Any] = {"wires_ohm": ohm, "age_s": age_s}
            for calibration in calibrations:
                bar.update(line, note=f"{ohm:g} Ω, {age_s:,.10g} s, {calibration}")
                options = {**given, "wires": ohm, "age": age_s, "calibration": calibration}
                row[calibration] = _scores(mapped, data, output, options, check, lambda: bar.advance(line))
            rows.append(row)
    software = _software(mapped, data, given)
    write_whole_text(output / "sweep.json", json.dumps({"software": software, "rows": rows}, indent=2) + "\n")
    _print(rows, calibrations, software)
    console.print(f"wrote {output / 'sweep.json'}")


def _require_calibrations(names: list[str]) -> None:
    """Refuse unknown calibrations before hours of the known ones.

    Raises:
        InputError: a name that there is not.
    """
    from crosscal.core.errors import InputError, wanted
    from crosscal.training.networks.calibration.methods import METHODS

    for name in names:
        if name not in METHODS:
            got = f"the calibration {name!r}"
            raise InputError(wanted(got=got, allowed=", ".join(METHODS), remedy="correct --calibrations"))


def _task(mapped: Path, data: Path, given: dict[str, Any]) -> ChipTask:
    from crosscal.commands.network.task import read_task

    calibrate = None if given["calibration"] == "none" else data
    return read_task(mapped, data, {**given, "calibrate": calibrate, "device": "cpu"})


def _scores(
    mapped: Path,
    data: Path,
    output: Path,
    given: dict[str, Any],
    check: Callable[[], None],
    done: Callable[[], object],
) -> list[float]:
    """Score the chips of one cell of the table, those that are kept aside."""
    from crosscal.commands.network.chips import KeptScores

    task = _task(mapped, data, given)
    fingerprint = task.fingerprint()
    kept = KeptScores(output / f"{fingerprint}.json", fingerprint)
    for number in range(given["chips"]):
        if number not in kept.scores:
            kept.keep(task.score(number, lambda _: check()))
        done()
    return [kept.scores[number].accuracy for number in range(given["chips"])]


def _software(mapped: Path, data: Path, given: dict[str, Any]) -> float:
    import torch

    from crosscal.training.networks.running.scoring import accuracy_of
    from crosscal.training.networks.running.software import SoftwareRun

    task = _task(mapped, data, {**given, "wires": 0.0, "age": 0.0, "calibration": "none"})
    return accuracy_of(SoftwareRun(task.network).run, torch.from_numpy(task.x), torch.from_numpy(task.y))


def _print(rows: list[dict[str, Any]], calibrations: list[str], software: float) -> None:
    from crosscal.commands.network.study.tables import spread

    table = Table(
        title=f"accuracy (%), software {100 * software:.1f}", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for head in ("wires (Ω)", "age (s)", *calibrations):
        table.add_column(head, no_wrap=True)
    for row in rows:
        cells = (spread(row[each]) for each in calibrations)
        table.add_row(f"{row['wires_ohm']:g}", f"{row['age_s']:,.10g}", *cells)
    Console().print(table)
