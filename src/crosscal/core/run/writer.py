"""Writer of a `run.h5`, matrix by matrix, safe against the end of the process at any instant."""

from __future__ import annotations

import logging
import math
import os
import shutil
from dataclasses import replace
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from crosscal.core.errors import RunFileError, wanted
from crosscal.core.file_errors import hdf5_error, remedy_of
from crosscal.core.run.layout import (
    REPEATS,
    MatrixRecord,
    RunPlan,
    damage_explained,
    dataset,
    dataset_layout,
    open_run,
    read_plan,
    require_layout,
    write_header,
)

logger = logging.getLogger(__name__)

HEADER_BYTES = 65_536
"""Room for HDF5's own structure and the board's settings: 20 kB on our boards, however large the run."""

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


class RunWriter:
    """Recorder of a run, matrix by matrix; a context manager. Made by `create` or `resume`.

    A file that it created is removed when an exception ends it before the first matrix is finished:
    a collection that failed at its start leaves nothing in the way of the next.
    """

    def __init__(self, file: h5py.File, path: Path, *, created: bool) -> None:
        self._file = file
        self._path = path
        self._created = created

    @classmethod
    def create(cls, path: str | PathLike[str], plan: RunPlan, settings: dict[str, Any]) -> RunWriter:
        """Lay out a new file; it gets its name only once it is whole.

        A run without a finished matrix, left by a process that was killed at its start, is replaced.

        Raises:
            RunFileError: the file exists, there is no room for it, or it cannot be written.
        """
        path = Path(path)
        if path.exists() and not _is_empty_run(path):
            raise RunFileError(
                f"{path} exists already; resume it with --resume, or give another name with -o"
            )
        part = path.with_name(f".{path.name}.part")
        try:
            _reserve(part, plan)
            with h5py.File(part, "w") as file:
                write_header(file, plan, settings)
                for name, (shape, dtype, unit) in dataset_layout(plan).items():
                    _allocate(file, name, shape, dtype).attrs["unit"] = unit
            part.replace(path)
        # HDF5 raises ValueError and RuntimeError, too, where the system refuses to write.
        except (OSError, ValueError, RuntimeError) as error:
            number, text = hdf5_error(error)
            raise RunFileError(
                f"{path} cannot be written: {text}; {remedy_of(number, writing=True)}"
            ) from error
        finally:
            part.unlink(missing_ok=True)
        logger.info("laid out %s: %d matrices of %d vectors", path, plan.matrices, plan.vectors)
        return cls(open_run(path, "r+"), path, created=True)

    @classmethod
    def resume(cls, path: str | PathLike[str], plan: RunPlan) -> RunWriter:
        """Open a run that was cut off, to measure what is missing.

        Raises:
            RunFileError: not a run.h5, or made with another plan or board.
        """
        path = Path(path)
        file = open_run(path, "r+")
        try:
            with damage_explained(path):
                found = read_plan(file, path)
                require_layout(file, found)
            # What the board tells beyond the file is left out: a file begun without read-backs goes on so.
            if found not in (plan, replace(plan, has_read_backs=False)):
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
        logger.info(
            "resumed %s: %d of %d matrices are finished",
            path,
            int(dataset(file, "finished")[:].sum()),
            plan.matrices,
        )
        return cls(file, path, created=False)

    @property
    def finished(self) -> np.ndarray:
        """True for every matrix that is whole, (K,)."""
        return dataset(self._file, "finished")[:].astype(bool)

    def write(self, index: int, record: MatrixRecord) -> None:
        """Record matrix `index`; when this returns it survives the end of the process, however that comes.

        Raises:
            RunFileError: the file system refuses to write.
        """
        names = [str(name) for name in self._file if name != "finished"]
        try:
            for name in names:
                if not name.startswith(REPEATS):
                    dataset(self._file, name)[index] = getattr(record, name)
                elif record.repeats is not None:
                    dataset(self._file, name)[...] = getattr(record.repeats, name.removeprefix(REPEATS))
            self._file.flush()
            dataset(self._file, "finished")[index] = 1
            self._file.flush()
            logger.info("matrix %d is recorded in %s", index, self._path)
        except (OSError, RuntimeError) as error:
            # A file system that copies on write may need room for bytes that were reserved.
            number, text = hdf5_error(error)
            raise RunFileError(
                f"{self._path} cannot be written any more: {text}; {remedy_of(number, writing=True)}, then "
                "resume it"
            ) from error

    def close(self) -> None:
        """Close the file; finished matrices are safe already."""
        if not self._file:
            return
        self._file.flush()
        os.fsync(self._file.id.get_vfd_handle())
        self._file.close()

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        empty = not self.finished.any()
        self.close()
        if kind is not None and self._created and empty:
            self._path.unlink(missing_ok=True)


def _is_empty_run(path: Path) -> bool:
    """Tell whether a file is a whole run.h5 that no one is writing and that holds no finished matrix."""
    try:
        with open_run(path, "r+") as file, damage_explained(path):
            require_layout(file, read_plan(file, path))
            return not dataset(file, "finished")[:].any()
    except RunFileError:
        return False


def _reserve(path: Path, plan: RunPlan) -> None:
    """Make sure that a file of this plan fits, before HDF5 fails half-way through writing it.

    Raises:
        RunFileError: the disk has less room.
        OSError: the system refuses a file of this size, or any.
    """
    needed = HEADER_BYTES + sum(
        math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype, _ in dataset_layout(plan).values()
    )
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise RunFileError(
            wanted(
                got=f"a run of {plan.matrices} matrices with {plan.vectors} vectors each, {_size(needed)}",
                allowed=f"{_size(free)}, the free space of {path.parent.absolute()}",
                remedy="ask for fewer matrices or vectors, or choose a folder on another disk",
            )
        )
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            # Quotas and limits are not seen in the free space.
            os.posix_fallocate(file.fileno(), 0, needed)


def _size(count: int) -> str:
    """Phrase a number of bytes."""
    power = min(int(math.log10(max(count, 1))) // 3, len(_PREFIXES) - 1)
    return f"{count / 1000**power:.3g} {_PREFIXES[power]}B"


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
    return dataset(file, name)
