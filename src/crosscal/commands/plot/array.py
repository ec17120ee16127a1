"""Pictures over the array: voltages of the wires, currents of the cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crosscal.commands.options.bench_options import board_options
from crosscal.commands.plot.output import output_options, over_array, write_picture
from crosscal.commands.plot.titles import array_title, one_vector_snapshot


@click.command("voltages")
@board_options(vector="0.3")
@output_options("voltages")
def voltages(bench: str, output: Path, data: Path | None, **board_arguments: Any) -> None:
    """Draw the voltages of row wires, of column wires and across the cells: the losses on the wires."""
    board, snapshot = one_vector_snapshot(bench, board_arguments)
    from crosscal.simulated_bench.pictures.array import draw_voltages

    solution = snapshot.solution
    table = over_array(row_wire_v=solution.word_v[0], column_wire_v=solution.bit_v[0])
    title = array_title(bench, board, snapshot)
    write_picture(lambda: draw_voltages(snapshot, 0, title=title), table, output=output, data=data)


@click.command("currents")
@board_options(vector="0.3")
@output_options("currents")
def currents(bench: str, output: Path, data: Path | None, **board_arguments: Any) -> None:
    """Draw the cells' currents, their deviation from target × input, and the columns' currents."""
    board, snapshot = one_vector_snapshot(bench, board_arguments)
    from crosscal.simulated_bench.pictures.array import draw_currents

    table = over_array(
        target_s=snapshot.target_s,
        conductance_s=snapshot.conductance_s,
        cell_a=snapshot.cell_a[0],
        column_ideal_a=snapshot.ideal_a,
        column_flowing_a=snapshot.solution.current_a,
        column_read_a=snapshot.reading_a,
    )
    title = array_title(bench, board, snapshot)
    write_picture(lambda: draw_currents(snapshot, 0, title=title), table, output=output, data=data)
