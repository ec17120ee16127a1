"""`run.h5`: what was measured on a board, matrix by matrix, with everything needed to believe it later.

Every dataset is laid out in full when the file is created, so that recording a matrix only overwrites raw
bytes and never HDF5's own structure; `finished[k]` is set last. A process killed at any instant therefore
leaves a file that opens, with every finished matrix whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from crosscal.core.errors import RunFileError

FORMAT = "crosscal-run"
FORMAT_VERSION = 1


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
    """

    matrices: int
    vectors: int
    rows: int
    columns: int
    inputs: str
    seed: int
    identity: str
    has_truth: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRecord:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The finished matrices of a run.h5, in memory; K counts those.

    Attributes:
        plan: what the run set out to measure.
        settings: every board setting when the run began, by SCPI header.
        target_s: (K, N, M) [S]. voltage_v: (K, V, N) [V]. current_a: (K, V, M) [A]. status: (K, V, M).
        range_a, temperature_c, time_s, cells_failed, program_rms_error: (K,), as in `MatrixRecord`.
        true_conductance_s: (K, N, M) [S], or None if the board was not simulated.
    """

    plan: RunPlan
    settings: dict[str, Any] = field(repr=False)
    target_s: np.ndarray
    voltage_v: np.ndarray
    current_a: np.ndarray
    status: np.ndarray
    range_a: np.ndarray
    temperature_c: np.ndarray
    time_s: np.ndarray
    cells_failed: np.ndarray
    program_rms_error: np.ndarray
    true_conductance_s: np.ndarray | None


def _layout(plan: RunPlan) -> dict[str, tuple[tuple[int, ...], str, str]]:
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
    return layout


class RunWriter:
    """Records a run, matrix by matrix; a context manager. Made by `create` or `resume`."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    @classmethod
    def create(cls, path: Path, plan: RunPlan, settings: dict[str, Any]) -> RunWriter:
        """Lay out a new file.

        Raises:
            RunFileError: the file exists, or cannot be written.
        """
        try:
            with h5py.File(path, "x") as file:
                _write_header(file, plan, settings)
                for name, (shape, dtype, unit) in _layout(plan).items():
                    _allocate(file, name, shape, dtype).attrs["unit"] = unit
        except FileExistsError as error:
            raise RunFileError(
                f"{path} exists already; resume it with --resume, or give another name with -o"
            ) from error
        except OSError as error:
            raise RunFileError(
                f"{path} cannot be written: {error}; choose a folder with room in it"
            ) from error
        return cls(h5py.File(path, "r+"))

    @classmethod
    def resume(cls, path: Path, plan: RunPlan) -> RunWriter:
        """Open a run that was cut off, to measure what is missing.

        Raises:
            RunFileError: not a run.h5, or made with another plan or board.
        """
        file = _open(path, "r+")
        try:
            with _damage_explained(path):
                found = _read_plan(file, path)
                _require_layout(file, found)
            if found != plan:
                differences = ", ".join(
                    f"{name}: the file has {getattr(found, name)!r}, asked for {getattr(plan, name)!r}"
                    for name in RunPlan.__slots__
                    if getattr(found, name) != getattr(plan, name)
                )
                raise RunFileError(
                    f"{path} cannot be resumed ({differences}); use the options of the run that began it, "
                    "or give another name with -o"
                )
        except BaseException:
            file.close()
            raise
        return cls(file)

    @property
    def finished(self) -> np.ndarray:
        """True for every matrix that is whole, (K,)."""
        return _dataset(self._file, "finished")[:].astype(bool)

    def write(self, index: int, record: MatrixRecord) -> None:
        """Record matrix `index`; when this returns it survives the end of the process, however that comes."""
        names = [name for name in _dataset_names(self._file) if name != "finished"]
        for name in names:
            _dataset(self._file, name)[index] = getattr(record, name)
        self._file.flush()
        _dataset(self._file, "finished")[index] = 1
        self._file.flush()

    def close(self) -> None:
        """Close the file; finished matrices are safe already."""
        if self._file:
            self._file.flush()
            os.fsync(self._file.id.get_vfd_handle())
            self._file.close()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_run(path: Path) -> Run:
    """Read the finished matrices of a run.

    Raises:
        RunFileError: not a run.h5, damaged or cut off, of a newer format, or with no finished matrix.
    """
    with _open(path, "r") as file, _damage_explained(path):
        plan = _read_plan(file, path)
        _require_layout(file, plan)
        finished = _dataset(file, "finished")[:].astype(bool)
        arrays = {name: _dataset(file, name)[:][finished] for name in _layout(plan) if name != "finished"}
        settings = json.loads(str(file.attrs["settings"]))
    if not finished.any():
        raise RunFileError(f"{path} holds no finished matrix yet; continue it with crosscal collect --resume")
    arrays.setdefault("true_conductance_s", None)
    return Run(plan=plan, settings=settings, **arrays)


def _open(path: Path, mode: str) -> h5py.File:
    if not path.exists():
        raise RunFileError(f"{path} does not exist; crosscal collect writes one")
    try:
        return h5py.File(path, mode)
    except OSError as error:
        raise RunFileError(
            f"{path} cannot be opened as HDF5 ({error}): not a run.h5, damaged, or being written; "
            "restore it from a copy or collect again"
        ) from error


def _write_header(file: h5py.File, plan: RunPlan, settings: dict[str, Any]) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["settings"] = json.dumps(settings)
    for name in RunPlan.__slots__:
        file.attrs[name] = getattr(plan, name)


def _read_plan(file: h5py.File, path: Path) -> RunPlan:
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
    )


@contextmanager
def _damage_explained(path: Path) -> Iterator[None]:
    """Turn what reading a damaged file raises into one error."""
    try:
        yield
    except (KeyError, OSError, ValueError, RuntimeError) as error:
        raise RunFileError(
            f"{path} is damaged ({error}); nothing was read: restore it from a copy or collect again"
        ) from error


def _require_layout(file: h5py.File, plan: RunPlan) -> None:
    for name, (shape, dtype, _) in _layout(plan).items():
        dataset = _dataset(file, name)
        if dataset.shape != shape or dataset.dtype != np.dtype(dtype):
            raise ValueError(
                f"{name} is {dataset.dtype} of shape {dataset.shape}, its header says {dtype} of {shape}"
            )


def _allocate(file: h5py.File, name: str, shape: tuple[int, ...], dtype: str) -> h5py.Dataset:
    """Reserve a dataset's bytes now (HDF5 would do it at the first write, changing the file's structure)."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.CONTIGUOUS)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    # An unwritten number reads as NaN, never as a plausible zero.
    creation.set_fill_value(np.array(np.nan if dtype == "f8" else 0, dtype=dtype))
    h5py.h5d.create(
        file.id,
        name.encode(),
        h5py.h5t.py_create(np.dtype(dtype)),
        h5py.h5s.create_simple(shape),
        dcpl=creation,
    )
    return _dataset(file, name)


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise KeyError(f"{name} is not a dataset")
    return dataset


def _dataset_names(file: h5py.File) -> list[str]:
    return [str(name) for name in file if isinstance(file[name], h5py.Dataset)]
