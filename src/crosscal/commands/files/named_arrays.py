"""Named arrays of files in the formats that people have: .npz, .npy, .csv, .mat, .nc, HDF5."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crosscal.commands.files.arrays import read_numbers
from crosscal.core.errors import InputError, wanted
from crosscal.core.file_content import HDF5, NETCDF, NUMPY, TEXT, describe_content
from crosscal.core.file_errors import remedy_of
from crosscal.core.text_file import read_text

_COLUMN = re.compile(r"\s*(?P<name>[^\[(]*?)\s*(?:[\[(](?P<unit>[^\])]*)[\])])?\s*")
_NUMBERED = re.compile(r"(?P<key>.*?)[_ .]?(?P<first>\d+)(?:[_ .,](?P<second>\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedArray:
    """Array of a file.

    Attributes:
        values: the numbers, in the file's unit.
        unit: the unit that the file states, such as `uA`; None if it states none.
        by_read: whether the first axis counts reads of all matrices, as the lines of a table do.
    """

    values: np.ndarray
    unit: str | None = None
    by_read: bool = False


def read_named_arrays(paths: Sequence[Path]) -> dict[str, NamedArray]:
    """Read all arrays of some files: by key, by a file's name where it holds one, by a table's headings.

    Raises:
        InputError: a file of another kind, damaged, or without numbers.
    """
    found: dict[str, NamedArray] = {}
    for path in paths:
        for name, array in _read(path).items():
            if name in found:
                raise InputError(
                    wanted(
                        got=f"{name!r} in two files", allowed="each name once", remedy="rename one of them"
                    )
                )
            found[name] = array
    return found


def _read(path: Path) -> dict[str, NamedArray]:
    try:
        kind = describe_content(path)
        if kind == NUMPY:
            return {path.stem: NamedArray(values=read_numbers(path))}
        if kind == "a .npz archive":
            # Opened here: of a damaged archive numpy would leave its file open.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return {name: NamedArray(values=archive[name]) for name in archive.files}
        if kind == HDF5:
            return _hdf5(path, turned=False)
        if kind == "a .mat file":
            return _mat(path)
        if kind == NETCDF:
            return _netcdf(path)
        if kind == TEXT:
            return _table(path)
        raise ValueError(f"it is {kind}")
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError(
            wanted(
                got=f"{path}, a file that cannot be read ({next(iter(str(error).splitlines()), 'damaged')})",
                allowed=".npz, .npy, .csv, .mat, .nc or HDF5 with arrays of numbers",
                remedy="save the arrays in one of these",
            )
        ) from error
    except OSError as error:
        raise InputError(
            wanted(
                got=f"{path}: {error.strerror or error}",
                allowed="files that exist and can be read",
                remedy=remedy_of(error.errno, writing=False),
            )
        ) from error


def _hdf5(path: Path, *, turned: bool) -> dict[str, NamedArray]:
    import h5py

    found: dict[str, NamedArray] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim and item.dtype.kind in "fiu":
            values = item[...]
            unit = item.attrs.get("unit", item.attrs.get("units"))
            text = unit.decode() if isinstance(unit, bytes) else unit
            found[name] = NamedArray(
                values=values.T if turned else values, unit=text if isinstance(text, str) else None
            )

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def _mat(path: Path) -> dict[str, NamedArray]:
    with path.open("rb") as file:
        if file.read(10) == b"MATLAB 7.3":
            # HDF5 behind a heading; MATLAB's first axis is HDF5's last.
            return _hdf5(path, turned=True)
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path)
    except (MatReadError, NotImplementedError) as error:
        raise ValueError(str(error)) from error
    return {
        name: NamedArray(values=np.asarray(values))
        for name, values in content.items()
        if not name.startswith("__") and np.asarray(values).dtype.kind in "fiu"
    }


def _netcdf(path: Path) -> dict[str, NamedArray]:
    from scipy.io import netcdf_file

    with netcdf_file(path, "r", mmap=False) as file:
        return {
            name: NamedArray(values=np.asarray(variable[:], dtype=float), unit=_text(variable))
            for name, variable in file.variables.items()
            if variable.shape
        }


def _text(variable: object) -> str | None:
    units = getattr(variable, "units", None)
    return units.decode() if isinstance(units, bytes) else None


def _table(path: Path) -> dict[str, NamedArray]:
    """Read text: with headings, columns of one name make an array; without, all of it is one."""
    text = read_text(path)
    delimiter = next((mark for mark in ";\t," if mark in text), ",")
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    if not rows:
        raise ValueError("it is empty")
    if _is_number(rows[0][0], delimiter):
        return {path.stem: NamedArray(values=np.atleast_2d(read_numbers(path)))}
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError(f"its lines have {min(widths)} to {max(widths)} columns")
    numbers = np.array([[_number(cell, delimiter) for cell in row] for row in rows[1:]])
    return _columns(rows[0], numbers, path)


def _columns(headings: list[str], numbers: np.ndarray, path: Path) -> dict[str, NamedArray]:
    groups: dict[str, list[int]] = {}
    units: dict[str, str | None] = {}
    for index, heading in enumerate(headings):
        match = _COLUMN.fullmatch(heading)
        name = match["name"] if match else heading
        numbered = _NUMBERED.fullmatch(name)
        key = numbered["key"] if numbered and numbered["key"] else name
        groups.setdefault(key, []).append(index)
        units[key] = match["unit"] if match else None
    counters = {"matrix", "vector", "row"}
    lines = {key for key in groups if key not in counters}
    if len(lines) == 1:
        # A file of one quantity, called by its own name: a stack of matrices, if they are numbered.
        (key,) = lines
        values = numbers[:, groups[key]]
        if "matrix" in groups:
            order = numbers[:, groups["matrix"][0]]
            values = np.stack([values[order == number] for number in dict.fromkeys(order)])
        return {path.stem: NamedArray(values=values, unit=units[key])}
    return {
        key: NamedArray(values=numbers[:, groups[key]], unit=units[key], by_read=True)
        for key in groups
        if key not in counters - {"matrix"}
    }


def _is_number(cell: str, delimiter: str) -> bool:
    try:
        _number(cell, delimiter)
    except ValueError:
        return False
    return True


def _number(cell: str, delimiter: str) -> float:
    text = cell.strip()
    return float((text.replace(",", ".") if delimiter == ";" else text) or "nan")
