"""`crosscal import`: data that exist already as a run.h5."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from crosscal.commands.files.imported import CURRENT, TARGET, VOLTAGE, choose, from_reads
from crosscal.commands.files.named_arrays import read_named_arrays
from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.options.quantity import QuantityValue
from crosscal.commands.terminal.progress import console
from crosscal.core.errors import InputError, wanted
from crosscal.core.run_file import Run
from crosscal.core.whole_file import whole_file


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("run.h5"),
    show_default=True,
    help="File to write.",
)
@click.option("--target", metavar="KEY", help="Name of the conductances: (K, N, M), or (N, M).")
@click.option("--voltage", metavar="KEY", help="Name of the inputs: (V, N) or (K, V, N).")
@click.option("--current", metavar="KEY", help="Name of the readings: (K, V, M), or (V, M).")
@click.option("--conductance-unit", metavar="UNIT", help="S, mS, uS, …  [default: the file's, or S]")
@click.option("--voltage-unit", metavar="UNIT", help="V, mV, …  [default: the file's, or V]")
@click.option("--current-unit", metavar="UNIT", help="A, mA, uA, …  [default: the file's, or A]")
@click.option("--transpose", is_flag=True, help="The conductances have outputs as rows: turn them around.")
@click.option(
    "--vectors-last",
    is_flag=True,
    help="Inputs are (N, V) and readings (M, V), each vector a column: turn them around.",
)
@click.option("--reverse-rows", is_flag=True, help="The rows of the conductances are in reverse order.")
@click.option("--reverse-columns", is_flag=True, help="The columns of the conductances are in reverse order.")
@click.option("--negate", is_flag=True, help="The currents are counted in the other direction.")
@click.option(
    "--full-scale",
    "full_scale_a",
    type=QuantityValue("A"),
    metavar="CURRENT",
    help="Mark readings of this magnitude or more as saturated, such as 1mA.",
)
@click.option("--allow-missing", is_flag=True, help="Mark NaN readings as missing, and go on.")
@click.option("--unchecked", is_flag=True, help="Import currents that do not follow Ohm's law.")
@click.option("--board", default="imported", show_default=True, help="Name of the board, for the records.")
@force_option
def command(
    files: tuple[Path, ...],
    output: Path,
    target: str | None,
    voltage: str | None,
    current: str | None,
    conductance_unit: str | None,
    voltage_unit: str | None,
    current_unit: str | None,
    transpose: bool,
    vectors_last: bool,
    reverse_rows: bool,
    reverse_columns: bool,
    negate: bool,
    full_scale_a: float | None,
    allow_missing: bool,
    unchecked: bool,
    board: str,
    force: bool,
) -> None:
    """Turn measured data in FILES into a run.h5, after checking them.

    FILES are .npz, .npy, .csv, .mat, .nc or HDF5 of any layout: one with all three
    quantities, or one for each. A .csv may have headings with units, such as
    "v1 [V], v2 [V], i1 [uA], g_1_1 [uS], g_2_1 [uS]" with one line per read,
    or hold the lines of one quantity. Names are found by themselves where they
    are usual, as target, voltage, current, G, V, I.

    Shapes, missing and saturated readings, units, sign and order of rows and
    columns are checked: conductance × voltage must explain the currents. What
    is wrong is refused, with the option that corrects it.

    \b
    crosscal import lab.npz --target G --voltage V --current I -o run.h5
    crosscal import g.csv v.csv i.csv --current-unit uA -o run.h5
    crosscal import lab.mat --conductance-unit uS --transpose -o run.h5
    """
    require_output_file(output, force=force)
    arrays = read_named_arrays(files)
    chosen = (
        choose(arrays, TARGET, target, conductance_unit),
        choose(arrays, VOLTAGE, voltage, voltage_unit),
        choose(arrays, CURRENT, current, current_unit),
    )
    by_read = {array.by_read for array in chosen}
    if by_read == {True}:
        target_s, voltage_v, current_a = from_reads(*chosen, arrays.get("matrix"))
    elif by_read == {False}:
        target_s, voltage_v, current_a = (array.values for array in chosen)
    else:
        raise InputError(
            wanted(
                got="a table with one line per read beside arrays of another form",
                allowed="all three quantities in the table, or each in a file of its own",
                remedy="put them into one form",
            )
        )
    if vectors_last:
        voltage_v, current_a = (np.swapaxes(values, -1, -2) for values in (voltage_v, current_a))
    if transpose:
        target_s = np.swapaxes(target_s, -1, -2)
    target_s = target_s[..., ::-1, :] if reverse_rows else target_s
    target_s = target_s[..., ::-1] if reverse_columns else target_s
    current_a = _readings_of(current_a, target_s, voltage_v)
    run = Run.from_arrays(
        target_s,
        voltage_v,
        -current_a if negate else current_a,
        identity=board,
        full_scale_a=full_scale_a,
        allow_missing=allow_missing,
        unchecked=unchecked,
    )
    with whole_file(output) as part:
        run.save(part)
    matrices, vectors, rows = run.voltage_v.shape
    console.print(
        f"wrote {output}: {matrices} matrices of {rows}×{run.target_s.shape[2]}, {vectors} vectors each; "
        f"{int((run.status != 0).sum())} readings are marked as saturated or missing",
        highlight=False,
    )


def _readings_of(current_a: np.ndarray, target_s: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
    """Cut lines that follow each other, all vectors of a matrix and then the next, into matrices."""
    several = target_s.ndim == 3 and current_a.ndim == 2 and voltage_v.ndim == 2
    if several and len(current_a) == len(target_s) * len(voltage_v):
        return current_a.reshape(len(target_s), len(voltage_v), -1)
    return current_a
