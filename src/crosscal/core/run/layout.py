"""Layout of a `run.h5`: header, datasets with their units, and the checks of both.

Every dataset is laid out in full when the file is created, so that recording a matrix only overwrites raw
bytes and never HDF5's own structure; `finished[k]` is set last. A process killed at any instant therefore
leaves a file that opens, with every finished matrix whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from crosscal.core.errors import RunFileError
from crosscal.core.file_content import HDF5, UNKNOWN, describe_content
from crosscal.core.file_errors import hdf5_error, remedy_of
from crosscal.core.short_repr import ShortRepr

FORMAT = "crosscal-run"
FORMAT_VERSION = 4  # 4: read-backs of cells; 3: their ages; 1 to 3 are read too


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What a run is to measure, and on which board: a resumed run must have the same.

    Attributes:
        matrices: number of matrices, K.
        vectors: vectors per matrix, V.
        rows, columns: the array, N and M.
        inputs: kind of inputs, such as `random`, `sine`, `dc`, `fir`.
        seed: seed that matrices and vectors are drawn from.
        identity: the board's `*IDN?`.
        has_truth: whether the board is simulated and tells its true conductances.
        has_ages: whether it also tells its cells' ages; False in files of format version 2 and before.
        has_read_backs: whether cells were read back; False in files of format version 3 and before.
        draw: distribution of a cell within the range, such as `uniform` or `off:0.9`.
        conductance_range_s: range that targets were drawn from [S]; None in files of format version 1.
        voltage_range_v: window of inputs [V]; None in files of format version 1.
        repeats: readings of one vector, one after the other, on the first matrix; 0 of runs without.
    """

    matrices: int
    vectors: int
    rows: int
    columns: int
    inputs: str
    seed: int
    identity: str
    has_truth: bool
    has_ages: bool = False
    has_read_backs: bool = False
    draw: str = "uniform"
    conductance_range_s: tuple[float, float] | None = None
    voltage_range_v: tuple[float, float] | None = None
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RepeatedReadings(ShortRepr):
    """One vector, read again and again: tells the noise of readings by the time between them.

    Attributes:
        voltage_v: the vector [V], (N,).
        current_a: in the order of the readings [A], (R, M); NaN where an amplifier gave none.
        status: `readout.Status` bits, (R, M).
        reading_s: length of a reading, averages included [s].
        spacing_s: time from one reading to the next [s].
    """

    voltage_v: np.ndarray
    current_a: np.ndarray
    status: np.ndarray
    reading_s: float
    spacing_s: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MatrixRecord(ShortRepr):
    """All that was measured on one programmed matrix.

    Attributes:
        target_s: what was asked for [S], (N, M).
        voltage_v: inputs as asked for [V], (V, N).
        current_a: measured currents [A], (V, M); NaN where an amplifier gave none.
        status: `readout.Status` bits, (V, M).
        range_a: full scale the currents were taken in [A].
        temperature_c: board temperature [°C], NaN without a thermometer.
        time_s: when the reading ended [s since 1970, UTC].
        cells_failed: cells that write-verify gave up on; -1 if unknown.
        program_rms_error: relative rms error of the verify readings; NaN if unknown.
        true_conductance_s: actual conductances [S], (N, M), of a simulated board; None on hardware.
        written_s: those when the cells were last written [S], (N, M); None if the board cannot tell.
        cell_age_s: time since each cell was last written [s], (N, M); None if the board cannot tell.
        read_back_s: conductances that the board measured after programming [S], (N, M), NaN where it could
            not; None if it was not asked.
        repeats: readings of one vector after all others; None of matrices without.
    """

    target_s: np.ndarray
    voltage_v: np.ndarray
    current_a: np.ndarray
    status: np.ndarray
    range_a: float
    temperature_c: float
    time_s: float
    cells_failed: int
    program_rms_error: float
    true_conductance_s: np.ndarray | None = None
    written_s: np.ndarray | None = None
    cell_age_s: np.ndarray | None = None
    read_back_s: np.ndarray | None = None
    repeats: RepeatedReadings | None = None


REPEATS = "repeat_"
"""Beginning of the names of datasets that hold the attributes of `RepeatedReadings`."""


