"""`crosscal network study`: published and own figures of networks on crossbars, resumable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from crosscal.commands.files.output import require_output_folder
from crosscal.commands.network.options import chips_option, seed_option
from crosscal.commands.terminal.interrupt import interruptible, keeping
from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.core.whole_file import write_whole_text

NAMES = ("table-1", "biased", "columns", "scatter", "wires", "drift")


@click.command("study")
@click.argument("name", type=click.Choice(NAMES))
@click.option(
    "--data", type=click.Path(path_type=Path), help="Training and test data, as for train and evaluate."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("network-study"),
    show_default=True,
    help="Folder for everything; a study that was cut off there goes on.",
)
@click.option("--cells", help="Profiles by commas.  [default: those of the study]")
@click.option(
    "--scatter",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Multiplies the cells' scatter.",
)
@click.option("--mode", type=click.Choice(["converted", "merged"]), help="[default: that of the study]")
@click.option("--train-inputs", type=click.IntRange(20), help="Only the first.  [default: all]")
@click.option(
    "--test-inputs", type=click.IntRange(1), default=2000, show_default=True, help="Only the first."
)
@click.option("--epochs", type=click.IntRange(1), default=5, show_default=True, help="Of every training.")
@click.option(
    "--known", type=click.IntRange(2), default=200, show_default=True, help="Known inputs of a calibration."
)
@chips_option
@seed_option
def command(name: str, data: Path | None, output: Path, **given: Any) -> None:
    """Reproduce a figure and print it.

    \b
    table-1  area, energy and operations of Diware et al. (2023), from parts
    biased   training methods × ranges × representations, with spread over chips
    columns  accuracy against the part of biased columns
    scatter  accuracy against the cells' scatter, for every mapping
    wires    accuracy against the resistance of wires
    drift    accuracy against age, without and with recalibration

    All but the first take --data. Networks and rows are kept in the folder.

    \b
    crosscal network study table-1
    crosscal network study wires --data data.npz -o wires/
    """
    if name == "table-1":
        _print_table_1()
        return
    if data is None:
        raise click.UsageError(f"Missing option '--data' for {name}.")
    require_output_folder(output)
    with keeping(lambda: f"finished rows are kept in {output}: the same command goes on from there"):
        rows = _run(name, data, output, given)
    Console().print(_table(name, rows))
    write_whole_text(output / f"{name}.json", json.dumps(rows, indent=2) + "\n")
    write_whole_text(output / f"{name}.md", _markdown(rows))
    from crosscal.commands.network.study.picture import draw_study

    draw_study(rows, output / f"{name}.png")
    console.print(f"wrote {name}.json, .md and .png in {output}")


def _print_table_1() -> None:
    from crosscal.commands.network.study.table_1 import counts_in_words, table_1

    out = Console()
    out.print(table_1())
    for line in counts_in_words():
        out.print(line, highlight=False)


def _run(name: str, data: Path, output: Path, given: dict[str, Any]) -> list[dict[str, Any]]:
    import torch

    from crosscal.commands.network.study.plans import STUDIES
    from crosscal.commands.network.study.rows import Study, StudyData, set_threads
    from crosscal.core.network.cell_profile import load_cell_profile
    from crosscal.training.networks.data import channels_first, read_data
    from crosscal.training.networks.learning.plan import LearningPlan
    from crosscal.training.networks.mapping.options import MappingOptions

    set_threads()
    make, cells, mode = STUDIES[name]
    cells = cells if given["cells"] is None else tuple(given["cells"].split(","))
    plain = MappingOptions(cells=load_cell_profile("ideal-2bit"), scale="layer")
    plan = LearningPlan(options=plain, epochs=given["epochs"], seed=given["seed"])
    rows = list(make(plan, cells, given["scatter"], given["mode"] or mode))
    train, test = read_data(data, "train"), read_data(data, "test")
    study = Study(
        output,
        StudyData(
            x_train=torch.from_numpy(channels_first(train.x[: given["train_inputs"]])),
            y_train=torch.from_numpy(train.y[: given["train_inputs"]]),
            x_test=torch.from_numpy(channels_first(test.x[: given["test_inputs"]])),
            y_test=torch.from_numpy(test.y[: given["test_inputs"]]),
            chips=given["chips"],
            known=given["known"],
            seed=given["seed"],
        ),
    )
    found = []
    with progress_bar() as bar, interruptible() as check:
        line = bar.add_task("rows", total=len(rows), note="")
        for row in rows:
            bar.update(line, note=", ".join(row.labels.values()))
            found.append(study.result(row, check))
            bar.advance(line)
    return found


def _cells(row: dict[str, Any]) -> list[str]:
    from crosscal.commands.network.study.rows import spread

    return [
        *row["labels"].values(),
        f"{100 * row['software']:.1f}",
        spread(row["raw"]),
        spread(row["calibrated"]),
    ]


def _heads(rows: list[dict[str, Any]]) -> list[str]:
    return [*rows[0]["labels"], "software (%)", "raw (%)", "calibrated (%)"]


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=name, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head in _heads(rows):
        table.add_column(head, no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _markdown(rows: list[dict[str, Any]]) -> str:
    heads = _heads(rows)
    lines = [heads, ["---"] * len(heads), *(_cells(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
