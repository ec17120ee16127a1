"""`crosscal plot`: pictures of a simulated board and of its devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from crosscal.commands.benches.programmed_bench import (
    bench_snapshot,
    board_options,
    parse_vectors,
    programmed_bench,
    storage_options,
    tile_option,
    tile_snapshot,
)
from crosscal.commands.options.finite_number import FiniteNumber
from crosscal.commands.plot.devices import budget, iv, loop
from crosscal.commands.plot.output import Table, output_options, over_array, write_picture
from crosscal.commands.plot.page import command as page
from crosscal.core.errors import InputError, wanted

if TYPE_CHECKING:
    from crosscal.simulated_bench import Bench, Snapshot

DAY_S = 86_400.0
INSTANTS = 200
TIME_CONSTANTS = 10.0
USUAL_F = 1e-14


@click.group("plot")
def command() -> None:
    """Draw a simulated board at work, its devices, or all of it as one HTML page.

    BENCH, where a picture takes one, is a bench.toml or the name of a profile; it needs nothing else. The
    board is programmed by its own write-verify first. PNG, SVG or PDF, by the suffix of -o.

    \b
    crosscal plot voltages lab-12x16 -o voltages.png
    crosscal plot currents bench.toml --matrix g.npy --vector v.npy -o currents.svg
    crosscal plot page lab-12x16 -o bench.html
    """


@command.command("voltages")
@board_options(vector="0.3")
@output_options("voltages")
def voltages(bench: str, output: Path, data: Path | None, **board_arguments: Any) -> None:
    """Voltages of row wires, of column wires and across the cells: where the wires lose what."""
    board, snapshot = _one_vector(bench, board_arguments)
    from crosscal.simulated_bench.pictures.array import draw_voltages

    solution = snapshot.solution
    table = over_array(row_wire_v=solution.word_v[0], column_wire_v=solution.bit_v[0])
    title = _title(bench, board, snapshot)
    write_picture(lambda: draw_voltages(snapshot, 0, title=title), table, output=output, data=data)


@command.command("currents")
@board_options(vector="0.3")
@output_options("currents")
def currents(bench: str, output: Path, data: Path | None, **board_arguments: Any) -> None:
    """Currents of the cells, how far they are from target × input, and what the columns carry."""
    board, snapshot = _one_vector(bench, board_arguments)
    from crosscal.simulated_bench.pictures.array import draw_currents

    table = over_array(
        target_s=snapshot.target_s,
        conductance_s=snapshot.conductance_s,
        cell_a=snapshot.cell_a[0],
        column_ideal_a=snapshot.ideal_a,
        column_flowing_a=snapshot.solution.current_a,
        column_read_a=snapshot.reading_a,
    )
    title = _title(bench, board, snapshot)
    write_picture(lambda: draw_currents(snapshot, 0, title=title), table, output=output, data=data)


@command.command("transient")
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
    """The columns' currents after the drivers step from 0 V to a vector, and when they have settled."""
    board, snapshot = tile_snapshot(bench, tile, **board_arguments)
    _require_one(len(snapshot.voltage_v))
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
    title = f"{_title(bench, board, snapshot)}, {farad:g} F per node"
    if henry:
        title += f", {henry:g} H per segment"
    write_picture(
        lambda: draw_transient(time_s, solution.current_a, snapshot.solution.current_a[0], title=title),
        table,
        output=output,
        data=data,
    )


@command.command("drift")
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
    """How cells and column currents change as the board ages; takes rram-32x24 unless told otherwise."""
    if context.get_parameter_source("bench") is click.core.ParameterSource.DEFAULT:
        bench = "rram-32x24"
    vector = board_arguments.pop("vector")
    board, _ = programmed_bench(bench, **board_arguments)
    _require_aging(bench, board)
    from crosscal.simulated_bench.pictures.drift import draw_drift

    vector_v = parse_vectors(vector, board.facts, board_arguments["seed"])
    _require_one(len(vector_v))
    time_s = np.concatenate([[0.0], np.geomspace(1.0, until_s, INSTANTS)])
    conductance_s, current_a = [], []
    for step_s in np.diff(time_s, prepend=0.0):
        board.advance_time(float(step_s))
        conductance_s.append(np.asarray(board.true_conductance()).reshape(board.facts.rows, -1))
        current_a.append(board.true_current(vector_v, range_index=len(board.facts.ranges_a) - 1)[0])
    cells_s, columns_a = np.array(conductance_s), np.array(current_a)
    table: Table = {"time_s": time_s[:, None, None], **over_array(conductance_s=cells_s[0])}
    table |= {"conductance_s": cells_s, "column_a": columns_a[:, None, :]}
    title = f"{Path(bench).stem}, {board.facts.rows}×{board.facts.columns}, {_volts(vector_v[0])}"
    write_picture(
        lambda: draw_drift(time_s, cells_s, columns_a, title=title), table, output=output, data=data
    )


for extra in (iv, loop, budget, page):
    command.add_command(extra)


def _one_vector(bench: str, board_arguments: dict[str, Any]) -> tuple[Bench, Snapshot]:
    board, snapshot = bench_snapshot(bench, **board_arguments)
    _require_one(len(snapshot.voltage_v))
    return board, snapshot


def _require_one(vectors: int) -> None:
    if vectors != 1:
        remedy = "give one vector; `plot page` shows several"
        raise InputError(wanted(got=f"{vectors} vectors", allowed="one", remedy=remedy))


def _title(bench: str, board: Bench, snapshot: Snapshot) -> str:
    wires = snapshot.wires
    return (
        f"{Path(bench).stem}, {board.facts.rows}×{board.facts.columns}, wires {wires.row_ohm:g} Ω by row, "
        f"{wires.column_ohm:g} Ω by column, {_volts(snapshot.voltage_v[0])}, {board.temperature_c():g} °C"
    )


def _volts(vector_v: np.ndarray) -> str:
    same = np.ptp(vector_v) == 0
    return f"{vector_v[0]:.3g} V on all rows" if same else f"{vector_v.min():.3g} to {vector_v.max():.3g} V"


def _settling_s(snapshot: Snapshot, farad: float, henry: float) -> float:
    """Time to look at: a multiple of the slowest wire's time constant, by its whole resistance."""
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


def _require_aging(bench: str, board: Bench) -> None:
    from crosscal.simulated_bench import load_settings, profile_names
    from crosscal.simulated_bench.variability.drift import NoDrift

    faults = board.settings.faults
    strikes = faults.open_per_hour or faults.short_per_hour
    if isinstance(board.settings.drift, NoDrift) and not strikes:
        aging = [name for name in profile_names() if not isinstance(load_settings(name).drift, NoDrift)]
        raise InputError(
            wanted(
                got=f"{bench}, which does not age",
                allowed=f"a board with a [drift] law, such as {', '.join(aging)}",
                remedy="name one, or add [drift] to the bench.toml",
            )
        )
