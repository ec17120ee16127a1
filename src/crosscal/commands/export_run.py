"""`crosscal export`: the data of a run.h5 in other formats."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from crosscal.commands.files.output import force_option, require_output_file
from crosscal.commands.terminal.progress import console
from crosscal.core.errors import InputError, wanted
from crosscal.core.run_file import Run, read_run
from crosscal.core.whole_file import whole_file

SUFFIXES = (".csv", ".npz", ".nc", ".mat")
AXES = {
    "target_s": ("matrix", "row", "column"),
    "voltage_v": ("matrix", "vector", "row"),
    "current_a": ("matrix", "vector", "column"),
    "status": ("matrix", "vector", "column"),
    "range_a": ("matrix",),
    "temperature_c": ("matrix",),
    "time_s": ("matrix",),
    "cells_failed": ("matrix",),
    "program_rms_error": ("matrix",),
    "true_conductance_s": ("matrix", "row", "column"),
    "written_s": ("matrix", "row", "column"),
    "cell_age_s": ("matrix", "row", "column"),
    "read_back_s": ("matrix", "row", "column"),
}
TIMES = ("time_s", "cell_age_s")
UNITS = {"_s": "S", "_v": "V", "_a": "A", "_c": "degC"}
TABLES = {
    "target": ("target_s", "row", "S"),
    "voltage": ("voltage_v", "vector", "V"),
    "current": ("current_a", "vector", "A"),
}


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write: .csv, .npz, .nc or .mat; for x.csv, x.target.csv, x.voltage.csv and x.current.csv.",
)
@force_option
def command(run: Path, output: Path, force: bool) -> None:
    """Write the data of RUN, a run.h5, as .csv, .npz, .nc (NetCDF) or .mat.

    Names, axes and units are those of run.h5: target_s, voltage_v, current_a,
    status and so on. `crosscal import` reads them back.

    \b
    crosscal export run.h5 -o data.npz
    crosscal export run.h5 -o tables.csv
    crosscal import data.target.csv data.voltage.csv data.current.csv
    """
    suffix = output.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            wanted(
                got=f"{output}", allowed=", ".join(SUFFIXES), remedy="give the output one of these suffixes"
            )
        )
    outputs = [output] if suffix != ".csv" else [output.with_suffix(f".{name}.csv") for name in TABLES]
    for path in outputs:
        require_output_file(path, force=force)
    measured = read_run(run)
    if suffix == ".csv":
        for path, name in zip(outputs, TABLES, strict=True):
            _write_table(measured, name, path)
    elif suffix == ".npz":
        with whole_file(output) as part, part.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **_arrays(measured))
    elif suffix == ".mat":
        from scipy.io import savemat

        with whole_file(output) as part, part.open("wb") as file:
            savemat(file, _arrays(measured))
    else:
        with whole_file(output) as part:
            _write_netcdf(measured, part)
    for path in outputs:
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def _arrays(run: Run) -> dict[str, np.ndarray]:
    return {name: value for name in AXES if (value := getattr(run, name)) is not None}


def _write_table(run: Run, name: str, path: Path) -> None:
    """Write one quantity, a line per row or vector of each matrix, counted from 1."""
    attribute, second, unit = TABLES[name]
    values = getattr(run, attribute)
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["matrix", second, *(f"{name}_{j + 1} [{unit}]" for j in range(values.shape[2]))])
        writer.writerows(_lines(values))


def _lines(values: np.ndarray) -> Iterator[list[float]]:
    for k, matrix in enumerate(values.tolist()):
        for index, line in enumerate(matrix):
            yield [k + 1, index + 1, *line]


def _write_netcdf(run: Run, path: Path) -> None:
    from scipy.io import netcdf_file

    arrays = _arrays(run)
    # 64-bit offsets: a run may be larger than 2 GB.
    with netcdf_file(path, "w", version=2) as file:
        for name, array in arrays.items():
            for axis, length in zip(AXES[name], array.shape, strict=True):
                if axis not in file.dimensions:
                    file.createDimension(axis, length)
            # Classic NetCDF has neither unsigned nor 64-bit integers.
            kind = "d" if array.dtype.kind == "f" else "i"
            variable = file.createVariable(name, kind, AXES[name])
            variable[:] = array
            unit = "s" if name in TIMES else UNITS.get(name[-2:])
            if unit is not None:
                variable.units = unit
        file.board = run.plan.identity
