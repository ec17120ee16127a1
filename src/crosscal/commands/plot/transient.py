"""Picture of the column currents after a step of the inputs (`crosscal plot transient`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from crosscal.commands.benches.programmed_bench import tile_snapshot
from crosscal.commands.options.bench_options import board_options, storage_options, tile_option
from crosscal.commands.options.finite_number import FiniteNumber
from crosscal.commands.plot.output import Table, output_options, write_picture
from crosscal.commands.plot.titles import array_title, require_one_vector
from crosscal.core.errors import InputError, wanted

if TYPE_CHECKING:
    from crosscal.simulated_bench import Snapshot

INSTANTS = 200  # of a curve
TIME_CONSTANTS = 10.0
"""Of the slowest: 5e-5 of a change is left then."""
USUAL_F = 1e-14  # a cell of a micrometre over a metal line: of the order of 10 fF


@click.command("transient")
@board_options(vector="0.3")
@output_options("transient")
@storage_options(capacitance="the board's, or 1e-14")
@tile_option
@click.option(
    "--duration",
    "duration_s",
    type=FiniteNumber(0, min_open=True),
    help="How long to look [s].  [default: ten time constants of the wires]",
)
def transient(
    bench: str,
    tile: tuple[int, int],
    output: Path,
    data: Path | None,
    capacitance_f: float | None,
    inductance_h: float | None,
    duration_s: float | None,
    **board_arguments: Any,
) -> None:
    """Draw the columns' currents after the drivers step from 0 V to a vector, until they have settled."""
    board, snapshot = tile_snapshot(bench, tile, **board_arguments)
    require_one_vector(len(snapshot.voltage_v))
    from crosscal.simulated_bench import solve_transient
    from crosscal.simulated_bench.pictures.transient import draw_transient

    final_v = snapshot.voltage_v[0]
    wires = board.settings.wires
    farad = (wires.capacitance_f or USUAL_F) if capacitance_f is None else capacitance_f
    henry = wires.inductance_h if inductance_h is None else inductance_h
    end_s = duration_s or _settling_s(snapshot, farad, henry)
    time_s = np.linspace(0.0, end_s, INSTANTS)
    solution = solve_transient(
        snapshot.conductance_s,
        lambda t: final_v if t > 0 else 0.0 * final_v,
        time_s,
        wires=snapshot.wires,
        device=snapshot.device,
        capacitance_f=farad,
        inductance_h=henry,
    )
    columns = np.arange(1, board.facts.columns + 1)
    table: Table = {"time_s": time_s[:, None], "column": columns, "current_a": solution.current_a}
    title = f"{array_title(bench, board, snapshot)}, {farad:g} F per node"
    if henry:
        title += f", {henry:g} H per segment"
    write_picture(
        lambda: draw_transient(time_s, solution.current_a, snapshot.solution.current_a[0], title=title),
        table,
        output=output,
        data=data,
    )


def _settling_s(snapshot: Snapshot, farad: float, henry: float) -> float:
    """Choose the time to draw: a multiple of the slowest wire's time constant, by its whole resistance."""
    rows, columns = snapshot.target_s.shape
    wires = snapshot.wires
    source_ohm, sense_ohm = np.max(wires.source_ohm), np.max(wires.sense_ohm)
    row_s = (source_ohm + columns * wires.row_ohm / 2) * columns * farad
    column_s = (sense_ohm + rows * wires.column_ohm / 2) * rows * farad
    waves_s = (rows + columns) * np.sqrt(farad * henry)
    inductive_s = henry * snapshot.target_s.max() * (rows + columns)
    total_s = float(row_s + column_s + waves_s + inductive_s)
    if total_s == 0:
        raise InputError(
            wanted(
                got="neither resistance with capacitance nor inductance",
                allowed="an array that takes time to settle",
                remedy="give --capacitance, --inductance or --duration",
            )
        )
    return TIME_CONSTANTS * total_s
