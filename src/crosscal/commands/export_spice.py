"""`crosscal export-spice`: the array of a simulated board as a netlist for ngspice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from crosscal.commands.benches.programmed_bench import tile_snapshot
from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.options.bench_options import board_options, storage_options, tile_option
from crosscal.commands.options.finite_number import FiniteNumber
from crosscal.commands.terminal.progress import console, working
from crosscal.core.whole_file import write_whole_text

if TYPE_CHECKING:
    from crosscal.simulated_bench import Bench, NetlistCheck, Snapshot

STEP_PART = 1e-3
"""Of the whole time: how long a transient's drive takes from 0 to its vector."""


@click.command("export-spice")
@board_options(vector="0.3")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Netlist to write.  [default: board.cir]"
)
@click.option(
    "--transient",
    "transient_s",
    type=FiniteNumber(0, min_open=True),
    metavar="SECONDS",
    help="Solve in time, this long: rows rise from 0 V to the vector within a thousandth of it.",
)
@storage_options(capacitance="the board's")
@tile_option
@force_option
@click.option("--check", is_flag=True, help="Run ngspice, too, and compare its currents with the bench's.")
def command(
    bench: str,
    output: Path | None,
    transient_s: float | None,
    capacitance_f: float | None,
    inductance_h: float | None,
    tile: tuple[int, int],
    check: bool,
    force: bool,
    **board_arguments: Any,
) -> None:
    """Write the array of a simulated board, as it really is, as a netlist for ngspice.

    BENCH is a bench.toml or the name of a profile. The board is programmed by its own write-verify, with all
    its scatter; the netlist has the array as it then is: wires, drivers, amplifiers in the range that fits,
    cells with their law and their faults. `ngspice -b board.cir` writes the column currents into
    board.currents.txt, one line per vector or instant.

    \b
    crosscal export-spice lab-12x16 -o board.cir
    crosscal export-spice bench.toml --matrix g.npy --vector v.npy -o board.cir
    crosscal export-spice lab-16x12 --transient 2e-9 --capacitance 1e-14
    crosscal export-spice lab-12x16 --vector random:10 --check

    With --check the exit code is 0 where both agree (to 1e-11 of the largest current on resistors, 1e-10 on
    other cells, 1e-5 in time, 1e-4 with inductance), and 1 otherwise.
    """
    if transient_s is None and (capacitance_f or inductance_h):
        raise click.UsageError("--capacitance and --inductance go with --transient: at rest they do nothing")
    path = Path("board.cir") if output is None and not check else output
    if path is not None:
        require_output_file(path, force=force)
    board, snapshot = tile_snapshot(bench, tile, **board_arguments)
    wires = board.settings.wires
    farad = wires.capacitance_f if capacitance_f is None else capacitance_f
    henry = wires.inductance_h if inductance_h is None else inductance_h
    array = _array(snapshot, transient_s, farad, henry)
    if path is not None:
        currents = f"{path.stem}.currents.txt"
        write_whole_text(path, _text(bench, board, snapshot, array, currents))
        console.print(f"wrote {path}; ngspice -b {path} writes the column currents into {currents}")
    if check:
        _report(_checked(array))


def _array(snapshot: Snapshot, transient_s: float | None, farad: float, henry: float) -> dict[str, Any]:
    """Make the arguments that `netlist` and `check_netlist` share."""
    array = {"conductance_s": snapshot.conductance_s, "wires": snapshot.wires, "device": snapshot.device}
    if transient_s is None:
        return array | {"voltage_v": snapshot.voltage_v}
    if len(snapshot.voltage_v) != 1:
        raise click.UsageError(f"--transient drives one vector, not {len(snapshot.voltage_v)}")
    rise = np.array([0.0, 1.0, 1.0])
    time_s = np.array([0.0, STEP_PART, 1.0]) * transient_s
    storage = {"capacitance_f": farad, "inductance_h": henry}
    return array | {"voltage_v": rise[:, None] * snapshot.voltage_v, "time_s": time_s, **storage}


def _text(name: str, board: Bench, snapshot: Snapshot, array: dict[str, Any], output: str) -> str:
    from crosscal.simulated_bench import netlist

    facts = board.facts
    faults = [
        f"cell {i + 1},{j + 1}: {kind}" for (i, j), kind in np.ndenumerate(snapshot.cell_faults) if kind != ""
    ]
    remarks = (
        f"bench {name}, serial {facts.serial}, at {board.temperature_c():g} °C, "
        f"{board.time_s:g} s after power-on",
        f"amplifiers in the range {snapshot.range_a:g} A, their input resistance included in R_sense_j",
        f"cells: {snapshot.device!r}",
        f"broken cells: {', '.join(faults) or 'none'}",
    )
    title = f"{facts.rows}x{facts.columns} crossbar of {facts.manufacturer} {facts.model}"
    return netlist(**array, output=output, title=title, remarks=remarks)


def _checked(array: dict[str, Any]) -> NetlistCheck:
    from crosscal.simulated_bench import check_netlist

    with working("ngspice solves the same array"):
        return check_netlist(**array)


def _report(result: NetlistCheck) -> None:
    verdict = "agrees" if result.agrees else "DISAGREES"
    click.echo(
        f"ngspice {verdict}: {result.what}, {result.compared} compared, largest difference "
        f"{result.difference:.2g} of the largest current (allowed {result.allowed:g})"
    )
    if not result.agrees:
        raise click.exceptions.Exit(1)
