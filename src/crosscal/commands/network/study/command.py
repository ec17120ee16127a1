"""`crosscal network study`: published and own figures of networks on crossbars, resumable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from crosscal.commands.files.output import require_output_folder
from crosscal.commands.network.options import (
    chips_option,
    device_option,
    precision_option,
    require_device,
    seed_option,
    width_option,
)
from crosscal.commands.options.scheduler import scheduler_option
from crosscal.commands.terminal.interrupt import interruptible, keeping, kept_in
from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.core.whole_file import write_whole_text

if TYPE_CHECKING:
    from crosscal.commands.network.study.crosssim import CrossSim
    from crosscal.commands.network.study.row import StudyRow
    from crosscal.commands.network.study.running import Study

NAMES = ("table-1", "biased", "columns", "scatter", "wires", "drift", "deep", "peers")

NOT_OF_PEERS = ("mode", "chips", "known", "crossbar_epochs")
"""Options that have no part in the study of peers."""


@click.command("study")
@click.argument("name", type=click.Choice(NAMES))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Training and test data, as for train and evaluate; several times for rows of several.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("network-study"),
    show_default=True,
    help="Folder for everything; a study that was cut off there goes on.",
)
@click.option(
    "--only", multiple=True, help="Only rows with this label; labels of one column are alternatives."
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
@width_option
@click.option("--train-inputs", type=click.IntRange(20), help="Only the first.  [default: all]")
@click.option(
    "--test-inputs", type=click.IntRange(1), default=2000, show_default=True, help="Only the first."
)
@click.option("--epochs", type=click.IntRange(1), default=5, show_default=True, help="Of the plain training.")
@click.option(
    "--crossbar-epochs",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Of each training for crossbars, which goes on from the plain one.",
)
@click.option(
    "--known", type=click.IntRange(2), default=200, show_default=True, help="Known inputs of a calibration."
)
@click.option(
    "--crosssim",
    type=click.Path(path_type=Path),
    help="Folder with CrossSim's source, to run it beside in peers.",
)
@precision_option
@chips_option
@seed_option
@device_option
@scheduler_option
def command(name: str, data: tuple[Path, ...], output: Path, **given: Any) -> None:
    """Reproduce a figure and print it.

    \b
    table-1  area, energy and operations of Diware et al. (2023), from parts
    biased   training methods × ranges × representations, with spread over chips
    columns  accuracy against the part of biased columns, for every mapping
    scatter  accuracy against the cells' scatter, for every mapping
    wires    accuracy against the resistance of wires
    drift    accuracy against age, as it is and with columns found anew
    deep     VGG8: float, quantised, memristive and memcapacitive
    peers    one network on ideal wires, here and in CrossSim (--crosssim)

    All but the first take --data. Networks and rows are kept in the folder.

    \b
    crosscal network study table-1
    crosscal network study wires --data data.npz -o wires/
    """
    if name == "table-1":
        _print_table_1()
        return
    if not data:
        raise click.UsageError(f"Missing option '--data' for {name}.")
    require_device(given["device"])
    if name == "peers":
        _require_peers_options(click.get_current_context())
    peer = _peer(name, given["crosssim"])
    rows, curve = _rows(name, data, given)
    if peer is not None:
        _require_peers_cells(rows)
    require_output_folder(output)
    with keeping(lambda: kept_in(output, "finished rows")):
        study = _run(rows, data, output, given)
        if name == "peers":
            _write_peers(study, peer, output)
            return
    _write(name, study.results(), curve, output)


def _peer(name: str, folder: Path | None) -> CrossSim | None:
    """Load CrossSim before anything is trained."""
    if folder is None:
        return None
    if name != "peers":
        raise click.UsageError(f"--crosssim is an option of peers, not of {name}.")
    from crosscal.commands.network.study.crosssim import load_crosssim

    return load_crosssim(folder)


def _require_peers_options(context: click.Context) -> None:
    for option in NOT_OF_PEERS:
        if context.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{option.replace('_', '-')} is no option of peers: it runs one chip, converted and "
                "uncalibrated, with a plain training."
            )


def _require_peers_cells(rows: list[StudyRow]) -> None:
    """Refuse cells that CrossSim does not have before anything is trained."""
    from crosscal.commands.network.study.crosssim import require_isaac_cells

    for row in rows:
        require_isaac_cells(row.chip.cells, row.plan.options.weight_bits)


def _print_table_1() -> None:
    from crosscal.commands.network.study.table_1 import counts_in_words, table_1

    out = Console()
    out.print(table_1())
    for line in counts_in_words():
        out.print(line, highlight=False)


def _run(rows: list[StudyRow], data: tuple[Path, ...], output: Path, given: dict[str, Any]) -> Study:
    import torch

    from crosscal.commands.network.study.running import Study
    from crosscal.commands.network.study.study_data import read_data_sets
    from crosscal.commands.network.study.tasks import Scoring

    torch.set_num_threads(1)  # products of small matrices: two threads are slower
    sets = read_data_sets(data, given["train_inputs"], given["test_inputs"])
    scoring = Scoring(chips=given["chips"], known=given["known"], seed=given["seed"])
    study = Study(output, rows, sets, scoring, given["device"])
    with progress_bar() as bar, interruptible() as check:
        total = sum(job.inputs for _, jobs in study.stages() for job in jobs)
        line = bar.add_task("inputs", total=total, note="")

        def advance(done: int) -> None:
            check()
            bar.advance(line, done)

        if given["scheduler"] is None:
            study.here(advance, lambda note: bar.update(line, note=note))
        else:
            study.on_cluster(given["scheduler"], lambda job: advance(job.inputs))
    return study


def _rows(name: str, data: tuple[Path, ...], given: dict[str, Any]) -> tuple[list[StudyRow], str | None]:
    from dataclasses import replace

    from crosscal.commands.network.study.plans import STUDIES, StudyPlan
    from crosscal.commands.network.study.tables import chosen_rows
    from crosscal.core.network.cell_profile import load_cell_profile
    from crosscal.training.networks.learning.plan import LearningPlan
    from crosscal.training.networks.mapping.options import MappingOptions

    kind = STUDIES[name]
    learning = {key: given[key] for key in ("epochs", "width", "seed", "precision")}
    options = MappingOptions(cells=load_cell_profile("ideal-2bit"), scale="layer")
    plan = StudyPlan(
        plain=LearningPlan(options=options, network=kind.network, **learning),
        epochs=given["crossbar_epochs"],
        cells=kind.cells if given["cells"] is None else tuple(given["cells"].split(",")),
        scatter=given["scatter"],
        mode=given["mode"] or kind.mode,
        device=given["device"],
    )
    rows = [
        replace(row, data=path.stem, labels=({"data": path.stem} if len(data) > 1 else {}) | row.labels)
        for path in data
        for row in kind.rows(plan)
    ]
    return chosen_rows(rows, given["only"]), kind.curve


def _write(name: str, rows: list[dict[str, Any]], curve: str | None, output: Path) -> None:
    from crosscal.commands.network.study.picture import draw_study
    from crosscal.commands.network.study.tables import study_markdown, study_table

    Console().print(study_table(name, rows, curve))
    write_whole_text(output / f"{name}.json", json.dumps(rows, indent=2) + "\n")
    write_whole_text(output / f"{name}.md", study_markdown(rows, curve))
    draw_study(rows, curve, output / f"{name}.png")
    console.print(f"wrote {name}.json, .md and .png in {output}")


def _write_peers(study: Study, peer: CrossSim | None, output: Path) -> None:
    from crosscal.commands.network.study.peers import peer_lines, peer_table, run_peers

    with progress_bar() as bar, interruptible() as check:
        line = bar.add_task("inputs", total=None, note="peers")

        def advance(done: int) -> None:
            check()
            bar.advance(line, done)

        reports = run_peers(study, peer, advance)
    out = Console()
    for report in reports:
        out.print(peer_table(report))
        for sentence in peer_lines(report):
            out.print(sentence, highlight=False)
    write_whole_text(output / "peers.json", json.dumps(reports, indent=2) + "\n")
    console.print(f"wrote {output / 'peers.json'}")
