"""Picture and table of the error budget of a board (`crosscal plot budget`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from rich import box
from rich.table import Table as PrintedTable

from crosscal.commands.benches.programmed_bench import parse_vectors, target_of
from crosscal.commands.options.bench_options import board_options
from crosscal.commands.plot.output import Table, output_options, write_picture
from crosscal.commands.terminal.progress import console

if TYPE_CHECKING:
    from crosscal.simulated_bench.budget.contributions import ErrorBudget


@click.command("budget")
@board_options(vector="random:32")
@output_options("budget")
def budget(
    bench: str,
    matrix: Path | None,
    seed: int,
    vector: str,
    after_s: float,
    output: Path,
    data: Path | None,
) -> None:
    """Rank the causes of error of a board: how much each changes the readings of random vectors.

    The board is read as it is and without each cause in turn, with the same cells and the same chance; the
    rest is what a gain and an offset per column, the best ones, cannot take back.

    \b
    crosscal plot budget lab-12x16 -o budget.png
    crosscal plot budget realistic-64x64 --after 3600 --data budget.csv
    """
    from crosscal.simulated_bench import Bench
    from crosscal.simulated_bench.budget.contributions import error_budget
    from crosscal.simulated_bench.pictures.budget import draw_error_budget

    board = Bench.from_toml(bench)
    target_s = target_of(board.facts, matrix=matrix, seed=seed)
    voltage_v = parse_vectors(vector, board.facts, seed)
    result = error_budget(board.settings, target_s, voltage_v, after_s=after_s)
    console.print(_printed(result))
    listed = (*result.contributions, result.whole)
    table: Table = {
        "cause": np.array([one.cause for one in listed]),
        "rms_a": np.array([one.raw_a for one in listed]),
        "rms_after_fit_a": np.array([one.fitted_a for one in listed]),
    }
    title = f"error budget of {Path(bench).stem}, {board.facts.rows}×{board.facts.columns}"
    write_picture(lambda: draw_error_budget(result, title=title), table, output=output, data=data)


def _printed(budget: ErrorBudget) -> PrintedTable:
    """Lay out the causes, relative to full scale."""
    table = PrintedTable(
        title=f"rms change of the readings, relative to full scale ({budget.full_scale_a:.3g} A)",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("cause", no_wrap=True)
    table.add_column("as read", justify="right")
    table.add_column("after gain and offset", justify="right")
    for one in (*budget.contributions, budget.whole):
        parts = [f"{each / budget.full_scale_a:.1e}" for each in (one.raw_a, one.fitted_a)]
        table.add_row(one.cause, *parts)
    return table
