"""Picture of cells and currents of a board that ages (`crosscal plot drift`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from crosscal.commands.benches.programmed_bench import parse_vectors, programmed_bench
from crosscal.commands.options.bench_options import board_options
from crosscal.commands.options.finite_number import FiniteNumber
from crosscal.commands.plot.output import Table, output_options, over_array, write_picture
from crosscal.commands.plot.titles import describe_volts, require_one_vector
from crosscal.core.errors import InputError, wanted
from crosscal.core.physical_constants import DAY_S

if TYPE_CHECKING:
    from crosscal.simulated_bench import Bench

INSTANTS = 200  # of a curve


@click.command("drift")
@board_options(vector="0.3")
@output_options("drift")
@click.option(
    "--until",
    "until_s",
    type=FiniteNumber(10.0),
    default=30 * DAY_S,
    show_default=True,
    help="How old to let the board get [s].",
)
@click.pass_context
def drift(
    context: click.Context,
    bench: str,
    output: Path,
    data: Path | None,
    until_s: float,
    **board_arguments: Any,
) -> None:
    """Draw cells and column currents as the board ages; takes rram-32x24 unless told otherwise."""
    if context.get_parameter_source("bench") is click.core.ParameterSource.DEFAULT:
        bench = "rram-32x24"
    vector = board_arguments.pop("vector")
    board, _ = programmed_bench(bench, **board_arguments)
    _require_aging(bench, board)
    from crosscal.simulated_bench.pictures.drift import draw_drift

    vector_v = parse_vectors(vector, board.facts, board_arguments["seed"])
    require_one_vector(len(vector_v))
    time_s = np.concatenate([[0.0], np.geomspace(1.0, until_s, INSTANTS)])
    conductance_s, current_a = [], []
    for step_s in np.diff(time_s, prepend=0.0):
        board.advance_time(float(step_s))
        conductance_s.append(np.asarray(board.true_conductance()).reshape(board.facts.rows, -1))
        current_a.append(board.true_current(vector_v, range_index=len(board.facts.ranges_a) - 1)[0])
    cells_s, columns_a = np.array(conductance_s), np.array(current_a)
    table: Table = {"time_s": time_s[:, None, None], **over_array(conductance_s=cells_s[0])}
    table |= {"conductance_s": cells_s, "column_a": columns_a[:, None, :]}
    title = f"{Path(bench).stem}, {board.facts.rows}×{board.facts.columns}, {describe_volts(vector_v[0])}"
    write_picture(
        lambda: draw_drift(time_s, cells_s, columns_a, title=title), table, output=output, data=data
    )


def _require_aging(bench: str, board: Bench) -> None:
    from crosscal.simulated_bench import load_settings, profile_names
    from crosscal.simulated_bench.variability.drift import NoDrift

    faults = board.settings.faults
    strikes = faults.open_per_hour or faults.short_per_hour
    if isinstance(board.settings.drift, NoDrift) and not strikes:
        aging = [name for name in profile_names() if not isinstance(load_settings(name).drift, NoDrift)]
        raise InputError(
            wanted(
                got=f"{bench}, a board that does not age",
                allowed=f"a board with a [drift] law, such as {', '.join(aging)}",
                remedy="name one, or add [drift] to the bench.toml",
            )
        )