def dataset_layout(plan: RunPlan) -> dict[str, tuple[tuple[int, ...], str, str]]:
    """Name → (shape, dtype, unit) of every dataset."""
    k, v, n, m = plan.matrices, plan.vectors, plan.rows, plan.columns
    layout = {
        "target_s": ((k, n, m), "f8", "S"),
        "voltage_v": ((k, v, n), "f8", "V"),
        "current_a": ((k, v, m), "f8", "A"),
        "status": ((k, v, m), "u1", "bits: 1 over range, 2 under resolution, 4 amplifier fault"),
        "range_a": ((k,), "f8", "A"),
        "temperature_c": ((k,), "f8", "°C"),
        "time_s": ((k,), "f8", "s since 1970-01-01T00:00Z"),
        "cells_failed": ((k,), "i8", "cells"),
        "program_rms_error": ((k,), "f8", "relative"),
        "finished": ((k,), "u1", "1 when every value of this matrix is written"),
    }
    if plan.has_truth:
        layout["true_conductance_s"] = ((k, n, m), "f8", "S")
    if plan.has_ages:
        layout["written_s"] = ((k, n, m), "f8", "S")
        layout["cell_age_s"] = ((k, n, m), "f8", "s")
    if plan.has_read_backs:
        layout["read_back_s"] = ((k, n, m), "f8", "S")
    if plan.repeats:
        of_repeats = {
            "voltage_v": ((n,), "f8", "V"),
            "current_a": ((plan.repeats, m), "f8", "A"),
            "status": ((plan.repeats, m), "u1", "bits as of status"),
            "reading_s": ((1,), "f8", "s, averages included"),
            "spacing_s": ((1,), "f8", "s from one reading to the next"),
        }
        layout |= {f"{REPEATS}{name}": entry for name, entry in of_repeats.items()}
    return layout


def open_run(path: Path, mode: str) -> h5py.File:
    """Open a run.h5.

    Raises:
        RunFileError: it does not exist, is no HDF5 file, or the system does not let it be opened.
    """
    if not path.exists():
        raise RunFileError(f"{path} does not exist; check the path, or let crosscal collect write it")
    try:
        return h5py.File(path, mode)
    except OSError as error:
        number, text = hdf5_error(error)
        if number is not None:
            remedy = remedy_of(number, writing=mode != "r")
            raise RunFileError(f"{path} cannot be opened: {text}; {remedy}") from error
        kind = describe_content(path)
        if kind not in (HDF5, UNKNOWN) and path.stat().st_size > 0:
            raise RunFileError(
                f"{path} is {kind}, no run.h5; give the file that crosscal collect wrote"
            ) from error
        raise RunFileError(
            f"{path} cannot be opened as HDF5 ({text}): not a run.h5, damaged, or being written; "
            "restore it from a copy or collect again"
        ) from error


def write_header(file: h5py.File, plan: RunPlan, settings: dict[str, Any]) -> None:
    """Write format, plan and the board's settings as attributes."""
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["settings"] = json.dumps(settings)
    for name in RunPlan.__slots__:
        value = getattr(plan, name)
        if value is not None:
            file.attrs[name] = value


def read_plan(file: h5py.File, path: Path) -> RunPlan:
    """Read the header.

    Raises:
        RunFileError: no crosscal run, or one of a newer format.
        KeyError, ValueError: a damaged header.
    """
    attributes = file.attrs
    if attributes.get("format") != FORMAT:
        raise RunFileError(f"{path} is an HDF5 file but not a crosscal run; crosscal collect writes one")
    version = int(str(attributes["format_version"]))
    if version > FORMAT_VERSION:
        raise RunFileError(
            f"{path} has format version {version}, this crosscal reads up to {FORMAT_VERSION}; "
            "update crosscal"
        )
    return RunPlan(
        **{name: int(str(attributes[name])) for name in ("matrices", "vectors", "rows", "columns", "seed")},
        inputs=str(attributes["inputs"]),
        identity=str(attributes["identity"]),
        has_truth=bool(attributes["has_truth"]),
        has_ages=bool(attributes.get("has_ages", False)),
        has_read_backs=bool(attributes.get("has_read_backs", False)),
        draw=str(attributes.get("draw", "uniform")),
        conductance_range_s=_pair(attributes.get("conductance_range_s")),
        voltage_range_v=_pair(attributes.get("voltage_range_v")),
        repeats=int(str(attributes.get("repeats", 0))),
    )


def _pair(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = (float(number) for number in value)
    return low, high


@contextmanager
def damage_explained(path: Path) -> Iterator[None]:
    """Turn the errors of reading a damaged file into one."""
    try:
        yield
    except (KeyError, OSError, ValueError, RuntimeError) as error:
        raise RunFileError(
            f"{path} is damaged ({error}); nothing was read: restore it from a copy or collect again"
        ) from error


def require_layout(file: h5py.File, plan: RunPlan) -> None:
    """Refuse a file with datasets of other shapes or types than its header says.

    Raises:
        ValueError, KeyError: the dataset is named.
    """
    for name, (shape, dtype, _) in dataset_layout(plan).items():
        found = dataset(file, name)
        if found.shape != shape or found.dtype != np.dtype(dtype):
            raise ValueError(
                f"{name} is {found.dtype} of shape {found.shape}, its header says {dtype} of {shape}"
            )


def dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Take a dataset of a file.

    Raises:
        KeyError: none of that name.
    """
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise KeyError(f"{name} is not a dataset")
    return found
